"""Export to ONNX: is it still the same model, and what did leaving Python behind bring?"""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, is_close, is_number, latest, side_by_side
from labs import stats
from labs.records.format import times

PLAIN_JSON = True

#: A mistake in an export moves logits by this much or more: the lesson says so and shows one of 0.05.
_SMALLEST_MISTAKE = 0.05

#: A tolerance must leave this factor above what rounding did on the pictures that were tried.
_ROOM = 3

#: The numbers of the exercise: w, b, gamma, beta, mu, sigma.
_W, _B, _GAMMA, _BETA, _MU, _SIGMA = 0.8, 0.0, 1.5, -0.2, 0.4, 0.5


@prediction(
    "m.export.runtime_guess",
    about={"kind": "latency", "option": "onnx-disabled"},
    title="Predict how many times as fast ONNX Runtime answers without any optimization",
    between=(0.05, 100),
    show=times,
)
def runtime_speedup(entries: list[dict]) -> float | None:
    """Return how many times shorter the unoptimized graph's median latency is than eager torch's, side by side."""
    blocks = side_by_side(entries, "onnx-disabled", "torch-eager")
    return None if blocks is None else 1 / stats.ratio_of_medians(*blocks).interval.value


@checkpoint(
    "m.export.fold",
    points=2,
    title="Fold a BatchNorm into the convolution before it",
    hint="Put y = w x + b into the formula for z, and sort by what multiplies x and what does not.",
)
def fold(entries: list[dict]) -> Verdict:
    """Judge the folded weight and bias."""
    given = answer_to(entries, "m.export.fold")
    if given is None:
        return unanswered()
    weight, bias = _GAMMA * _W / _SIGMA, _GAMMA * (_B - _MU) / _SIGMA + _BETA
    yours = f"weight {given['weight']:g}, bias {given['bias']:g}"
    if is_close(given["weight"], _GAMMA * _W, within=0.01):
        return failed("The division by sigma is missing in the weight.", yours=yours)
    if not is_close(given["weight"], weight, within=0.01):
        return failed("The weight is what multiplies x: gamma and sigma act on it, beta and mu do not.", yours=yours)
    if is_close(given["bias"], _BETA, within=0.01) or is_close(given["bias"], _B, within=0.01):
        return failed("The weight is right. The bias also carries mu, scaled as the weight is.", yours=yours)
    if not is_close(given["bias"], bias, within=0.01):
        return failed("The weight is right; the bias is what is left when x is zero.", yours=yours)
    return passed("One multiplication and one addition for each value instead of two.", yours=yours)


@checkpoint(
    "m.export.tolerance",
    points=2,
    title="Choose a tolerance for the difference of two logits",
    hint="A few times what rounding did here, and clearly below a tenth.",
)
def tolerance(entries: list[dict]) -> Verdict:
    """Judge that the tolerance lies between what rounding did and what the smallest mistake would do."""
    given = answer_to(entries, "m.export.tolerance")
    if given is None or not is_number(given["tolerance"]):
        return unanswered()
    chosen, seen = given["tolerance"], given["max_abs_diff"]
    yours = f"{chosen:g}"
    expected = f"between {_ROOM * seen:.1e} and {_SMALLEST_MISTAKE:g}"
    if seen <= 0 or seen >= _SMALLEST_MISTAKE:
        return failed("The measured difference is not one that rounding makes: run the cells above again.", yours=yours)
    if chosen < seen:
        return failed("This export would fail your own test, and it is fine.", expected, yours)
    if chosen < _ROOM * seen:
        return failed("Other pictures round differently: leave more room above what you saw.", expected, yours)
    if chosen >= _SMALLEST_MISTAKE:
        return failed("A real mistake would pass unnoticed.", expected, yours)
    return passed("Rounding passes, and a mistake does not.", expected, yours)


@checkpoint(
    "m.export.spoiled",
    title="Say what would have given the spoiled export away",
    hint="Look at `top1_agreement`, and compare `max_abs_diff` with your tolerance.",
)
def spoiled(entries: list[dict]) -> Verdict:
    """Judge that the same shift of all logits hides from classes and shows in logits."""
    given = answer_to(entries, "m.export.spoiled")
    if given is None:
        return unanswered()
    yours = f"classes: {given['by_classes']}, logits: {given['by_logits']}"
    if given["by_classes"] is not False:
        return failed("All logits moved by the same amount. Does the largest one change?", yours=yours)
    if given["by_logits"] is not True:
        return failed("The difference is 0.05 and more. Is that above your tolerance?", yours=yours)
    return passed(
        "The classes agree, and the model is wrong all the same: its logits are another model's.", yours=yours
    )


@checkpoint(
    "m.export.changed",
    points=2,
    title="Count the pictures whose class changed in the export",
    hint="Go through both lists together and count the places where they differ.",
)
def changed(entries: list[dict]) -> Verdict:
    """Judge the count against the two accuracy records' predictions."""
    given = answer_to(entries, "m.export.changed")
    if given is None:
        return unanswered()
    records = [latest(entries, kind="accuracy", option=option) for option in ("torch-eager", "onnx-disabled")]
    if None in records:
        return failed("An accuracy record is missing: run lesson 11's and this lesson's measuring cells.")
    ours, theirs = (record["details"]["predicted"] for record in records)
    if len(ours) != len(theirs):
        return failed("The two records are about different sets of pictures: measure both on all of them.")
    count = sum(a != b for a, b in zip(ours, theirs, strict=True))
    if given == len(ours) - count and count != given:
        return failed("These are the pictures where they agree.", str(count), str(given))
    if given != count:
        return failed("Count every place where the two lists differ.", str(count), str(given))
    return passed("That is what the export cost, picture by picture.", str(count), str(given))
