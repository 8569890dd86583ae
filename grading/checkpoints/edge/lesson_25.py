"""Give it fewer pixels: pixels against channels, and what each is good for."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
    unanswered,
)
from grading.checkpoints.edge.device import BASELINE, NOT_MEASURED, points_lost, right_of, size_of
from labs.display.format import megabytes, milliseconds
from labs.records import Records

INT8 = "edge-int8-s8s8"

#: Static INT8 options of the lesson; the pruned one only where part 1 has made it.
OPTIONS = (INT8, "edge-int8-qdq", "edge-int8-pruned", "edge-int8-192px", "edge-int8-160px", "edge-int8-128px")

#: Points that a pick may lose against float32.
MOST_POINTS = 1.0

#: A pick this much behind the best one is as good: the next run might turn them round.
_AS_GOOD = 0.08


def median_s(records: Records, option: str) -> float | None:
    """Return the median latency of an option's newest single-photo record in seconds, or None."""
    record = records.latest(kind="latency", option=option, batch_size=1)
    return None if record is None else record.percentile(50)


@prediction(
    "e.smaller.loss_guess",
    about={"kind": "accuracy", "option": "edge-int8-160px"},
    title="Predict the points lost at 160 pixels without new training",
    between=(-20, 100),
    show=lambda value: f"{value:.2f} points",
)
def loss_at_160(records: Records) -> float | None:
    """Return the points that the model loses at 160 pixels against float32 at 224."""
    return points_lost(records, "edge-int8-160px")


def inspect_small(path) -> dict:
    """Return the side that a file takes, and how often it names the full-size file's class where that is beside it."""
    from pathlib import Path

    import onnxruntime as ort

    from labs import assets
    from labs.data.dataset import load_split

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    facts = {"side": given.shape[2:], "batch": given.shape[0], "agree": 0.0}
    full = Path(path).with_name("int8-static-s8s8.onnx")
    facts["same_bytes"] = Path(path).read_bytes() == full.read_bytes() if full.is_file() else False
    if given.shape[2:] == [160, 160]:
        root = assets.dataset("food11-mini")
        classes = []
        for one, side in ((session, 160), (ort.InferenceSession(full, providers=["CPUExecutionProvider"]), 224)):
            images, _ = load_split(root, "validation", limit=33, size_px=side)
            name = one.get_inputs()[0].name
            classes.append([int(one.run(None, {name: image[np.newaxis]})[0].argmax()) for image in images])
        facts["agree"] = float(np.mean(np.array(classes[0]) == classes[1]))
    return facts


_SMALL = {"side": [160, 160], "batch": "batch", "agree": 0.85, "same_bytes": False}


@artefact_question(
    "e.smaller.file",
    points=2,
    title="Let the model take 160 × 160 pixels, with nothing changed but its input",
    hints=(
        "`model.graph.input[0].type.tensor_type.shape.dim` has four entries: batch, channels, height, width.",
        '`for one in dim[2:]: one.dim_value = 160`, then `model.graph.ClearField("value_info")` and `onnx.save`.',
    ),
    inspect=inspect_small,
    mistakes={
        "same": "This is the file as it was: save the changed model.",
        "side": "Its input is not 160 × 160: height and width are the last two of the four entries.",
        "batch": "The batch axis is fixed now: leave the first entry as it was.",
        "other": "It takes 160 pixels and names other classes: was the quantized file changed, and nothing else?",
    },
    examples={
        "good": _SMALL,
        "same": {**_SMALL, "side": [224, 224], "same_bytes": True},
        "side": {**_SMALL, "side": [160, 224]},
        "batch": {**_SMALL, "batch": 160},
        "other": {**_SMALL, "agree": 0.1},
    },
)
def small_file(facts: dict, records: Records) -> Verdict:
    """Judge the input, and that it is still the model."""
    if facts["same_bytes"]:
        return failed_as("same")
    if facts["side"] != [160, 160]:
        return failed_as("side", yours=" × ".join(map(str, facts["side"])))
    if facts["batch"] == 160:
        return failed_as("batch")
    if facts["agree"] < 0.5:
        return failed_as("other")
    return passed("Half the arithmetic, and not a byte of the download.")


