"""Shrink within a budget: the layer that suffers, the tuner's steps, the promise on unseen pictures, the floor."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, unanswered
from grading.checkpoints.evidence import accuracy, answer_to, is_close, is_number, latest
from grading.checkpoints.model.lesson_14_dynamic import BASELINE
from labs.records.format import megabytes

PLAIN_JSON = True

#: Budgets by the ending of the option's name: accuracy that may be lost, 0 to 1.
BUDGETS = {"05": 0.05, "01": 0.01}

#: Points by which a rounded answer may differ.
_SAME_POINTS = 0.06


@checkpoint(
    "m.quantize.worst_layer",
    points=2,
    title="Find the layer whose quantization disturbs the logits most",
    hint="The fewest decibels of all rows, not only of those shown: sort, or look at `ranking.iloc[0]`.",
)
def worst_layer(entries: list[dict]) -> Verdict:
    """Judge the layer and its bytes against the whole ranking."""
    given = answer_to(entries, "m.quantize.worst_layer")
    if given is None:
        return unanswered()
    rows = {row["node"]: row for row in given["ranking"]}
    worst = min(rows.values(), key=lambda row: row["alone_snr_db"])
    best = max(rows.values(), key=lambda row: row["alone_snr_db"])
    expected, yours = f"{worst['node']}, {worst['float_bytes']} bytes", f"{given['node']}, {given['added_bytes']} bytes"
    if given["node"] not in rows:
        return failed("Name a layer as it stands in the column `node`.", expected, yours)
    if given["node"] == best["node"]:
        return failed("More decibels mean less noise: this layer suffers least.", expected, yours)
    if given["node"] != worst["node"]:
        return failed("Some layer has fewer decibels; look at the whole ranking.", expected, yours)
    if is_close(given["added_bytes"], worst["float_bytes"] * 4 / 3, within=1e-6):
        return failed("The layer is right. It has one byte a weight already, so three more are added.", expected, yours)
    if not is_close(given["added_bytes"], worst["float_bytes"], within=1e-6):
        return failed("The layer is right. Its bytes stand in the column `float_bytes`.", expected, yours)
    return passed("That is where a repair would begin.", expected, yours)


@checkpoint(
    "m.quantize.tuner",
    points=2,
    title="Read the tuner's steps",
    hint="Only steps with `kept` count; the first one gives nothing back.",
)
def tuner(entries: list[dict]) -> Verdict:
    """Judge the number of float layers, the loss that is left, and whether it keeps the budget."""
    given = answer_to(entries, "m.quantize.tuner")
    if given is None:
        return unanswered()
    steps = given["steps"]
    kept = [step for step in steps if step["kept"]]
    # The first step is kept too, and gives nothing back.
    layers, loss = len(kept) - 1, min(step["loss"] for step in kept)
    expected = f"{layers} layers, loss {loss:.3f}, {'within' if loss <= BUDGETS['01'] else 'beyond'} the budget"
    yours = f"{given['float_layers']} layers, loss {given['loss']:.3f}, within: {given['within_budget']}"
    if given["float_layers"] != layers:
        if given["float_layers"] in (len(steps), len(steps) - 1):
            return failed("These are all trials. Count the layers that stayed float32.", expected, yours)
        return failed("Count the steps that gave a layer back and kept it.", expected, yours)
    if is_close(given["loss"], 100 * loss, within=0.02):
        return failed("The layers are right. The loss is asked for as a fraction; a point is 0.01.", expected, yours)
    if abs(given["loss"] - loss) > 1e-3:
        return failed("The layers are right. The loss stands in the last step that was kept.", expected, yours)
    if given["within_budget"] != (loss <= BUDGETS["01"]):
        return failed("Compare that loss with 0.01.", expected, yours)
    return passed("So you know what the repair brought, and what it did not.", expected, yours)


@checkpoint(
    "m.quantize.budget",
    points=2,
    title="Test the budgets on pictures that the tuner never saw",
    hint="100 × (accuracy of onnx-all − accuracy of the option), and then compare with 5 and with 1.",
)
def budget(entries: list[dict]) -> Verdict:
    """Judge losses and verdicts against the accuracy records on the evaluation split."""
    given = answer_to(entries, "m.quantize.budget")
    if given is None:
        return unanswered()
    reference = latest(entries, kind="accuracy", option=BASELINE)
    for ending, allowed in BUDGETS.items():
        record = latest(entries, kind="accuracy", option=f"int8-budget-{ending}")
        if record is None or reference is None:
            return failed("An accuracy record is missing: run the cells that measure the two options.")
        points = 100 * (accuracy(reference) - accuracy(record))
        lost, kept = given[f"lost_{ending}"], given[f"kept_{ending}"]
        expected, yours = f"{points:.2f} points", f"{lost:.3g} points, kept: {kept}"
        if abs(lost + points) < _SAME_POINTS < abs(lost - points):
            return failed("The sign is turned around: a loss is positive, a gain negative.", expected, yours)
        if abs(100 * lost - points) < _SAME_POINTS < abs(lost - points):
            return failed("That is a fraction; a point is a hundredth.", expected, yours)
        if abs(lost - points) > _SAME_POINTS:
            return failed("This is not the difference of the two accuracy records.", expected, yours)
        if kept != (points <= 100 * allowed):
            return failed("The loss is right. Compare it with the budget.", expected, yours)
    return passed("A budget that was kept on some pictures is an estimate on others. Now you have tested it.")


@checkpoint(
    "m.quantize.floor",
    title="Say how small eight bits can make the file",
    hint="A parameter takes four bytes in the float file.",
)
def floor(entries: list[dict]) -> Verdict:
    """Judge a quarter of the float file's size, in MB."""
    given = answer_to(entries, "m.quantize.floor")
    if given is None:
        return unanswered()
    size = latest(entries, kind="size", option=BASELINE)
    if size is None:
        return failed("There is no size record of onnx-all yet: run the cell that measures the forms.")
    least = size["samples"][-1] / 4
    if not is_number(given):
        return failed("A number of MB is asked for.", megabytes(least), str(given))
    yours = f"{given:g} MB"
    if is_close(given, least / 1e6, within=0.03):
        return passed("The rest of the file is scales, biases and the graph itself.", megabytes(least), yours)
    if is_close(given, least, within=0.03):
        return failed("These are bytes; a MB has a million of them.", megabytes(least), yours)
    if is_close(given, 4 * least / 1e6, within=0.03):
        return failed("That is the float file, with four bytes for each parameter.", megabytes(least), yours)
    return failed("One byte in place of four, for the same number of parameters.", megabytes(least), yours)
