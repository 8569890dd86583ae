"""Facts about the batches that Triton formed."""

from labs.course.question import MissingEvidenceError
from labs.records import Records


def formed(records: Records) -> dict:
    """Return the photos per execution of the newest runs with sixteen clients, with the stanza and without it.

    Raises:
        MissingEvidenceError: One of them was not measured yet.
    """
    runs = [records.latest(kind="load", option=f"batching-{name}-16") for name in ("on", "off")]
    if not all(run is not None and run.load.server is not None for run in runs):
        raise MissingEvidenceError("Sixteen clients were not measured yet: run the cell above.")
    return dict(zip(("photos", "plain"), (run.load.server.mean_batch for run in runs), strict=True))
