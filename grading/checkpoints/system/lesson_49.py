"""Release the system: orphans told from what is in use, and nothing left at the end."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, prediction
from grading.checkpoints.evidence import last_seen
from grading.checkpoints.leases import judge_release

PLAIN_JSON = True


@prediction(
    "s.release.orphans_guess",
    about={"subject": "system.survey"},
    title="Predict how many orphans a sweep finds while you are at work",
    between=(0, 100),
)
def orphans(entries: list[dict]) -> float | None:
    """Return how many of the listed resources were orphans."""
    seen = last_seen(entries, "system.survey")
    return None if seen is None else seen["orphans"]


@checkpoint(
    "s.release.hours",
    points=2,
    title="Give everything back, and say how many hours of the block others can have",
    hint="`datetime.fromisoformat(text)` makes a moment of a text; the difference of two has `total_seconds()`.",
)
def hours(entries: list[dict]) -> Verdict:
    """Judge that nothing is left, and the hours given back."""
    return judge_release(entries, "system", "s.release.hours")
