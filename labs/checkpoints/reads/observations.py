"""The observations that sites, steps and cells recorded."""

from labs.course.question import MissingEvidenceError
from labs.records import Records


def newest(records: Records, subject: str, missing: str) -> dict:
    """Return what was seen last of a subject.

    Raises:
        MissingEvidenceError: It was never seen; the message is ``missing``.
    """
    seen = records.seen(subject)
    if seen is None:
        raise MissingEvidenceError(missing)
    return seen
