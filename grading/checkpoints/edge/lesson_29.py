"""Release the device: what a container's deletion leaves behind, and nothing left at the end."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, prediction
from grading.checkpoints.leases import LEFT_CHOICES, judge_release, left_after_deletion
from labs.records import Records


@prediction(
    "e.release.left_guess",
    about={"subject": "edge.after_delete"},
    title="Predict what python-chi's deletion of a container leaves behind",
    choices=LEFT_CHOICES,
)
def left(records: Records) -> str | None:
    """Return what the site still listed."""
    return left_after_deletion(records, "edge")


@checkpoint(
    "e.release.hours",
    points=2,
    title="Give everything back, and say how many hours of the block others can have",
    hint=(
        "After `from datetime import datetime`, `datetime.fromisoformat(text)` makes a moment of a text; the "
        "difference of two has `total_seconds()`."
    ),
)
def hours(records: Records) -> Verdict:
    """Judge that nothing is left, and the hours given back."""
    return judge_release(records, "edge", "e.release.hours")
