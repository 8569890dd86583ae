"""The ONNX Runtime backend: a configuration that the real Triton serves, and what may be compared."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.system.lesson_33 import GOOD, ratio_of_rates
from labs.display.format import times
from labs.records import Records

_ONNX = {"kind": "load", "option": "way-onnx"}


@prediction(
    "s.onnx.gain_guess",
    about=_ONNX,
    title="Predict how many times as many answers the ONNX model gives as the Python model",
    between=(0.05, 100),
    show=times,
)
def gain_guess(records: Records) -> float | None:
    """Return answers a second of the ONNX model over those of the Python model."""
    return ratio_of_rates(records, "way-onnx", "way-python")


@prediction(
    "s.onnx.two_guess",
    about={"kind": "load", "option": "way-onnx-2"},
    title="Predict what a second instance of the ONNX model brings",
    between=(0.05, 100),
    show=times,
)
def two_guess(records: Records) -> float | None:
    """Return answers a second of two instances over those of one."""
    return ratio_of_rates(records, "way-onnx-2", "way-onnx")


def inspect_onnx(folder) -> dict:
    """Return what the real Triton says of a folder with an ONNX model, and what the model answers."""
    from labs.serve.triton.trial import tried

    return tried(folder)


_GOOD = {**GOOD, "backend": "onnxruntime", "batch_sizes": {"1": 48}}


@artefact_question(
    "s.onnx.model",
    points=3,
    title="Write the configuration of an ONNX model",
    inspect=inspect_onnx,
    hints=(
        'As in lesson 33, with `backend: "onnxruntime"`, one input and one output of TYPE_FP32.',
        '`input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]`; the batch is not in `dims`.',
    ),
    mistakes={
        "not loaded": "Triton does not load this folder; its reason stands below.",
        "other backend": "Another backend than ONNX Runtime serves it.",
        "one at a time": "Triton takes one image in a request: `max_batch_size` is to be 16.",
        "no answers": "It loads and gives no answer to an image of 3 × 224 × 224 numbers: look at `dims`.",
        "other classes": "Its classes are not those of the course's model: is `model.onnx` lesson 12's file?",
        "another number": "It loads, and Triton runs another number of instances than one.",
    },
    examples={
        "good": _GOOD,
        "not loaded": {
            "loaded": False,
            "reason": "config.pbtxt names input 'image', and the ONNX file's inputs are: input",
        },
        "other backend": {**_GOOD, "backend": "python"},
        "one at a time": {**_GOOD, "max_batch_size": 1, "rows": 0},
        "no answers": {**_GOOD, "right": 0, "rows": 0, "burst": 0, "said": "unexpected shape for input 'input'"},
        "other classes": {**_GOOD, "right": 1, "rows": 1, "burst": 8},
        "another number": {**_GOOD, "instances": 2},
    },
)
def onnx_folder(facts: dict, records: Records) -> Verdict:
    """Judge that ONNX Runtime serves the course's model, in batches, with one instance."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    if facts["backend"] != "onnxruntime":
        return failed_as("other backend", yours=facts["backend"])
    if facts["max_batch_size"] != 16:
        return failed_as("one at a time", yours=f"max_batch_size {facts['max_batch_size']}")
    if not facts["right"] and facts["said"]:
        return failed_as("no answers", yours=facts["said"])
    if min(facts["right"], facts["rows"]) < facts["asked"] - 1:
        return failed_as("other classes", yours=f"{facts['right']} of {facts['asked']} as torch says")
    if facts["instances"] != 1:
        return failed_as("another number", yours=f"{facts['instances']} processes")
    return passed("An ONNX file, fifteen words of configuration, and no code.")


def _times(random: np.random.Generator) -> list[tuple]:
    decode = random.uniform(1e-3, 8e-3, 5)
    onnx, torch = random.uniform(2e-3, 2e-2, 5), random.uniform(1e-2, 5e-2, 5)
    return [(float(a + c), float(b), float(c)) for a, b, c in zip(torch, onnx, decode, strict=True)]


def _own_times(records: Records) -> list[tuple]:
    python, onnx = (records.latest(kind="load", option=name) for name in ("way-python", "way-onnx"))
    return [(python.load.server.compute_s, onnx.load.server.compute_s, onnx.details["decode_s"])]


@function_question(
    "s.onnx.fair",
    points=2,
    title="Compare the Python model and the ONNX model for the same job",
    hints=(
        "What does a photo cost with ONNX Runtime, from the photo to the answer?",
        "`python_s / (onnx_s + decode_s)`: `python_s` holds its decoding already.",
    ),
    cases=_times,
    own=_own_times,
    needs=(_ONNX,),
    mistakes=(
        Mistake(
            "decoded by nobody",
            lambda python_s, onnx_s, decode_s: python_s / onnx_s,
            "Two jobs are compared here: users send photos, and somebody has to decode them for ONNX Runtime too.",
        ),
        Mistake(
            "decoded twice",
            lambda python_s, onnx_s, decode_s: (python_s + decode_s) / (onnx_s + decode_s),
            "The Python model's time holds its decoding already.",
        ),
        Mistake(
            "turned",
            lambda python_s, onnx_s, decode_s: (onnx_s + decode_s) / python_s,
            "Turned around: half the time is twice as many images.",
        ),
        Mistake(
            "network alone",
            lambda python_s, onnx_s, decode_s: (python_s - decode_s) / onnx_s,
            "This compares the two networks. Users wait for the whole job.",
        ),
    ),
    right="The part that nobody made faster is what limits the gain.",
)
def fair_gain(python_s: float, onnx_s: float, decode_s: float) -> float:
    """Return the gain for the same job: decode, and run the network."""
    return python_s / (onnx_s + decode_s)
