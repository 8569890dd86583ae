"""Facts about the recommendation for the server."""

from labs.checkpoints.reads.observations import newest
from labs.checkpoints.reads.recommendations import compared
from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.decision import is_most_threads


def choice(records: Records) -> dict:
    """Return the recommendation, its machine's records, and whether it found the most threads."""
    facts, _ = compared(records, "defend.choice", "food11", "server-cpu")
    machines = newest(
        records, "defend.machines", "The machines were not compared yet: run the cells above."
    )
    if "threads" not in machines["cpu"]:
        raise MissingEvidenceError(
            "The machines were compared without their threads: run the cells above again."
        )
    most_threads = records.answer("defend.choice")["most_threads"]
    is_most = is_most_threads(most_threads, machines["cpu"], machines["gpu"])
    return facts | {
        "most_threads": most_threads,
        "threads": machines["cpu"]["threads"],
        "is_most": is_most,
    }
