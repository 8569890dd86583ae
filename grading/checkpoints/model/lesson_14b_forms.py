"""Choose a form: what may calibrate, which form is fast on this machine, and which pictures it costs."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, is_number, latest, measurements, side_by_side
from grading.checkpoints.model.lesson_14_dynamic import BASELINE
from labs import stats

PLAIN_JSON = True

#: The forms that the prediction offers; all of them are measured in one run.
_FORMS = ("int8-dynamic", "int8-static-qdq", "int8-static-qoperator", "int8-static-s8s8")

#: Pictures that calibration is good with: fewer miss ranges, more take time and add outliers only.
_FEWEST, _MOST = 32, 1000


@checkpoint(
    "m.quantize.calibration",
    points=2,
    title="Choose pictures for calibration",
    hint="Which split must nothing in the making of the model ever see?",
)
def calibration(entries: list[dict]) -> Verdict:
    """Judge split, number and whether labels are needed."""
    given = answer_to(entries, "m.quantize.calibration")
    if given is None:
        return unanswered()
    split, count = given["split"], given["count"]
    yours = f"{count} of {split}, labels: {given['needs_labels']}"
    if split == "evaluation":
        return failed(
            "Then the ranges fit exactly those pictures by which you judge, and the accuracy is no longer honest.",
            "training or validation",
            yours,
        )
    if split not in ("training", "validation"):
        return failed("Name one of the three splits.", "training or validation", yours)
    if not is_number(count) or count < _FEWEST:
        return failed("So few pictures will not show how far each activation can reach.", "about a hundred", yours)
    if count > _MOST:
        return failed("Ranges settle after a hundred or two; more pictures cost time and bring outliers.", "", yours)
    if given["needs_labels"] is not False:
        return failed("Ranges are read from the activations. Nothing is compared with a class.", "", yours)
    return passed("A few of each class, as they will come, and none that you will be judged by.", "", yours)


def ratios(entries: list[dict]) -> dict[str, stats.Interval]:
    """Return how many times as long each INT8 option took as float32, in the newest run that compared the forms."""
    runs: dict[str, dict[str, dict]] = {}
    for record in measurements(entries, kind="latency", batch_size=1):
        if "comparison_id" in record["details"]:
            runs.setdefault(record["details"]["comparison_id"], {})[record["option"]] = record
    # Other lessons compare some of these options, too; this one compares all.
    complete = [run for run in runs.values() if {BASELINE, *_FORMS} <= set(run)]
    if not complete:
        return {}
    records = list(complete[-1].values())
    names = sorted(name for name in complete[-1] if name.startswith("int8"))
    return {name: stats.ratio_of_medians(*side_by_side(records, name, BASELINE)).interval for name in names}


@prediction(
    "m.quantize.form_guess",
    about={"kind": "latency", "option": "int8-static-qdq"},
    title="Predict which form of INT8 answers fastest here",
    choices=_FORMS,
)
def fastest_form(entries: list[dict]) -> str | None:
    """Return the form with the smallest ratio to float32, of those that the question offers."""
    found = {name: interval.value for name, interval in ratios(entries).items() if name in _FORMS}
    return min(found, key=found.get) if found else None


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
