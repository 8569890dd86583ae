"""Shrink within a budget: where channels were taken out, what it cost, and what may be claimed about it."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import accuracy, answer_to, is_close, latest
from grading.checkpoints.model.lesson_14_dynamic import BASELINE
from labs import stats
from labs.records.format import percent

PLAIN_JSON = True

_PRUNED = "int8-pruned"

#: What may be said of the small model, by what the interval of the lost pictures' share allows.
_CLAIMS = ("better", "worse", "cannot tell")


@prediction(
    "m.prune.accuracy_guess",
    about={"kind": "accuracy", "option": _PRUNED},
    title="Predict how many of 100 pictures the pruned model gets right",
    between=(1, 100),
    show=lambda right: f"{right:.1f} of 100",
)
def right_of_100(entries: list[dict]) -> float | None:
    """Return the accuracy of the pruned INT8 model, in per cent."""
    record = latest(entries, kind="accuracy", option=_PRUNED)
    return None if record is None else 100 * accuracy(record)


@checkpoint(
    "m.prune.where",
    points=2,
    title="Find the layer that gave up most channels, and the share of weights that is gone",
    hint="Subtract the two columns of the table; the share is 1 − after / before, of the whole model.",
)
def where(entries: list[dict]) -> Verdict:
    """Judge the layer and the share against the table of layers and the counts of weights."""
    given = answer_to(entries, "m.prune.where")
    if given is None:
        return unanswered()
    gone = {layer["name"]: layer["before"] - layer["after"] for layer in given["layers"]}
    relative = {layer["name"]: 1 - layer["after"] / layer["before"] for layer in given["layers"]}
    share = 1 - given["counts"]["after"] / given["counts"]["before"]
    most = max(gone, key=gone.get)
    expected, yours = f"{most}, {percent(share)} of the weights", f"{given['layer']}, {given['share']:.3g} of 1"
    if given["layer"] not in gone:
        return failed("Name a layer as it stands in the column `name`.", expected, yours)
    if gone[given["layer"]] != gone[most]:
        if relative[given["layer"]] == max(relative.values()):
            return failed(
                "That layer lost the largest share of its own channels. Which one lost most of them?", "", yours
            )
        return failed("Another layer gave up more channels: look at `before` minus `after`.", expected, yours)
    if is_close(given["share"], 1 - share, within=0.01):
        return failed("The layer is right. That is the share that is left.", expected, yours)
    if is_close(given["share"], 100 * share, within=0.01):
        return failed("The layer is right. The share is asked for as a fraction, 0 to 1.", expected, yours)
    if not is_close(given["share"], share, within=0.01):
        return failed("The layer is right. The share is of all weights of the model, not of its channels.", "", yours)
    return passed("The network was wide there, and its output hardly noticed.", expected, yours)


@checkpoint(
    "m.prune.claim",
    points=3,
    title="Say what may be claimed about the pruned model's accuracy",
    hint="Count lost and gained as in lesson 14b. Then: does the interval of the lost share hold 0.5?",
)
def claim(entries: list[dict]) -> Verdict:
    """Judge both counts, and whether the claim is what a sign test on them allows."""
    given = answer_to(entries, "m.prune.claim")
    if given is None:
        return unanswered()
    records = [latest(entries, kind="accuracy", option=option) for option in (BASELINE, _PRUNED)]
    if None in records:
        return failed("An accuracy record is missing: run the cell that measures the pruned model.")
    before, after = (record["samples"] for record in records)
    if len(before) != len(after):
        return failed("The two records are about different pictures: measure both on all of them.")
    lost = sum(a > b for a, b in zip(before, after, strict=True))
    gained = sum(a < b for a, b in zip(before, after, strict=True))
    right = _allowed(lost, gained)
    expected = f"{lost} lost, {gained} gained: {right}"
    yours = f"{given['lost']} lost, {given['gained']} gained: {given['claim']}"
    if (given["lost"], given["gained"]) == (gained, lost) != (lost, gained):
        return failed("Turned around: lost is right before and wrong after.", expected, yours)
    if (given["lost"], given["gained"]) != (lost, gained):
        return failed("Count the places where the two lists differ, each way by itself.", expected, yours)
    if given["claim"] not in _CLAIMS:
        return failed("The counts are right. Use one of the three phrases for the claim.", expected, yours)
    if given["claim"] != right and right == "cannot tell":
        return failed(
            "The counts are right. A fair coin falls like that easily; the interval holds 0.5.", expected, yours
        )
    if given["claim"] != right:
        return failed("The counts are right. The interval does not hold 0.5: on which side is it?", expected, yours)
    return passed("And with ten times as many pictures you could say more.", expected, yours)


def _allowed(lost: int, gained: int) -> str:
    """Return the claim that the split of the differing pictures allows."""
    if lost + gained == 0:
        return "cannot tell"
    share = stats.proportion_interval(lost, lost + gained)
    return "cannot tell" if 0.5 in share else "worse" if share.low > 0.5 else "better"
