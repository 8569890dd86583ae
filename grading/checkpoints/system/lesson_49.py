"""Release the system: orphans told from what is in use, and nothing left at the end."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, prediction
from grading.checkpoints.leases import judge_release
from labs.records import Records


@prediction(
    "s.release.orphans_guess",
    about={"subject": "system.survey"},
    title="Predict how many orphans a sweep finds while you are at work",
    between=(0, 100),
)
def orphans(records: Records) -> float | None:
    """Return how many of the listed resources were orphans."""
    seen = records.seen("system.survey")
    return None if seen is None else seen["orphans"]


@checkpoint(
    "s.release.hours",
    points=2,
    title="Give everything back, and say how many hours of the block others can have",
    hint=(
        "After `from datetime import datetime`, `datetime.fromisoformat(text)` makes a moment of a text; the "
        "difference of two has `total_seconds()`."
    ),
)
def hours(records: Records) -> Verdict:
    """Judge that nothing is left, and the hours given back."""
    return judge_release(records, "system", "s.release.hours")
