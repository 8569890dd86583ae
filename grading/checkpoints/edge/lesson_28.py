"""Choose and defend, the file: its bytes and labels against the budget, and what may be said across machines."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    checkpoint,
    failed,
    function_question,
    passed,
    prediction,
    unanswered,
)
from grading.checkpoints.edge.device import NOT_MEASURED, right_of, size_of
from labs.records import Measurement, Records

#: The examined files.
FLOAT, CHOICE = "budget-float", "budget-choice"

#: The course's bars: bytes, and points of accuracy.
MOST_BYTES, MOST_POINTS = 2_500_000, 1.0

_NOT_EXAMINED = "No file has been examined yet: run the cell that does it."


def of_same_bytes(records: Records, examined: Measurement) -> Measurement | None:
    """Return the newest accuracy record from the device of the very bytes that were examined, or None."""
    hashed = examined.model.sha256
    found = [
        record
        for record in records.measurements(kind="accuracy")
        if record.option.startswith("edge-") and record.model.sha256 == hashed
    ]
    return found[-1] if found else None


@prediction(
    "e.choose.flips_guess",
    about={"kind": "accuracy", "option": CHOICE},
    title="Predict on how many images two machines name another class with one file",
    between=(0, 10_000),
    show=lambda value: f"{value:.0f} images",
)
def flips(records: Records) -> float | None:
    """Return the images on which device and this machine name different classes with the same bytes."""
    here = records.latest(kind="accuracy", option=CHOICE)
    there = of_same_bytes(records, here) if here else None
    if there is None or len(there.samples) != len(here.samples):
        return None
    pairs = zip(here.details["predicted"], there.details["predicted"], strict=True)
    return float(sum(a != b for a, b in pairs))


@checkpoint(
    "e.choose.file",
    title="Choose a file that was measured on the device, and let it be examined",
    hint="One of the options that lesson 23 or 27b measured there; its hash is compared.",
)
def file(records: Records) -> Verdict:
    """Judge that the examined bytes are those of the chosen option on the device."""
    given = records.answer("e.choose.file")
    if given is None:
        return unanswered()
    examined, there = records.latest(kind="accuracy", option=CHOICE), records.latest(kind="accuracy", option=given)
    if there is None or not str(given).startswith("edge-"):
        return failed("This option was not measured on the device.", "", str(given))
    if examined is None:
        return failed(_NOT_EXAMINED, "", str(given))
    hashes = [record.model.sha256[:12] for record in (there, examined)]
    if (own := _own_file(records)) and not budget(*own[0])["kept"]:
        return failed("Honest, but this file breaks a bar of the course: choose one that keeps both.")
    if hashes[0] != hashes[1]:
        return failed("The examined file has another hash than the one on the device: bring it again.", *hashes)
    return passed("The same bytes here and there.", *hashes)


def _files(random: np.random.Generator) -> list[tuple]:
    cases = []
    for size, lost in ((2_453_079, 4), (2_500_000, 10), (2_500_001, 3), (2_368_348, 31), (1_980_000, -2)):
        right = [int(one) for one in random.permutation([1] * 820 + [0] * 180)]
        worse = [int(one) for one in random.permutation([1] * (820 - lost) + [0] * (180 + lost))]
        cases.append((size, right, worse, MOST_BYTES, MOST_POINTS))
    return cases


def _own_file(records: Records) -> list[tuple]:
    size, right = size_of(records, CHOICE), [right_of(records, option) for option in (FLOAT, CHOICE)]
    return [] if size is None or None in right else [(size, *map(list, right), MOST_BYTES, MOST_POINTS)]


def _budget(size_bytes, float_right, choice_right, most_bytes, most_points, *, scale=100.0, sign=1, both=True) -> dict:
    left = most_bytes - size_bytes
    lost = scale * (sum(float_right) - sum(choice_right)) / len(float_right)
    small, good = left >= 0, 100 / scale * lost <= most_points + 1e-9
    return {"bytes_left": sign * left, "points_lost": lost, "kept": (small and good) if both else (small or good)}


@function_question(
    "e.choose.budget",
    points=3,
    title="Hold a file against the course's bars, by its own bytes and labels",
    hints=(
        "Three results: what is left of the bytes, the difference of two accuracies in points, and whether both hold.",
        "`lost = 100 * (sum(float_right) - sum(choice_right)) / len(float_right)`; a file of exactly a bar keeps it.",
    ),
    cases=_files,
    own=_own_file,
    needs=({"kind": "size", "option": CHOICE},),
    mistakes=(
        Mistake("fraction", lambda *given: _budget(*given, scale=1.0), "That is a fraction; a point is a hundredth."),
        Mistake("turned", lambda *given: _budget(*given, sign=-1), "Turned around: what is left is positive below it."),
        Mistake("either", lambda *given: _budget(*given, both=False), "*Both* bars have to be kept."),
        Mistake(
            "pictures",
            lambda *given: _budget(*given) | {"points_lost": float(sum(given[1]) - sum(given[2]))},
            "Those are images: divide by all of them, and count in hundredths.",
        ),
    ),
    right="By its own bytes and labels, and not by a table about it.",
)
def budget(size_bytes, float_right, choice_right, most_bytes, most_points) -> dict:
    """Return bytes left, points lost, and whether both bars are kept."""
    return _budget(size_bytes, float_right, choice_right, most_bytes, most_points)


@checkpoint(
    "e.choose.fair",
    points=2,
    title="Say which comparisons across two machines are fair",
    hint="A fair one changes one thing only.",
    needs=({"kind": "size", "option": "budget-choice"},),
)
def fair(records: Records) -> Verdict:
    """Judge the four sentences."""
    given = records.answer("e.choose.fair")
    if given is None:
        return unanswered()
    right = {"accuracy": True, "latency": False, "size": True, "ratio": True}
    yours = ", ".join(f"{name}: {given[name]}" for name in right)
    reasons = {
        "accuracy": "accuracy: one file, the same images, two machines: only the machine differs.",
        "latency": "latency: machine and precision both differ; nobody can say which of them made it.",
        "size": "size: bytes are bytes, wherever they lie.",
        "ratio": "ratio: each ratio was made on one machine, and two ratios may be compared.",
    }
    wrong = [name for name in right if given[name] is not right[name]]
    if wrong:
        return failed(reasons[wrong[0]], "", yours)
    return passed("One change at a time.", "", yours)


def measured(records: Records, option: str) -> tuple[dict, float, dict] | str:
    """Return latency record, size and accuracy record of an option on the device, or what is missing."""
    found = records.latest(kind="latency", option=option, batch_size=1), size_of(records, option)
    accuracy = records.latest(kind="accuracy", option=option)
    return NOT_MEASURED if None in (*found, accuracy) else (found[0], found[1], accuracy)
