"""Meet the model, second half: where it errs, how certain its accuracy is, and what the targets mean together."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import Mistake, close, function_question
from labs.records import Records

_SIZE = {"kind": "size", "option": "torch-eager"}
_ACCURACY = {"kind": "accuracy", "option": "torch-eager"}


def _predictions(random: np.random.Generator) -> list[tuple]:
    made = []
    while len(made) < 5:
        labels = np.repeat(np.arange(11), random.integers(6, 40, 11))
        wrong = random.random(len(labels)) < random.uniform(0.05, 0.6, 11)[labels]
        predicted = np.where(wrong, (labels + random.integers(1, 11, len(labels))) % 11, labels)
        case = (labels, predicted)
        answers = [hardest_class(*case), _most_wrong(*case), _least_precise(*case), _easiest(*case)]
        if len(set(answers)) == len(answers) and _is_clear(*case):
            made.append(case)
    return made


def _own_predictions(records: Records) -> list[tuple]:
    record = records.latest(**_ACCURACY)
    if record is None:
        return []
    case = (np.array(record.details["labels"]), np.array(record.details["predicted"]))
    return [case] if _is_clear(*case) else []


def _shares(groups: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.array([right[groups == label].mean() if (groups == label).any() else 1.0 for label in range(11)])


def _is_clear(labels: np.ndarray, predicted: np.ndarray) -> bool:
    lowest, second = sorted(_shares(labels, labels == predicted))[:2]
    return second > lowest


def _most_wrong(labels: np.ndarray, predicted: np.ndarray) -> int:
    return int(np.argmax(np.bincount(labels[labels != predicted], minlength=11)))


def _least_precise(labels: np.ndarray, predicted: np.ndarray) -> int:
    return int(np.argmin(_shares(predicted, labels == predicted)))


def _easiest(labels: np.ndarray, predicted: np.ndarray) -> int:
    return int(np.argmax(_shares(labels, labels == predicted)))


@function_question(
    "m.meet.hardest_class",
    title="Find the class that the model gets wrong most often",
    hints=(
        "For each class: of the images whose label it is, which share was predicted right?",
        "`(predicted == labels)[labels == c].mean()` for each class c from 0 to 10; then the smallest.",
    ),
    cases=_predictions,
    own=_own_predictions,
    needs=(_ACCURACY,),
    mistakes=(
        Mistake("easiest", _easiest, "This is the class that it gets right most often: look at the other end."),
        Mistake(
            "number",
            _most_wrong,
            "This class has the largest *number* of wrong images. Classes differ in size: compare shares.",
        ),
        Mistake(
            "by prediction",
            _least_precise,
            "This groups by what was predicted. Group by what the images really show.",
        ),
    ),
)
def hardest_class(labels: np.ndarray, predicted: np.ndarray) -> int:
    """Return the class with the smallest share of right predictions."""
    return int(np.argmin(_shares(labels, labels == predicted)))


def _counts(random: np.random.Generator) -> list[tuple]:
    totals = random.integers(200, 4000, 5)
    shares = (0.6, 0.75, 0.82, 0.9, 0.5)
    return [(round(share * int(total)), int(total)) for share, total in zip(shares, totals, strict=True)]


def _own_count(records: Records) -> list[tuple]:
    record = records.latest(**_ACCURACY)
    return [] if record is None else [(int(sum(record.samples)), len(record.samples))]


@function_question(
    "m.meet.accuracy_interval",
    points=1,
    title="Say how many points a measured accuracy may be off",
    hints=(
        "The standard deviation of a share p of n images is the root of p (1 − p) / n; 95 % lie within 1.96 of them.",
        "`100 * 1.96 * math.sqrt(p * (1 - p) / total)` with `p = right / total`.",
    ),
    cases=_counts,
    own=_own_count,
    needs=(_ACCURACY,),
    mistakes=(
        Mistake("fraction", lambda right, total: _half_width(right, total) / 100, "A point is a hundredth: times 100."),
        Mistake(
            "whole width",
            lambda right, total: 2 * _half_width(right, total),
            "That is the whole interval; what is added and taken away is half of it.",
        ),
        Mistake(
            "one deviation",
            lambda right, total: _half_width(right, total) / 1.96,
            "One standard deviation holds two of three; 95 of 100 need 1.96 of them.",
        ),
        Mistake(
            "no root",
            lambda right, total: 196 * right / total * (1 - right / total) / total,
            "That is built on the variance: its square root is the deviation.",
        ),
    ),
    # Wilson's interval is as good an answer.
    compare=close(rel=0.03),
)
def half_width_points(right: int, total: int) -> float:
    """Return half of the 95 % interval of an accuracy, in percentage points."""
    return _half_width(right, total)


def _half_width(right: int, total: int) -> float:
    share = right / total
    return 100 * 1.96 * math.sqrt(share * (1 - share) / total)


def _loads(random: np.random.Generator) -> list[tuple]:
    return [(float(random.uniform(1e-3, 40e-3)), float(random.uniform(200, 6000))) for _ in range(5)]


@function_question(
    "m.meet.in_flight",
    points=1,
    title="Work out how many photos must be under way at once",
    hints=(
        "With 3 ms each, one after another, how many are done in a second? How often must that be multiplied?",
        "In a second `throughput_fps` photos are begun, and each stays for `latency_s` of it.",
    ),
    cases=_loads,
    needs=(_SIZE,),
    mistakes=(
        Mistake(
            "turned around",
            lambda latency_s, throughput_fps: 1 / (latency_s * throughput_fps),
            "Turned around: the faster photos must come, the more of them are under way.",
        ),
        Mistake(
            "one by one",
            lambda latency_s, throughput_fps: 1 / latency_s,
            "That is what one photo at a time gives. How often does it go into the wanted throughput?",
        ),
        Mistake(
            "milliseconds",
            lambda latency_s, throughput_fps: 1e3 * latency_s * throughput_fps,
            "The latency is in seconds already.",
        ),
        Mistake(
            "divided",
            lambda latency_s, throughput_fps: throughput_fps / latency_s,
            "Look at the units: frames a second times seconds are frames.",
        ),
    ),
    right="That is Little's law, and it will come back in part 3.",
)
def in_flight(latency_s: float, throughput_fps: float) -> float:
    """Return how many photos are under way at once, on average."""
    return latency_s * throughput_fps
