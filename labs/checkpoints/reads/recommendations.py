"""Facts about a recommendation: the figures that it quotes, beside those of the records, and how much it says."""

import re

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.candidates import choosable, of_machine
from labs.records.targets import MAY_LOSE


def compared(records: Records, question: str, baseline: str) -> tuple[dict, dict, dict]:
    """Return what a recommendation says beside its records, its option's row, and the baseline's.

    Raises:
        MissingEvidenceError: The baseline was not measured in full.
    """
    given, rows = records.answer(question), {row["name"]: row for row in choosable(records, baseline)}
    if baseline not in rows:
        raise MissingEvidenceError(f"`{baseline}` was not measured in full yet: accuracy, size and latency.")
    option, evidence = given["option"], given["evidence"]
    row = rows.get(option, rows[baseline])
    newest = records.latest(kind="latency", option=baseline, batch_size=1)
    paired = of_machine(records, newest.machine_id).paired_accuracy(option, baseline)
    facts = {
        "option": option,
        "measured": option in rows,
        "machine": newest.machine.label,
        "accuracy_kept": option == baseline or bool(paired and paired.kept(MAY_LOSE) == "kept"),
        "p95_ms": evidence["p95_ms"],
        "measured_p95_ms": row["p95_ms"],
        "right": evidence["right"],
        "measured_right": row["right"],
        "price_words": len(given["price"].split()),
        "price_has_a_figure": bool(re.search(r"\d", given["price"])),
        "change_words": len(given["would_change_my_mind"].split()),
    }
    return facts, row, rows[baseline]
