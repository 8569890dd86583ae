"""The causes that a student gives for what an unprotected service lost."""

from labs.course.question import MissingEvidenceError
from labs.deeper.fire.plan import ATTACKS
from labs.deeper.fire.score import WHOLE, scores
from labs.records import Records


def causes(records: Records) -> dict:
    """Return the causes of an answer, and the number of photos that the newest run of `frail.py`
    lost.

    Raises:
        MissingEvidenceError: There is no such run, or not of all attacks.
    """
    record = records.latest(kind="load", option="fire-frail")
    if record is None or len(record.details.get("windows", ())) < len(ATTACKS):
        raise MissingEvidenceError(
            "Run the cell that attacks `frail.py` first, and let it come to its end."
        )
    whole = scores(record)[WHOLE]
    return {**records.answer("fire.causes"), "lost": whole.photos - whole.answered}
