"""Facts about an incident: what a query shows of both releases, what a rollback did, and what was written of it."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from labs.checkpoints.reads.observations import newest
from labs.records import Records
from labs.workspace import workspace_dir

#: What a query about each component has to look at.
_ABOUT = {
    "admission": r"serving_in_flight|status=~?\"5|stage=\"queue\"",
    "cache": r"process_(resident|virtual)_memory_bytes",
    "decoder": r"stage=\"prepare\"",
    "model": r"serving_predictions_total",
    "process": r"\bup\b",
}

_NOT_YET = "Nothing was rolled out yet: run the cell that does it, then this check."

#: A value has changed where it is so many times as large, or the other way round.
_CHANGED = 1.4


def evidence(given: Mapping[str, str]) -> dict:
    """Return what a query says about both releases, and whether it looks at the faulty component."""
    # Here, since what judges records runs where no server is.
    from labs.observe.incident import readings
    from labs.observe.replica import faulty

    expression = given["promql"]
    if not isinstance(expression, str):
        raise NotImplementedError
    seed = json.loads((workspace_dir() / "incident" / "state.json").read_text())["seed"]
    facts: dict[str, Any] = {"refused": "", "found": False, "series": 0, "before": 0.0, "during": 0.0, "changed": False}
    facts["about_the_fault"] = bool(re.search(_ABOUT[faulty(seed)], expression))
    try:
        found = readings(expression.strip())
    except ValueError as error:
        return facts | {"refused": str(error)[:300]}
    spans = [[[value for value in one if math.isfinite(value)] for one in found[name]] for name in ("r41", "r42")]
    levels = [[(sorted(one)[len(one) // 2], max(one)) for one in span if one] for span in spans]
    facts |= {"found": all(levels), "series": max(map(len, levels))}
    if not all(levels) or facts["series"] > 1:
        return facts
    ((middle, most),), ((middle_42, most_42),) = levels
    changed = any(_ratio(one, other) >= _CHANGED for one, other in ((middle, middle_42), (most, most_42)))
    return facts | {"before": middle, "during": middle_42, "changed": changed}


def _ratio(one: float, other: float) -> float:
    small, large = sorted((abs(one), abs(other)))
    return large / small if small else math.inf if large else 1.0


def rollback(records: Records) -> dict:
    """Return how many components were rolled back, and whether the fault was gone with them."""
    applied = newest(records, "incident.rollback", _NOT_YET)
    return {"rolled_back": len(applied["rolled_back"]), "recovered": applied["recovered"]}


def postmortem(records: Records) -> dict:
    """Return whether a post-mortem names the cause, and how many words its shortest part has."""
    given, applied = records.answer("incident.postmortem"), newest(records, "incident.rollback", _NOT_YET)
    words = [len(given[part].split()) for part in ("evidence", "action", "prevention")]
    return {"cause": given["cause"], "right": given["cause"] == applied["faulty"], "fewest_words": min(words)}
