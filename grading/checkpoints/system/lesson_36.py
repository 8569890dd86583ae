"""Let ONNX Runtime serve: agreement first, a fair pair, what numbers weigh, and two copies."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close
from grading.checkpoints.system.lesson_33 import NOT_RUN, ratio_of_rates
from labs.records import Records
from labs.records.format import times

#: Probabilities of the same network on the same photo differ by rounding, not by more than this.
TOLERANCE = 2e-3

_PHOTOS, _NUMBERS = ("way-python", "way-ensemble"), ("way-onnx", "way-onnx-2")


@prediction(
    "s.onnx.gain_guess",
    about={"kind": "load", "option": "way-ensemble"},
    title="Predict how many times as many answers the ensemble gives as the Python model",
    between=(0.05, 100),
    show=times,
)
def gain_guess(records: Records) -> float | None:
    """Return answers a second of the ensemble over those of the Python model."""
    return ratio_of_rates(records, "way-ensemble", "way-python")


@checkpoint(
    "s.onnx.agree",
    points=2,
    title="See that three ways give the same probabilities",
    hint="For each photo, the largest of its three probabilities minus the smallest; then the largest of these.",
)
def agree(records: Records) -> Verdict:
    """Judge that the ways agree, and that the difference named is the largest there is."""
    given = records.answer("s.onnx.agree")
    if given is None:
        return unanswered()
    rows = list(zip(*given["probs"].values(), strict=True))
    right = max(max(row) - min(row) for row in rows)
    expected, yours = f"{right:.1e}", f"{given['difference']:.1e}"
    if len(given["probs"]) < 3 or len(rows) < 4:
        return failed("Three ways and at least four photos are compared here.")
    if right > TOLERANCE or len({tuple(names) for names in given["labels"].values()}) > 1:
        return failed("The three do not agree: they do not serve the same model. Start the lesson afresh.", yours=yours)
    if abs(given["difference"] - right) <= 1e-9 + 0.01 * right:
        return passed("Rounding, and nothing else.", expected, yours)
    if given["difference"] < 0:
        return failed("A difference that counts has no sign.", expected, yours)
    return failed("There is a photo on which two ways differ by another amount.", expected, yours)


@checkpoint(
    "s.onnx.fair",
    points=2,
    title="Choose the pair that answers the manager's question",
    hint="Users send photos. Which two runs did the same work for the same request?",
)
def fair(records: Records) -> Verdict:
    """Judge that both sides get photos and differ in the network's runtime, and their ratio."""
    given = records.answer("s.onnx.fair")
    if given is None:
        return unanswered()
    pair = given["option"], given["baseline"]
    yours = f"{pair[0]} over {pair[1]}: {given['ratio']:.3g}"
    if set(pair) & set(_NUMBERS):
        return failed(
            "That run got numbers. Somebody decoded its photos before the clock ran, and in the other run the server "
            "did: two jobs were compared.",
            yours=yours,
        )
    if pair == _PHOTOS:
        return failed("Turned around: what is gained by moving is the new over the old.", yours=yours)
    if pair != _PHOTOS[::-1]:
        return failed("Name two runs of this lesson that got photos.", yours=yours)
    right = ratio_of_rates(records, *pair)
    if right is None:
        return failed(NOT_RUN)
    if not is_close(given["ratio"], right, within=0.02):
        return failed("This is not the ratio of the newest two runs.", times(right), yours)
    return passed("The same request, the same reply, another runtime.", times(right), yours)


@checkpoint(
    "s.onnx.bytes",
    title="Say how many times as heavy a request with numbers is",
    hint="3 × 224 × 224 numbers of 4 bytes, against a photo in base64.",
    needs=({"kind": "load", "option": "way-onnx"},),
)
def weight(records: Records) -> Verdict:
    """Judge the ratio of the two requests' sizes."""
    given = records.answer("s.onnx.bytes")
    if given is None:
        return unanswered()
    sizes = given["sizes"]
    right = sizes["way-onnx"] / sizes["way-python"]
    if not 3 * 224 * 224 * 4 < sizes["way-onnx"] < 3 * 224 * 224 * 4 + 4096:
        return failed("A request with numbers carries 602,112 bytes and a little more.", yours=str(sizes["way-onnx"]))
    if is_close(given["heavier"], right, within=0.01):
        return passed("A JPEG knows how to be small.", times(right), times(given["heavier"]))
    if is_close(given["heavier"], 1 / right, within=0.01):
        return failed("Turned around: the heavy one over the light one.", times(right), times(given["heavier"]))
    return failed("Divide the lengths of the two bodies.", times(right), f"{given['heavier']:.4g}")


@checkpoint(
    "s.onnx.scaled",
    title="Say what a second copy brought, and how soon it was there",
    hint="`triton.changes[-1].ready_after_s` is in seconds.",
)
def scaled(records: Records) -> Verdict:
    """Judge the ratio of the two runs, and the seconds that the change took."""
    given = records.answer("s.onnx.scaled")
    if given is None:
        return unanswered()
    right = ratio_of_rates(records, "way-onnx-2", "way-onnx")
    if right is None:
        return failed(NOT_RUN)
    expected = f"{times(right)}, {given['change_s']:.2f} s"
    yours = f"{given['ratio']:.3g}, {given['ready_after_s']:.3g} s"
    if is_close(given["ratio"], 1 / right, within=0.01) and not is_close(right, 1, within=0.02):
        return failed("Turned around: two copies over one.", expected, yours)
    if not is_close(given["ratio"], right, within=0.02):
        return failed("This is not the ratio of the newest two runs.", expected, yours)
    if not is_close(given["ready_after_s"], given["change_s"], within=0.02):
        return failed("The change itself says how long it took.", expected, yours)
    return passed("A change that takes seconds is a change that one dares to try.", expected, yours)
