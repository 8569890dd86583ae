"""Export to ONNX: a file for a server, what is written into it, and whether it is still the same model."""

from __future__ import annotations

import json

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import IMAGENET_MEAN, IMAGENET_STD
from labs.display.format import times
from labs.records import Records

_BASELINE = {"kind": "latency", "option": "onnx-disabled"}

#: The export that was looked into; functions that judge it come after it.
_FILE = {"subject": "artefact.m.export.file"}

#: Logits of an honest export differ from PyTorch's by less than this; the smallest mistake moves them by 0.05.
ROUNDING = 1e-3

#: Operator sets that every runtime of the course reads, up to Triton 24.10's ONNX Runtime 1.19.
_OPSETS = range(13, 22)


@prediction(
    "m.export.runtime_guess",
    about=_BASELINE,
    title="Predict how many times as fast ONNX Runtime answers without any optimization",
    between=(0.05, 100),
    show=times,
)
def runtime_speedup(records: Records) -> float | None:
    """Return how many times shorter the unoptimized graph's median latency is than eager torch's, side by side."""
    run = records.comparison("onnx-disabled", "torch-eager")
    return None if run is None else 1 / run.ratio("onnx-disabled", "torch-eager").interval.value


def inspect_export(path) -> dict:
    """Return facts about an exported file: its form, and how far its logits are from PyTorch's."""
    from pathlib import Path

    import onnx

    proto = onnx.load(path, load_external_data=False)
    given = proto.graph.input[0]
    axis = given.type.tensor_type.shape.dim[0]
    notes = [note for tensor in proto.graph.initializer for note in tensor.external_data]
    facts = {
        "input": given.name,
        "output": proto.graph.output[0].name,
        "batch": axis.dim_param or axis.dim_value,
        "opset": next(one.version for one in proto.opset_import if one.domain in {"", "ai.onnx"}),
        "dropouts": sum(node.op_type == "Dropout" for node in proto.graph.node),
        "outside": sorted({note.value for note in notes if note.key == "location"}),
        "max_abs_diff": None,
    }
    if all(Path(path).with_name(name).is_file() for name in facts["outside"]):
        onnx.checker.check_model(str(path), full_check=True)
        if isinstance(facts["batch"], str):
            facts["max_abs_diff"] = difference_from_torch(path)
    return facts


def difference_from_torch(path) -> float:
    """Return how far a file's logits are from PyTorch's at most, on validation images in batches of 1 and 5."""
    import onnxruntime as ort
    import torch

    from labs import assets
    from labs.data.dataset import load_split
    from labs.data.models import load_mobilenet_v2

    images, _ = load_split(assets.dataset(), "validation", limit=6)
    with torch.inference_mode():
        expected = load_mobilenet_v2(assets.model())(torch.from_numpy(images)).numpy()
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = [session.run(None, {name: images[place]})[0] for place in (slice(0, 1), slice(1, 6))]
    return float(np.abs(np.concatenate(parts) - expected).max())


_GOOD_FILE = {
    "input": "input",
    "output": "output",
    "batch": "batch",
    "opset": 18,
    "dropouts": 0,
    "outside": [],
    "max_abs_diff": 4e-6,
}