@checkpoint(
    "e.smaller.picks",
    points=2,
    title="Pick for the download and for the queue, within one point of accuracy",
    hint="First strike out what loses more than a point; then look at sizes, and at medians.",
)
def picks(records: Records) -> Verdict:
    """Judge both picks against the options that are within a point; near ties are as good."""
    given = records.answer("e.smaller.picks")
    if given is None:
        return unanswered()
    lost = {name: points_lost(records, name) for name in OPTIONS}
    fair = [name for name, points in lost.items() if points is not None and points <= MOST_POINTS + 1e-9]
    if not records.measurements(option=BASELINE) or not fair:
        return failed(NOT_MEASURED)
    yours = f"download: {given['download']}, queue: {given['queue']}"
    for wish, name in given.items():
        if name not in OPTIONS:
            return failed(f"{wish}: name a static INT8 option of this lesson.", ", ".join(fair), yours)
        if name not in fair:
            return failed(f"{wish}: that one loses more than a point, or was not measured.", ", ".join(fair), yours)
    sizes, medians = ({name: of(records, name) for name in fair} for of in (size_of, median_s))
    if None in sizes.values() or None in medians.values():
        return failed(NOT_MEASURED)
    if sizes[given["download"]] > (1 + 0.01) * min(sizes.values()):
        shown = ", ".join(f"{name} {megabytes(size)}" for name, size in sizes.items())
        return failed("download: another one within the point has fewer bytes.", shown, yours)
    if medians[given["queue"]] > (1 + _AS_GOOD) * min(medians.values()):
        shown = ", ".join(f"{name} {milliseconds(value)}" for name, value in medians.items())
        return failed("queue: another one within the point answers faster.", shown, yours)
    return passed("Two wishes, and perhaps two files.", "", yours)


def _pairs(random: np.random.Generator) -> list[tuple]:
    cases = []
    for lost, ratio in ((30, 2.2), (4, 1.1), (-3, 0.8)):
        before = [int(one) for one in random.permutation([1] * 500 + [0] * 160)]
        after = [int(one) for one in random.permutation([1] * (500 - lost) + [0] * (160 + lost))]
        slow_s = [float(one) for one in random.uniform(0.004, 0.006, 9)] + [0.2]
        fast_s = [float(one) / ratio for one in random.uniform(0.004, 0.006, 9)] + [0.3]
        cases.append((before, after, slow_s, fast_s))
    return cases


def _own_pair(records: Records) -> list[tuple]:
    right = [right_of(records, name) for name in (INT8, "edge-int8-128px")]
    timed = [records.latest(kind="latency", option=name, batch_size=1) for name in (INT8, "edge-int8-128px")]
    return [] if None in (*right, *timed) else [(*map(list, right), *(list(one.samples) for one in timed))]


def _bargain(before, after, before_s, after_s, *, scale=100.0, middle=np.median, turned=False) -> tuple[float, float]:
    ratio = float(middle(before_s) / middle(after_s))
    return scale * (sum(before) - sum(after)) / len(before), 1 / ratio if turned else ratio


@function_question(
    "e.smaller.bargain",
    points=2,
    title="State what fewer pixels cost and what they bring",
    hints=(
        "Points are hundredths of the accuracy; the other result is a ratio of two medians above 1 where it pays.",
        "`100 * (sum(before) - sum(after)) / len(before)` and `np.median(before_s) / np.median(after_s)`.",
    ),
    cases=_pairs,
    own=_own_pair,
    needs=({"kind": "latency", "option": "edge-int8-128px"},),
    mistakes=(
        Mistake("fraction", lambda *given: _bargain(*given, scale=1.0), "That is a fraction; a point is a hundredth."),
        Mistake("gain", lambda *given: _bargain(*given, scale=-100.0), "A loss is positive where the result is worse."),
        Mistake("slower", lambda *given: _bargain(*given, turned=True), "The points are right. Above 1 means faster."),
        Mistake("mean", lambda *given: _bargain(*given, middle=np.mean), "One slow call moves a mean: take medians."),
    ),
    right="A price with its goods: now somebody can decide.",
)
def bargain(before_right, after_right, before_s, after_s) -> tuple[float, float]:
    """Return points lost, and times as fast."""
    return _bargain(before_right, after_right, before_s, after_s)
