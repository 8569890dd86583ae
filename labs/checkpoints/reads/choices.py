"""Facts about a recommendation: the figures that it quotes, beside those of the records, and how much it says."""

from __future__ import annotations

import re

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.candidates import choosable

#: Accuracy that may be lost against float32, and room for rounding.
MAY_LOSE = 0.01 + 1e-9


def for_server(records: Records) -> dict:
    """Return what the recommendation for the server says, and what its machine has measured."""
    facts, row, floats = _compared(records, "defend.choice", "food11")
    kept = row["p95_ms"] <= floats["p95_ms"] and row["accuracy"] >= floats["accuracy"] - MAY_LOSE
    return facts | {"kept": bool(facts["measured"] and kept), "most_ms": floats["p95_ms"]}


def for_device(records: Records) -> dict:
    """Return what the recommendation for the device says, what was measured there, and whether it was a device."""
    facts, row, floats = _compared(records, "target.choice", "edge-fp32")
    newest = records.latest(kind="latency", option="edge-fp32", batch_size=1)
    rehearsed = newest.machine.testbed.get("site") == "rehearsal" or newest.machine.architecture != "aarch64"
    kept = row["size_bytes"] <= 5_000_000 and row["accuracy"] >= floats["accuracy"] - MAY_LOSE
    given = records.answer("target.choice")
    measured_where = "rehearsal" if rehearsed else "device"
    return facts | {"kept": bool(facts["measured"] and kept), "where": given["where"], "measured_where": measured_where}


def _compared(records: Records, question: str, baseline: str) -> tuple[dict, dict, dict]:
    given, rows = records.answer(question), {one["name"]: one for one in choosable(records, baseline)}
    if baseline not in rows:
        raise MissingEvidenceError(f"`{baseline}` was not measured in full yet: accuracy, size and latency.")
    option, evidence = given["option"], given["evidence"]
    row = rows.get(option, rows[baseline])
    facts = {
        "option": option,
        "measured": option in rows,
        "machine": records.latest(kind="latency", option=baseline, batch_size=1).machine.label,
        "p95_ms": evidence["p95_ms"],
        "measured_p95_ms": row["p95_ms"],
        "right": evidence["right"],
        "measured_right": row["right"],
        "price_words": len(given["price"].split()),
        "price_has_a_figure": bool(re.search(r"\d", given["price"])),
        "change_words": len(given["would_change_my_mind"].split()),
    }
    return facts, row, rows[baseline]