@artefact_question(
    "m.export.file",
    points=3,
    title="Export the model as one file with a free batch axis",
    hints=(
        "Start from the first export and add the arguments of the list above, one after the other.",
        '`dynamic_shapes=({0: torch.export.Dim("batch")},), input_names=["input"], output_names=["output"], '
        "external_data=False, opset_version=18`.",
    ),
    inspect=inspect_export,
    mistakes={
        "external_data": "The weights lie in a second file: whoever gets this one alone has no model.",
        "static_batch": "The batch axis has a fixed length: name it in `dynamic_shapes`.",
        "training_mode": "There is a Dropout in the graph: the model was in training mode. Call `net.eval()` first.",
        "input_name": "Input and output do not have the names that the servers of this course call them by.",
        "opset": "A runtime of this course cannot read this operator set: say `opset_version=18`.",
        "another_model": "The logits are not those of the course's model: export `net` as it was loaded.",
    },
    examples={
        "good": _GOOD_FILE,
        "external_data": {**_GOOD_FILE, "outside": ["food11.onnx.data"]},
        "static_batch": {**_GOOD_FILE, "batch": 2, "max_abs_diff": None},
        "training_mode": {**_GOOD_FILE, "dropouts": 1},
        "input_name": {**_GOOD_FILE, "input": "x"},
        "opset": {**_GOOD_FILE, "opset": 25},
        "another_model": {**_GOOD_FILE, "max_abs_diff": 0.3},
    },
)
def export_file(facts: dict, records: Records) -> Verdict:
    """Judge that the file is whole, takes any batch, has the course's names, and is the course's model."""
    if facts["outside"]:
        return failed_as("external_data", yours=", ".join(facts["outside"]))
    if not isinstance(facts["batch"], str):
        return failed_as("static_batch", yours=f"{facts['batch']} images")
    if facts["dropouts"]:
        return failed_as("training_mode")
    if (facts["input"], facts["output"]) != ("input", "output"):
        return failed_as("input_name", yours=f"{facts['input']} and {facts['output']}")
    if facts["opset"] not in _OPSETS:
        return failed_as("opset", yours=str(facts["opset"]))
    if not facts["max_abs_diff"] <= ROUNDING:
        return failed_as("another_model", yours=f"largest difference {facts['max_abs_diff']:.2g}")
    return passed("One file, any batch, and the same logits as PyTorch's on images that it had not seen.")


def inspect_properties(path) -> dict:
    """Return the texts that a file carries for whoever uses it."""
    import onnx

    proto = onnx.load(path, load_external_data=False)
    return {"properties": {one.key: one.value for one in proto.metadata_props}}


_TOLD = {"mean": json.dumps(IMAGENET_MEAN), "std": json.dumps(IMAGENET_STD), "classes": json.dumps(CLASS_NAMES)}


@artefact_question(
    "m.export.properties",
    points=1,
    title="Write into the file how it is fed",
    hints=(
        "One call of `onnx.helper.set_model_props`, with a dictionary of three texts.",
        '`onnx.helper.set_model_props(model, {"mean": json.dumps(IMAGENET_MEAN), …})`.',
    ),
    inspect=inspect_properties,
    needs=(_FILE,),
    mistakes={
        "missing": "`mean`, `std` and `classes` are asked for, under these names.",
        "not_json": "A program cannot read one of these texts: make it with `json.dumps`.",
        "swapped": "`mean` and `std` are in each other's place.",
    },
    examples={
        "good": {"properties": _TOLD},
        "missing": {"properties": {"mean": _TOLD["mean"]}},
        "not_json": {"properties": {**_TOLD, "classes": str(CLASS_NAMES)}},
        "swapped": {"properties": {**_TOLD, "mean": _TOLD["std"], "std": _TOLD["mean"]}},
    },
)
def properties(facts: dict, records: Records) -> Verdict:
    """Judge that mean, deviation and classes can be read out of the file."""
    found = facts["properties"]
    if not set(_TOLD) <= set(found):
        return failed_as("missing", yours=", ".join(found) or "nothing")
    try:
        told = {name: json.loads(found[name]) for name in _TOLD}
    except json.JSONDecodeError:
        return failed_as("not_json")
    if (told["mean"], told["std"]) == (list(IMAGENET_STD), list(IMAGENET_MEAN)):
        return failed_as("swapped")
    for name, text in _TOLD.items():
        if told[name] != json.loads(text):
            return failed(f"`{name}` is not what the model was trained with.", yours=found[name][:60])
    return passed("Whoever gets this file alone can feed it, and knows what it answers.")


