"""Facts about the batches that Triton formed."""

from labs.course.question import MissingEvidenceError
from labs.records import Records


def formed(records: Records) -> dict:
    """Return the photos per execution of the newest runs with sixteen clients, with the stanza and without it.

    Raises:
        MissingEvidenceError: One of them was not measured yet.
    """
    runs = [records.latest(kind="load", option=f"batching-{name}-16") for name in ("on", "off")]
    seen = [run.load.server for run in runs if run and run.load and run.load.server]
    if len(seen) < len(runs):
        raise MissingEvidenceError("Sixteen clients were not measured yet: run the cell above.")
    return dict(zip(("photos", "plain"), (server.mean_batch for server in seen), strict=True))
