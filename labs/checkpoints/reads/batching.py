"""Facts about the batches that Triton formed."""

from labs.course.question import MissingEvidenceError
from labs.records import Records


def formed(records: Records) -> dict:
    """Return the photos per execution of the runs with sixteen clients that the lesson's first
    table shows.

    These are the newest with and without the stanza. The lesson's race has shorter runs of the same
    options, which its first table does not show.

    Raises:
        MissingEvidenceError: One of them was not measured yet.
    """
    facts = {}
    for name, option in (("photos", "batching-on-16"), ("plain", "batching-off-16")):
        runs = records.measurements(kind="load", option=option)
        servers = [run.load.server for run in runs if run.load and "race_id" not in run.details]
        if not servers or servers[-1] is None:
            raise MissingEvidenceError("Sixteen clients were not measured yet: run the cell above.")
        facts[name] = servers[-1].mean_batch
    return facts