def _layers(random: np.random.Generator) -> list[tuple]:
    cases = []
    for out, into, side in ((2, 3, 1), (4, 1, 3), (3, 2, 1), (1, 4, 3)):
        weights, numbers = random.normal(size=(out, into, side, side)), random.normal(size=(4, out))
        # Some variances are as small as eps: where a channel hardly varies, eps decides.
        variances = random.uniform(0.5, 2, out) * np.where(np.arange(out) % 2, 1, 1e-3)
        cases.append((weights, *numbers, variances, 1e-3))
    return cases


def _folded(w, b, gamma, beta, mean, var, eps, *, scale=None):
    scale = gamma / np.sqrt(var + eps) if scale is None else scale
    return w * scale[:, None, None, None], (b - mean) * scale + beta


@function_question(
    "m.export.fold",
    points=2,
    title="Fold a BatchNorm into the convolution before it",
    hints=(
        "Each output channel has one factor: what stands before the fraction, over the root. Where does b end up?",
        "`scale = gamma / np.sqrt(var + eps)`, weights `w * scale[:, None, None, None]`; the bias is z at x = 0.",
    ),
    cases=_layers,
    needs=(_FILE,),
    mistakes=(
        Mistake(
            "no root",
            lambda w, b, gamma, beta, mean, var, eps: _folded(
                w, b, gamma, beta, mean, var, eps, scale=gamma / (var + eps)
            ),
            "`var` is the variance: the division is by its root.",
        ),
        Mistake(
            "no eps",
            lambda w, b, gamma, beta, mean, var, eps: _folded(
                w, b, gamma, beta, mean, var, eps, scale=gamma / np.sqrt(var)
            ),
            "Where a channel hardly varies, `eps` decides: it belongs under the root.",
        ),
        Mistake(
            "mean forgotten",
            lambda w, b, gamma, beta, mean, var, eps: _folded(w, b, gamma, beta, 0 * mean, var, eps),
            "The weights are right. The bias also carries the mean, scaled as the weights are.",
        ),
        Mistake(
            "bias not scaled",
            lambda w, b, gamma, beta, mean, var, eps: (
                _folded(w, b, gamma, beta, mean, var, eps)[0],
                b - mean * gamma / np.sqrt(var + eps) + beta,
            ),
            "The weights are right. The convolution's own bias goes through the BatchNorm too.",
        ),
        Mistake(
            "last axis",
            lambda w, b, gamma, beta, mean, var, eps: (
                w * (gamma / np.sqrt(var + eps)),
                _folded(w, b, gamma, beta, mean, var, eps)[1],
            ),
            "numpy lines up the last axes: give the factors three more, `scale[:, None, None, None]`.",
        ),
    ),
    right="One multiplication and one addition for each value instead of two: at inference, BatchNorm is free.",
)
def fold(w, b, gamma, beta, mean, var, eps):
    """Return the folded weights and bias."""
    scale = gamma / np.sqrt(var + eps)
    return w * scale[:, None, None, None], (b - mean) * scale + beta


def _pairs(random: np.random.Generator) -> list[tuple]:
    logits = random.normal(0, 4, (6, 11))
    rounded = logits + random.uniform(-8e-5, 8e-5, logits.shape)
    one_off, nothing = logits.copy(), logits.copy()
    one_off[3, 7] -= 0.08
    nothing[2, 4] = np.nan
    return [
        (logits, rounded),
        (logits, logits + 0.05),
        (logits, logits - 0.05),
        (logits, logits + 1.0),
        (logits, one_off),
        (logits, nothing),
        (rounded, logits),
        (logits, np.roll(logits, 1, axis=0)),
    ]


