"""Part 2: what lessons 22 to 28 have ready, from the device's records and from what was seen of it."""

from __future__ import annotations

from types import SimpleNamespace

from grading.rebuild.stage.records import measured, newest, seen, value

_FP32, _INT8 = "edge-fp32", "edge-int8-s8s8"


def racing() -> dict[str, object]:
    """Lesson 23: the estimate's bars and the record that they are held against."""
    return {
        "guesses": {name: _bars(**ends) for name, ends in seen("edge.estimate").items()},
        "found": newest(kind="latency", option=_FP32, batch_size=1),
    }


def _bars(low_s: float, high_s: float) -> SimpleNamespace:
    return SimpleNamespace(
        latency_s=SimpleNamespace(low=low_s, high=high_s), allows=lambda seconds: low_s <= seconds <= high_s
    )


def shrinking() -> dict[str, object]:
    """Lesson 25: accuracies and medians of the contest."""
    options = [one.option for one in measured(kind="accuracy") if one.option.startswith("edge-")]
    contest = dict.fromkeys(options)
    return {
        "contest": contest,
        "accuracy": {option: value(kind="accuracy", option=option) for option in contest},
        "p50": {option: value(kind="latency", option=option, batch_size=1) for option in contest},
    }


STAGES = {23: racing, 25: shrinking}
