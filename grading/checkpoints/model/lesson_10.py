"""Meet the model: what goes in, what comes out, what its file holds, where it errs, and what the targets mean."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    close,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs.records import Records
from labs.records.targets import target

_SIZE = {"kind": "size", "option": "torch-eager"}
_ACCURACY = {"kind": "accuracy", "option": "torch-eager"}

_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

#: Largest difference that rounding to 11 bits can make, as a share of a tensor's largest number, with room.
_ROUNDING = 2**-10


@prediction(
    "m.meet.accuracy_guess",
    about=_ACCURACY,
    title="Predict how many of 100 images the model gets right",
    unit="of 100",
    between=(0, 100),
)
def right_of_100(records: Records) -> float | None:
    """Return the measured accuracy as a count out of 100."""
    record = records.latest(**_ACCURACY)
    return None if record is None else 100 * float(np.mean(record.samples))


def _images(random: np.random.Generator) -> list[tuple]:
    return [(random.integers(0, 256, size, dtype=np.uint8),) for size in ((2, 2, 3), (3, 2, 3), (2, 4, 3), (1, 1, 3))]


def _turned(values: np.ndarray) -> np.ndarray:
    return values.transpose(2, 0, 1)


@function_question(
    "m.meet.normalize",
    title="Turn an image's bytes into the model's input",
    hints=(
        "Three steps: bytes to the range 0 to 1, subtract and divide by channel, colours to the front.",
        "`(pixels / 255 - mean) / std` works on (height, width, 3) as it is; then `.transpose(2, 0, 1)`.",
    ),
    cases=_images,
    needs=(_SIZE,),
    mistakes=(
        Mistake(
            "not scaled",
            lambda pixels: _turned((pixels - _MEAN) / _STD),
            "Mean and deviation are meant for colours from 0 to 1; these still run from 0 to 255.",
        ),
        Mistake(
            "colours last",
            lambda pixels: (pixels / 255 - _MEAN) / _STD,
            "The colours are still the last axis; the model wants them first: (3, height, width).",
        ),
        Mistake(
            "not divided",
            lambda pixels: _turned(pixels / 255 - _MEAN),
            "The mean is subtracted; the division by the deviation is missing.",
        ),
        Mistake(
            "reshaped",
            lambda pixels: ((pixels / 255 - _MEAN) / _STD).reshape(3, *pixels.shape[:2]),
            "`reshape` only cuts the row of numbers anew, so that colours and places mix: move the axis instead.",
        ),
        Mistake(
            "axes swapped",
            lambda pixels: ((pixels / 255 - _MEAN) / _STD).T,
            "`.T` turns all axes around: the image now lies on its side.",
        ),
    ),
    compare=close(rel=1e-3, abs=1e-4),
    right="That is what torchvision's transforms do as well.",
)
def normalize(pixels: np.ndarray) -> np.ndarray:
    """Return the model's input for an image's bytes."""
    return _turned((pixels / 255 - _MEAN) / _STD)


def _logits(random: np.random.Generator) -> list[tuple]:
    usual = [(random.normal(0, 3, size),) for size in ((1, 11), (2, 11), (3, 5))]
    return [*usual, (random.normal(0, 3, (2, 11)) + 1000,), (random.normal(-800, 3, (2, 4)),)]


def _naive(logits: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def _alike(given: list, wanted: list) -> bool:
    return bool(np.allclose(given, wanted, rtol=1e-3, atol=1e-6, equal_nan=True))


@function_question(
    "m.meet.softmax",
    title="Write softmax",
    hints=(
        "exp of each number, divided by the sum of its row. What does `np.exp(1000)` give?",
        "Subtract `logits.max(axis=-1, keepdims=True)` first: the result is the same, and nothing overflows.",
    ),
    cases=_logits,
    needs=(_SIZE,),
    mistakes=(
        Mistake(
            "overflow",
            _naive,
            "Right for small logits, but exp overflows for large ones (and is 0 for very negative ones): subtract each "
            "row's largest logit first.",
        ),
        Mistake(
            "whole batch",
            lambda logits: np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum(),
            "The whole batch sums to 1; each row should, for each is an image of its own.",
        ),
        Mistake(
            "columns",
            lambda logits: np.exp(logits - logits.max(axis=0)) / np.exp(logits - logits.max(axis=0)).sum(axis=0),
            "The columns sum to 1. A row is an image: work along the last axis.",
        ),
        Mistake(
            "shares",
            lambda logits: logits / logits.sum(axis=-1, keepdims=True),
            "These are shares of the logits themselves, negative ones included: take exp first.",
        ),
    ),
    compare=_alike,
    right="Positive, each row sums to 1, and no logit is too large.",
)
def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _shapes(random: np.random.Generator) -> list[tuple]:
    made = []
    for bits in (32, 16, 8, 4):
        out, into, last = (int(n) for n in random.integers(8, 200, 3))
        made.append(([[out, into, 3, 3], [out], [into], [2 * last, out], []], bits))
    return made


@function_question(
    "m.meet.parameters",
    points=1,
    title="Work out a file's size from the shapes of its tensors",
    hints=(
        "A tensor of shape (32, 3, 3, 3) holds 32 × 3 × 3 × 3 numbers. Eight bits are a byte.",
        "`sum(math.prod(shape) for shape in shapes)` counts the numbers; an empty shape is one number.",
    ),
    cases=_shapes,
    needs=(_SIZE,),
    mistakes=(
        Mistake(
            "bits",
            lambda shapes, bits: sum(map(math.prod, shapes)) * bits,
            "These are bits; the file's size is counted in bytes.",
        ),
        Mistake(
            "count",
            lambda shapes, bits: float(sum(map(math.prod, shapes))),
            "That counts the numbers. How many bytes does each of them take?",
        ),
        Mistake(
            "tensors", lambda shapes, bits: len(shapes) * bits / 8, "This counts tensors, and each holds many numbers."
        ),
        Mistake(
            "sum",
            lambda shapes, bits: sum(map(sum, shapes)) * bits / 8,
            "The sides of a tensor are multiplied, not added.",
        ),
        Mistake(
            "always 32 bits",
            lambda shapes, bits: sum(map(math.prod, shapes)) * 4,
            "That takes four bytes for each number, whatever `bits` says.",
        ),
    ),
)
def size_bytes(shapes: list, bits: int) -> float:
    """Return the bytes that tensors of these shapes take."""
    return sum(math.prod(shape) for shape in shapes) * bits / 8


def _inspect_half(path) -> dict:
    """Return which number formats a safetensors file holds, and how its tensors differ from the model's."""
    from safetensors.torch import load_file

    from labs import assets

    given, ours = load_file(path), load_file(assets.model())
    differences = [
        float((given[name].double() - tensor.double()).abs().max() / tensor.double().abs().max().clamp(min=1e-12))
        for name, tensor in ours.items()
        if name in given and given[name].shape == tensor.shape and tensor.is_floating_point()
    ]
    return {
        "formats": sorted({str(tensor.dtype).removeprefix("torch.") for tensor in given.values()}),
        "missing": len(ours.keys() - given.keys()),
        "largest_difference": max(differences, default=-1.0),
    }


