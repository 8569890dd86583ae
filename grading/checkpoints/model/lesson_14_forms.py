"""Quantize, measured: which form is fast on this machine, and which pictures it costs."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, latest, measurements, side_by_side
from labs import stats
from labs.results.format import times

#: The float model that every form is held against.
BASELINE = "onnx-all"

_FORMS = ("int8-dynamic", "int8-static-qdq", "int8-static-qoperator", "int8-static-s8s8")

#: What the two predictions are about: the first of the forms that is measured.
_FIRST = {"kind": "latency", "option": "int8-dynamic"}


def ratios(entries: list[dict]) -> dict[str, stats.Interval]:
    """Return how many times as long each INT8 option took as float32 in the newest comparison of it with dynamic."""
    names = {record["option"] for record in measurements(entries, kind="latency", batch_size=1)}
    run = _newest_run(entries)
    found = {}
    for name in sorted(names):
        if name.startswith("int8") and run is not None and name in run:
            blocks = side_by_side(entries_of(entries, run), name, BASELINE)
            if blocks is not None:
                found[name] = stats.ratio_of_medians(*blocks).interval
    return found


def entries_of(entries: list[dict], run: dict[str, dict]) -> list[dict]:
    """Return only the records of one run."""
    chosen = [id(record) for record in run.values()]
    return [entry for entry in entries if id(entry) in chosen]


def _newest_run(entries: list[dict]) -> dict[str, dict] | None:
    """Return the records by option of the newest run in which dynamic INT8 took part."""
    took_part = [
        record
        for record in measurements(entries, kind="latency", option="int8-dynamic", batch_size=1)
        if "comparison_id" in record["details"]
    ]
    if not took_part:
        return None
    run = took_part[-1]["details"]["comparison_id"]
    records = measurements(entries, kind="latency", batch_size=1)
    return {record["option"]: record for record in records if record["details"].get("comparison_id") == run}


@prediction(
    "m.quantize.form_guess",
    about=_FIRST,
    title="Predict which form of INT8 answers fastest here",
    choices=_FORMS,
)
def fastest_form(entries: list[dict]) -> str | None:
    """Return the form with the smallest ratio to float32, of those that the question offers."""
    found = {name: interval.value for name, interval in ratios(entries).items() if name in _FORMS}
    return min(found, key=found.get) if found else None


@prediction(
    "m.quantize.dynamic_guess",
    about=_FIRST,
    title="Predict how many times as fast as float32 dynamic INT8 answers",
    between=(0.005, 100),
    show=times,
)
def dynamic_speedup(entries: list[dict]) -> float | None:
    """Return how many times shorter dynamic INT8's median latency is than float32's; below 1 it is longer."""
    found = ratios(entries)
    return 1 / found["int8-dynamic"].value if "int8-dynamic" in found else None


@checkpoint(
    "m.quantize.forms",
    points=3,
    title="Say which form is fastest here, and which are slower than float32",
    hint="Go through the intervals: the smallest ratio wins; slower is what lies above 1 as a whole.",
)
def forms(entries: list[dict]) -> Verdict:
    """Judge the fastest form and the list of slow ones against the newest side-by-side run."""
    given = answer_to(entries, "m.quantize.forms")
    if given is None:
        return unanswered()
    found = ratios(entries)
    if not found:
        return failed("There is no side-by-side record of the forms yet: run the comparison's cell.")
    shown = "\n".join(f"{name}: {one.low:.2f} to {one.high:.2f}" for name, one in found.items())
    yours = f"fastest: {given['fastest']}; slower: {', '.join(given['slower']) or 'none'}"
    unknown = {given["fastest"], *given["slower"]} - set(found)
    if unknown:
        return failed("Use the forms' names as they stand in the comparison.", shown, yours)
    best = min(found.values(), key=lambda one: one.value)
    if found[given["fastest"]].low > best.high:
        return failed("Another form is faster, and the intervals do not overlap.", shown, yours)
    missing = [name for name, one in found.items() if one.low > 1 and name not in given["slower"]]
    if missing:
        return failed("The fastest is right. A form that is slower than float32 is missing.", shown, yours)
    if any(found[name].low <= 1 for name in given["slower"]):
        return failed(
            "The fastest is right. One of your slow forms has an interval that reaches 1 or less.", shown, yours
        )
    return passed("On another processor the order can be another one.", shown, yours)


@checkpoint(
    "m.quantize.flips",
    points=2,
    title="Count the pictures that quantization lost, and those it gained",
    hint="Go through both lists together: 1 before and 0 after is lost.",
)
def flips(entries: list[dict]) -> Verdict:
    """Judge both counts picture by picture."""
    given = answer_to(entries, "m.quantize.flips")
    if given is None:
        return unanswered()
    records = [latest(entries, kind="accuracy", option=option) for option in (BASELINE, "int8-static-qdq")]
    if None in records:
        return failed("An accuracy record is missing: run the cell that measures the forms.")
    before, after = (record["samples"] for record in records)
    if len(before) != len(after):
        return failed("The two records are about different pictures: measure both on all of them.")
    lost = sum(a > b for a, b in zip(before, after, strict=True))
    gained = sum(a < b for a, b in zip(before, after, strict=True))
    expected, yours = f"{lost} lost, {gained} gained", f"{given['lost']} lost, {given['gained']} gained"
    if (given["lost"], given["gained"]) == (lost, gained):
        return passed("Their difference is what accuracy shows; their sum is how much has changed.", expected, yours)
    if (given["lost"], given["gained"]) == (gained, lost):
        return failed("Turned around: lost is right before and wrong after.", expected, yours)
    if given["lost"] == lost - gained:
        return failed("That is the difference of the two. Count each of them.", expected, yours)
    return failed("Count the places where the two lists differ, each way by itself.", expected, yours)
