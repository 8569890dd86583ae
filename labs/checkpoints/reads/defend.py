"""Facts about the recommendation for the server."""

from labs.checkpoints.reads.observations import newest
from labs.checkpoints.reads.recommendations import compared
from labs.records import Records
from labs.records.decision import flips_at


def choice(records: Records) -> dict:
    """Return what the recommendation says, what its machine has measured, and whether the choice flips there."""
    facts, _ = compared(records, "defend.choice", "food11", "server-cpu")
    machines = newest(records, "defend.machines", "The machines were not compared yet: run the cells above.")
    given = records.answer("defend.choice")["flips_at"]
    return facts | {"flips_at": given, "flips": flips_at(given, machines["cpu"], machines["gpu"])}
