"""Delegate to XNNPACK: a quantized .pte that runs, and what two runtimes' INT8 files are to each other."""

from __future__ import annotations

from grading.checkpoints import Verdict, artefact_question, checkpoint, failed_as, missing, passed, prediction
from grading.checkpoints.edge.device import DEVICE_BYTES
from labs.display.format import megabytes, times
from labs.records import Records

ORT, PTE, FLOAT = "ort-int8", "xnnpack-int8", "xnnpack-fp32"
_RACE = {"kind": "latency", "option": PTE}
_CLAIMS = ("ExecuTorch is faster", "ONNX Runtime is faster", "cannot tell")

#: Logits of a float32 export differ from torch's by less; INT8 moves them by more than 0.1.
_ROUNDING = 1e-2

#: Shares of the classes that are torch's. Measured: 0.93 with a scale a channel, 0.84 with one a tensor, 0.11 without
#: calibration.
_CALIBRATED, _AGREES = 0.5, 0.87


@prediction(
    "e.xnnpack.gain_guess",
    about=_RACE,
    title="Predict how many times as fast INT8 is as float32 in ExecuTorch",
    between=(0.02, 50),
    show=times,
    gate=("ExecuTorch",),
)
def gain(records: Records) -> float | None:
    """Return float32's time over INT8's, side by side."""
    run = records.comparison(PTE, FLOAT)
    return None if run is None else 1 / run.ratio(PTE, FLOAT).interval.value


def inspect_pte(path) -> dict:
    """Return what is inside the file and which classes it names, from ExecuTorch's own environment."""
    from labs.edge.pte import pte_facts

    return pte_facts(path)


_GOOD = {
    "delegates": {"XnnpackBackend": 1},
    "operators": [],
    "images": 44,
    "agree": 42,
    "max_abs_diff": 1.6,
    "size_bytes": 2_485_292,
}


@artefact_question(
    "e.xnnpack.file",
    points=4,
    title="Export an INT8 file for ExecuTorch, quantized by PT2E and delegated to XNNPACK",
    hints=(
        "Between `torch.export.export` and `to_edge_transform_and_lower` stand the four calls of the table.",
        "What is lowered is `torch.export.export(converted, example)`, with the same partitioner as before.",
    ),
    inspect=inspect_pte,
    gate=("ExecuTorch",),
    mistakes={
        "not_delegated": "No part of it is handed to XNNPACK: name the partitioner where the graph is lowered.",
        "not_quantized": "These are float32's logits: lower what `convert_pt2e` returned, exported once more.",
        "outside": "Quantized, but much of it runs outside of XNNPACK: partition the converted graph.",
        "uncalibrated": "It names other classes than the model: were the observers shown training images?",
        "a_scale_a_tensor": "Many classes have changed: is there a scale for each channel of the weights?",
        "too_large": "It is larger than the box allows.",
    },
    examples={
        "good": _GOOD,
        "not_delegated": {**_GOOD, "delegates": {}, "operators": ["aten::convolution.out"]},
        "not_quantized": {**_GOOD, "agree": 44, "max_abs_diff": 2e-5, "size_bytes": 8_926_636},
        "outside": {**_GOOD, "delegates": {"XnnpackBackend": 30}, "operators": ["aten::convolution.out"]},
        "uncalibrated": {**_GOOD, "agree": 4},
        "a_scale_a_tensor": {**_GOOD, "agree": 37},
        "too_large": {**_GOOD, "size_bytes": 8_926_636},
    },
)
def pte_file(facts: dict, records: Records) -> Verdict:
    """Judge that XNNPACK runs it, that it is quantized, that it is still the model, and that it fits the box."""
    share = facts["agree"] / facts["images"]
    if "XnnpackBackend" not in facts["delegates"]:
        return failed_as("not_delegated")
    if facts["max_abs_diff"] < _ROUNDING:
        return failed_as("not_quantized")
    if any("conv" in name for name in facts["operators"]):
        return failed_as("outside", yours=", ".join(facts["operators"])[:200])
    if share < _CALIBRATED:
        return failed_as("uncalibrated", yours=f"{facts['agree']} of {facts['images']} classes")
    if share < _AGREES:
        return failed_as("a_scale_a_tensor", yours=f"{facts['agree']} of {facts['images']} classes")
    if facts["size_bytes"] >= DEVICE_BYTES:
        return failed_as("too_large", yours=megabytes(facts["size_bytes"]))
    return passed(
        "The same model in a quarter of the bytes, in XNNPACK's hands.",
        yours=f"{megabytes(facts['size_bytes'])}, {facts['agree']} of {facts['images']} classes",
    )


@checkpoint(
    "e.xnnpack.claim",
    points=2,
    title="Say which runtime's INT8 file is faster here, and what the `.pte` costs",
    form={"claim": _CLAIMS, "changed": int},
    needs=(_RACE, {"kind": "accuracy", "option": PTE}, {"kind": "accuracy", "option": FLOAT}),
    gate=("ExecuTorch",),
    hints=(
        "The interval of `race.ratio(…)` holds 1, or it does not; the records of the accuracy keep what was predicted.",
        '`details["predicted"]` of both accuracy records, compared image by image.',
    ),
    mistakes={
        "turned": "Turned around: a ratio below 1 says that the first option takes less time.",
        "noise": "The interval of the ratio holds 1: neither may be claimed.",
        "no_claim": "The interval does not hold 1: something can be said.",
        "accuracy": "That is how many more are wrong. Images that changed both ways count too.",
        "same": "The claim is right. Compare the two lists of predicted classes, image by image.",
    },
)
def claim(records: Records) -> Verdict:
    """Judge the claim by the interval of the newest race, and the count by both lists of classes."""
    given, run = records.answer("e.xnnpack.claim"), records.comparison(PTE, ORT)
    if run is None:
        return missing("The two INT8 files have not raced yet.")
    interval = run.ratio(PTE, ORT).interval
    right = _CLAIMS[0] if interval.high < 1 else _CLAIMS[1] if interval.low > 1 else _CLAIMS[2]
    if given["claim"] != right:
        return failed_as("noise" if right == _CLAIMS[2] else "no_claim" if given["claim"] == _CLAIMS[2] else "turned")
    made = [records.latest(kind="accuracy", option=option) for option in (FLOAT, PTE)]
    changed = sum(one != other for one, other in zip(*(each.details["predicted"] for each in made), strict=True))
    if given["changed"] != changed:
        more = abs(sum(made[0].samples) - sum(made[1].samples))
        return failed_as("accuracy" if given["changed"] == more else "same")
    return passed("One machine, one process, and the files side by side.", f"{right}, {changed} images")
