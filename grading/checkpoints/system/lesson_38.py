"""Build an ensemble: what a request weighs, what the steps explain, which is busiest, and what scaling it brings."""

from __future__ import annotations

from statistics import mean

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close
from grading.checkpoints.system.runs import answered_per_s
from labs.records import Records
from labs.records.format import percent, times

_NOT_RUN = "There is no load record for this yet: run the cells above, down to the question."
_STEPS = ("food_preprocess", "food_classifier_onnx", "food_label")
#: The phone's way up, in bits a second.
_BITS_PER_S = 5e6


@prediction(
    "s.ensemble.guess",
    about={"kind": "load", "option": "ensemble-tensor"},
    title="Predict which step of the ensemble is busiest under eight senders",
    choices=_STEPS,
)
def guess(records: Records) -> str | None:
    """Return the busiest step under eight senders."""
    seen = records.seen("ensemble.steps.8")
    return max(seen["busy"], key=seen["busy"].get) if seen else None


@checkpoint(
    "s.ensemble.bytes",
    title="Weigh a ready tensor against a photo",
    hint="A byte has eight bits.",
)
def weight(records: Records) -> Verdict:
    """Judge the ratio of the two bodies and their seconds at 5 Mbit/s."""
    given = records.answer("s.ensemble.bytes")
    if given is None:
        return unanswered()
    tensor, single = (records.latest(kind="load", option=option) for option in ("ensemble-tensor", "ensemble-1"))
    if tensor is None or single is None:
        return failed(_NOT_RUN)
    sizes = {"tensor_s": tensor.details["body_bytes"], "photo_s": single.details["body_bytes"]}
    right = {name: size * 8 / _BITS_PER_S for name, size in sizes.items()}
    right["ratio"] = sizes["tensor_s"] / sizes["photo_s"]
    expected, yours = (
        f"{times(values['ratio'])}, {values['tensor_s']:.3g} s and {values['photo_s']:.3g} s"
        for values in (right, given)
    )
    if is_close(given["ratio"], 1 / right["ratio"]):
        return failed("Turned around: the tensor over the photo.", expected, yours)
    if not is_close(given["ratio"], right["ratio"]):
        return failed("The ratio is that of the two `body_bytes`.", expected, yours)
    for name, size in sizes.items():
        if is_close(given[name], size / _BITS_PER_S):
            return failed(f"{name}: the rate is in bits, the body in bytes.", expected, yours)
        if not is_close(given[name], right[name]):
            return failed(f"{name} does not follow from the body's size and the rate.", expected, yours)
    return passed("On a phone the way there takes longer than the network's answer.", expected, yours)


@checkpoint(
    "s.ensemble.sum",
    title="Say how much of the latency the ensemble's steps explain",
    hint="Queue and compute of all three steps, over the mean of `single.samples`; both in seconds.",
)
def explained(records: Records) -> Verdict:
    """Judge the steps' time over the mean latency of the single sender."""
    given = records.answer("s.ensemble.sum")
    if given is None:
        return unanswered()
    single, seen = records.latest(kind="load", option="ensemble-1"), records.seen("ensemble.steps.1")
    if single is None or not seen:
        return failed(_NOT_RUN)
    right = sum(seen.values()) / mean(single.samples)
    expected, yours = percent(right), percent(given)
    if is_close(given, right, within=0.02):
        return passed("What is handed over inside the server costs little.", expected, yours)
    if is_close(given, 1 - right, within=0.02):
        return failed("This is the rest; the explained share is asked for.", expected, yours)
    if is_close(given, right * 1e3, within=0.02) or is_close(given, right / 1e3, within=0.02):
        return failed("Milliseconds over seconds: both in the same unit.", expected, yours)
    return failed("Add up queue and compute of each step, and divide by the mean latency of `single`.", expected, yours)


@checkpoint(
    "s.ensemble.bottleneck",
    points=2,
    title="Find the busiest step",
    hint="`shares` has one number a step.",
)
def bottleneck(records: Records) -> Verdict:
    """Judge the busiest step under eight senders, and its share."""
    given = records.answer("s.ensemble.bottleneck")
    if given is None:
        return unanswered()
    seen = records.seen("ensemble.steps.8")
    if not seen:
        return failed(_NOT_RUN)
    shares = seen["busy"]
    right = max(shares, key=shares.get)
    expected, yours = f"{right}, {percent(shares[right])}", f"{given['step']}, {percent(given['busy'])}"
    if given["step"] not in shares:
        return failed("Name one of the ensemble's steps.", ", ".join(shares), yours)
    if given["step"] != right:
        return failed("Another step is busier: it holds this one up, or will.", expected, yours)
    if abs(given["busy"] - shares[right]) > 0.01:
        return failed("The right step; how busy it was stands in `shares`, 1 means all the time.", expected, yours)
    return passed("The narrow bridge.", expected, yours)


@checkpoint(
    "s.ensemble.scaled",
    points=2,
    title="Say what a second copy of the busiest step brought, and who is busiest now",
    hint="`after.throughput_rps.value / before.throughput_rps.value`, and the largest of `scaled`.",
)
def scaled(records: Records) -> Verdict:
    """Judge the gain in throughput and the step that is busiest after the change."""
    given = records.answer("s.ensemble.scaled")
    if given is None:
        return unanswered()
    before, after = (records.latest(kind="load", option=name) for name in ("ensemble-8", "ensemble-8-scaled"))
    seen = records.seen("ensemble.steps.scaled")
    if before is None or after is None or not seen:
        return failed(_NOT_RUN)
    ratio, busiest = answered_per_s(after) / answered_per_s(before), max(seen["busy"], key=seen["busy"].get)
    expected, yours = f"{times(ratio)}, {busiest}", f"{times(given['ratio'])}, {given['busiest']}"
    if is_close(given["ratio"], 1 / ratio, within=0.005) and not is_close(ratio, 1, within=0.01):
        return failed("Turned around: after over before.", expected, yours)
    if not is_close(given["ratio"], ratio, within=0.02):
        return failed("Take the answers a second of the newest runs before and after.", expected, yours)
    if given["busiest"] != busiest:
        return failed("The ratio is right. Whose copies are busiest in `scaled`?", expected, yours)
    return passed("One step was scaled, and the work found its next limit.", expected, yours)
