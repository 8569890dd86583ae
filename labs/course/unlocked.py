"""Lessons that an instructor has unlocked for a student who was stuck."""

from collections.abc import Iterable

from labs.records import Observation, Records

#: Raised when the form of the instructor's file changes.
FORM = 1

#: Beginning of the subject under which a ledger notes what was unlocked.
SUBJECT = "unlocked."

#: Why a question has no points.
LOST = (
    "Your instructor unlocked this lesson for you, so this question's points are lost. All later "
    "lessons are open."
)


def before_unlocked(question_id: str, records: Records) -> Records | None:
    """Return the records up to the moment in which a question was unlocked; None if it was not."""
    lesson_id = question_id.partition(".")[0]
    if records.seen(f"{SUBJECT}{lesson_id}") is None:
        return None
    for place, record in enumerate(records):
        if isinstance(record, Observation) and record.subject == f"{SUBJECT}{lesson_id}":
            lost = record.seen.get("lost", ())
            if isinstance(lost, Iterable) and question_id in lost:
                return records[:place]
    return None
