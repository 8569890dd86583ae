"""Facts about the recommendation for the server."""

from labs.checkpoints.reads.recommendations import compared
from labs.records import Records


def choice(records: Records) -> dict:
    """Return what the recommendation says, and what its machine has measured."""
    facts, row, floats = compared(records, "defend.choice", "food11")
    kept = row["p95_ms"] <= floats["p95_ms"] and facts["accuracy_kept"]
    return facts | {"kept": bool(facts["measured"] and kept), "most_ms": floats["p95_ms"]}