@function_question(
    "m.export.agrees",
    points=2,
    title="Write the test that two models agree",
    hints=(
        "The largest absolute difference, and a tolerance between rounding (0.0001) and the smallest mistake (0.05).",
        "`np.max(np.abs(torch_logits - onnx_logits)) < 1e-3`. What does a comparison with NaN give?",
    ),
    cases=_pairs,
    needs=(_FILE,),
    mistakes=(
        Mistake(
            "classes",
            lambda torch_logits, onnx_logits: bool(np.array_equal(torch_logits.argmax(1), onnx_logits.argmax(1))),
            "These are the classes. The spoiled model has the same ones, and is another model.",
        ),
        Mistake(
            "exactly equal",
            lambda torch_logits, onnx_logits: bool(np.abs(torch_logits - onnx_logits).max() < 1e-5),
            "An honest export fails this test: leave room for what rounding does.",
        ),
        Mistake(
            "too loose",
            lambda torch_logits, onnx_logits: bool(np.abs(torch_logits - onnx_logits).max() < 0.1),
            "The spoiled model passes: its logits are off by 0.05.",
        ),
        Mistake(
            "without abs",
            lambda torch_logits, onnx_logits: bool((onnx_logits - torch_logits).max() < 1e-3),
            "Logits that are too small pass: take absolute differences.",
        ),
        Mistake(
            "without abs, turned",
            lambda torch_logits, onnx_logits: bool((torch_logits - onnx_logits).max() < 1e-3),
            "Logits that are too large pass: take absolute differences.",
        ),
        Mistake(
            "mean",
            lambda torch_logits, onnx_logits: bool(np.abs(torch_logits - onnx_logits).mean() < 1e-2),
            "One wrong logit vanishes in the mean: take the largest difference.",
        ),
        Mistake(
            "not a number",
            lambda torch_logits, onnx_logits: not bool(np.abs(torch_logits - onnx_logits).max() > 1e-3),
            "A logit that is not a number passes, because every comparison with NaN is False.",
        ),
    ),
    right="Rounding passes, and no mistake does.",
)
def agrees(torch_logits: np.ndarray, onnx_logits: np.ndarray) -> bool:
    """Return whether two sets of logits differ by rounding only."""
    return bool(np.max(np.abs(torch_logits - onnx_logits)) < ROUNDING)


def _classes(random: np.random.Generator) -> list[tuple]:
    cases = []
    for count, steady in ((12, 0.5), (40, 0.6), (60, 0.3), (25, 0.0), (8, 1.0)):
        labels = random.integers(0, 4, count)
        before = np.where(random.random(count) < 0.6, labels, random.integers(0, 4, count))
        after = np.where(random.random(count) < steady, before, random.integers(0, 4, count))
        cases.append((before, after, labels))
    return cases


def _own_classes(records: Records) -> list[tuple]:
    one, other = (records.latest(kind="accuracy", option=name) for name in ("torch-eager", "onnx-disabled"))
    if one.details["labels"] != other.details["labels"]:
        return []
    return [
        tuple(
            np.array(given) for given in (one.details["predicted"], other.details["predicted"], one.details["labels"])
        )
    ]


@function_question(
    "m.export.lost_gained",
    points=2,
    title="Count the images lost and gained",
    hints=(
        "Two arrays of True and False first: right before, right after.",
        "`(before == labels) & (after != labels)` marks the images lost; `.sum()` counts them.",
    ),
    cases=_classes,
    own=_own_classes,
    needs=({"kind": "accuracy", "option": "torch-eager"}, {"kind": "accuracy", "option": "onnx-disabled"}),
    mistakes=(
        Mistake(
            "turned",
            lambda before, after, labels: tuple(reversed(lost_gained(before, after, labels))),
            "These are turned around: images lost come first.",
        ),
        Mistake(
            "changed",
            lambda before, after, labels: (
                int(((before != after) & (after != labels)).sum()),
                int(((before != after) & (after == labels)).sum()),
            ),
            "An image that was wrong before cannot be lost, even where its wrong class changed.",
        ),
        Mistake(
            "wrong ones",
            lambda before, after, labels: (int((after != labels).sum()), int((before != labels).sum())),
            "These count all images that a model gets wrong. Only those on which the two differ in being right count.",
        ),
    ),
    right="Two small counts say more about a change than two percentages.",
)
def lost_gained(before: np.ndarray, after: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """Return the images that were right before only, and those that are right after only."""
    lost = (before == labels) & (after != labels)
    gained = (before != labels) & (after == labels)
    return int(lost.sum()), int(gained.sum())