_HALF = {"formats": ["float16", "int64"], "missing": 0, "largest_difference": 4e-4, "size_bytes": 4_600_000}


@artefact_question(
    "m.meet.half",
    title="Write the weights with 16 bits for each number",
    hints=(
        "A state dict is a dictionary of tensors by name. `tensor.half()` returns one with 16 bits for each number.",
        "Convert where `tensor.is_floating_point()`, keep the others, and give the new dictionary to `save_file`.",
    ),
    inspect=_inspect_half,
    needs=(_SIZE,),
    mistakes={
        "float32": "There are still numbers of 32 bits in the file.",
        "bfloat16": "These are bfloat16: as many bits, eight of them for a range that weights never use. `half` keeps "
        "more digits.",
        "incomplete": "Tensors of the model are missing: a BatchNorm's running mean and variance belong to it too.",
        "other weights": "These are the numbers of another model, or they were changed by more than rounding.",
    },
    examples={
        "good": _HALF,
        "float32": {**_HALF, "formats": ["float16", "float32", "int64"]},
        "bfloat16": {**_HALF, "formats": ["bfloat16", "int64"], "largest_difference": 3e-3},
        "incomplete": {**_HALF, "missing": 104},
        "other weights": {**_HALF, "largest_difference": 0.7},
    },
)
def half_precision(facts: dict, records: Records) -> Verdict:
    """Judge the file's number formats, and that it is this model, rounded."""
    formats, size = set(facts["formats"]), f"{facts['size_bytes'] / 1e6:.2f} MB"
    if facts["missing"]:
        return failed_as("incomplete")
    if formats & {"float32", "float64"}:
        return failed_as("float32", size)
    if "bfloat16" in formats:
        return failed_as("bfloat16")
    if not 0 <= facts["largest_difference"] <= _ROUNDING:
        return failed_as("other weights")
    limit = target("device").size_bytes
    if "float16" not in formats or facts["size_bytes"] >= limit:
        return failed("It should hold float16 numbers and fit the device's size limit.", size)
    return passed("Half the bytes, the same model, and it fits the device.", f"< {limit / 1e6:g} MB", size)
