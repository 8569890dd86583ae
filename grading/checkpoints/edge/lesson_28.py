"""Choose and defend, the file: its bytes and labels against the budget, and what may be said across machines."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import NOT_MEASURED, points_lost, size_of
from grading.checkpoints.evidence import answer_to, latest
from labs.records.format import megabytes

PLAIN_JSON = True

#: The examined files.
FLOAT, CHOICE = "budget-float", "budget-choice"

#: The course's bars: bytes, and points of accuracy.
MOST_BYTES, AIM_BYTES, MOST_POINTS = 2_500_000, 2_000_000, 1.0

_NOT_EXAMINED = "No file has been examined yet: run the cell that does it."


def of_same_bytes(entries: list[dict], examined: dict) -> dict | None:
    """Return the newest accuracy record from the device of the very bytes that were examined, or None."""
    hashed = examined["model"]["sha256"]
    found = [
        entry
        for entry in entries
        if entry.get("kind") == "accuracy"
        and str(entry.get("option", "")).startswith("edge-")
        and (entry.get("model") or {}).get("sha256") == hashed
    ]
    return found[-1] if found else None


@prediction(
    "e.choose.flips_guess",
    about={"kind": "accuracy", "option": CHOICE},
    title="Predict on how many pictures two machines name another class with one file",
    between=(0, 10_000),
    show=lambda value: f"{value:.0f} pictures",
)
def flips(entries: list[dict]) -> float | None:
    """Return the pictures on which device and this machine name different classes with the same bytes."""
    here = latest(entries, kind="accuracy", option=CHOICE)
    there = of_same_bytes(entries, here) if here else None
    if there is None or len(there["samples"]) != len(here["samples"]):
        return None
    pairs = zip(here["details"]["predicted"], there["details"]["predicted"], strict=True)
    return float(sum(a != b for a, b in pairs))


@checkpoint(
    "e.choose.file",
    title="Choose a file that was measured on the device, and let it be examined",
    hint="One of the options that lesson 23 or 27 measured there; its hash is compared.",
)
def file(entries: list[dict]) -> Verdict:
    """Judge that the examined bytes are those of the chosen option on the device."""
    given = answer_to(entries, "e.choose.file")
    if given is None:
        return unanswered()
    examined, there = latest(entries, kind="accuracy", option=CHOICE), latest(entries, kind="accuracy", option=given)
    if there is None or not str(given).startswith("edge-"):
        return failed("This option was not measured on the device.", "", str(given))
    if examined is None:
        return failed(_NOT_EXAMINED, "", str(given))
    hashes = [record["model"]["sha256"][:12] for record in (there, examined)]
    if hashes[0] != hashes[1]:
        return failed("The examined file has another hash than the one on the device: bring it again.", *hashes)
    return passed("The same bytes here and there.", *hashes)


@checkpoint(
    "e.choose.budget",
    points=3,
    title="Hold the file against the course's bars, by its own bytes and labels",
    hint="2 500 000 less the size; right pictures of float less the choice's, over all pictures, times 100.",
)
def budget(entries: list[dict]) -> Verdict:
    """Judge size, loss and verdict against what the examined file said of itself."""
    given = answer_to(entries, "e.choose.budget")
    if given is None:
        return unanswered()
    size, lost = size_of(entries, CHOICE), points_lost(entries, CHOICE, FLOAT)
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
)
def fair(entries: list[dict]) -> Verdict:
    """Judge the four sentences."""
    given = answer_to(entries, "e.choose.fair")
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


def measured(entries: list[dict], option: str) -> tuple[dict, float, dict] | str:
    """Return latency record, size and accuracy record of an option on the device, or what is missing."""
    found = latest(entries, kind="latency", option=option, batch_size=1), size_of(entries, option)
    accuracy = latest(entries, kind="accuracy", option=option)
    return NOT_MEASURED if None in (*found, accuracy) else (found[0], found[1], accuracy)
