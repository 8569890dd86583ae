"""Facts about the chosen networks: their figures in the table, and the best accuracy within the
same limits.
"""

from labs.checkpoints.reads.observations import newest
from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.targets import NETWORK_LIMITS

#: Columns of the table by which a choice is judged, rounded there as they are shown.
COLUMNS = ("times as long", "top-1 %", "million weights")


def networks(records: Records) -> dict:
    """Return the chosen networks' figures, and the best accuracy within each place's limits.

    Raises:
        MissingEvidenceError: There is no table yet, or an older lesson wrote it, without all
            ``COLUMNS``.
    """
    missing = (
        "There is no table of your networks yet. Your choice is judged by it: run the cells "
        "that measure them."
    )
    table = newest(records, "architecture.networks", missing)
    chosen = records.answer("architecture.choice")
    if any(column not in figures for figures in table.values() for column in COLUMNS):
        raise MissingEvidenceError(
            "An older version of this lesson wrote your table: run the cells that measure."
        )
    facts: dict[str, object] = {}
    for place, limit in NETWORK_LIMITS.items():
        name = chosen[place]
        accuracies_within = []
        for figures in table.values():
            is_fast_enough = figures["times as long"] <= limit.times
            is_small_enough = figures["million weights"] <= limit.million_weights
            if is_fast_enough and is_small_enough:
                accuracies_within.append(figures["top-1 %"])
        facts[place] = name
        facts[f"{place}_times"] = table[name]["times as long"]
        facts[f"{place}_million_weights"] = table[name]["million weights"]
        facts[f"{place}_top1"] = table[name]["top-1 %"]
        facts[f"{place}_best"] = max(accuracies_within)
    return facts
