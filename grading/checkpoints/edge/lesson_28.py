"""Choose and defend, the file: its bytes and labels against the budget, and what may be said across machines."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import NOT_MEASURED, points_lost, size_of
from labs.records import Measurement, Records
from labs.records.format import megabytes

#: The examined files.
FLOAT, CHOICE = "budget-float", "budget-choice"

#: The course's bars: bytes, and points of accuracy.
MOST_BYTES, AIM_BYTES, MOST_POINTS = 2_500_000, 2_000_000, 1.0

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
    title="Predict on how many pictures two machines name another class with one file",
    between=(0, 10_000),
    show=lambda value: f"{value:.0f} pictures",
)
def flips(records: Records) -> float | None:
    """Return the pictures on which device and this machine name different classes with the same bytes."""
    here = records.latest(kind="accuracy", option=CHOICE)
    there = of_same_bytes(records, here) if here else None
    if there is None or len(there.samples) != len(here.samples):
        return None
    pairs = zip(here.details["predicted"], there.details["predicted"], strict=True)
    return float(sum(a != b for a, b in pairs))


@checkpoint(
    "e.choose.file",
    title="Choose a file that was measured on the device, and let it be examined",
    hint="One of the options that lesson 23 or 27 measured there; its hash is compared.",
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
    if hashes[0] != hashes[1]:
        return failed("The examined file has another hash than the one on the device: bring it again.", *hashes)
    return passed("The same bytes here and there.", *hashes)


@checkpoint(
    "e.choose.budget",
    points=3,
    title="Hold the file against the course's bars, by its own bytes and labels",
    hint="2 500 000 less the size; right pictures of float less the choice's, over all pictures, times 100.",
)
def budget(records: Records) -> Verdict:
    """Judge size, loss and verdict against what the examined file said of itself."""
    given = records.answer("e.choose.budget")
    if given is None:
        return unanswered()
    size, lost = size_of(records, CHOICE), points_lost(records, CHOICE, FLOAT)
    if size is None or lost is None:
        return failed(_NOT_EXAMINED)
    left, kept = MOST_BYTES - size, size <= MOST_BYTES and lost <= MOST_POINTS + 1e-9
    expected = f"{left:,.0f} bytes left, {lost:.2f} points lost, kept: {kept}"
    yours = f"{given['bytes_left']:,.0f} bytes left, {given['points_lost']:g} points lost, kept: {given['kept']}"
    if abs(given["bytes_left"] + left) < 1:
        return failed("Turned around: what is left is positive below the bar.", expected, yours)
    if abs(given["bytes_left"] - left) >= 1:
        return failed("Bytes, exactly: the bar less the file's size.", expected, yours)
    if abs(given["points_lost"] - lost) > 0.06:
        fraction = abs(100 * given["points_lost"] - lost) <= 0.06
        return failed(
            "That is a fraction; a point is a hundredth." if fraction else "Compare the two records.", expected, yours
        )
    if given["kept"] is not kept:
        return failed("The numbers are right. Are *both* bars kept?", expected, yours)
    if not kept:
        return failed("Honest, but this file breaks a bar: choose one that keeps both.", expected, yours)
    aim = " It even reaches the aim of 2.0 MB." if size <= AIM_BYTES else ""
    return passed(f"By its own bytes and labels.{aim}", f"{megabytes(size)}; {expected}", yours)


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
        "accuracy": "accuracy: one file, the same pictures, two machines: only the machine differs.",
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
