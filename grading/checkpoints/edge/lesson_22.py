"""Bring the models: hashes, and what the device's core multiplies."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import Mistake, function_question, prediction
from grading.checkpoints.edge.device import DEVICE_BYTES
from labs.display.format import milliseconds
from labs.records import Records


@prediction(
    "e.bring.latency_guess",
    about={"kind": "latency", "option": "edge-int8-s8s8"},
    title="Predict how many seconds one photo takes on the device",
    between=(1e-4, 3.0),
    show=milliseconds,
)
def device_latency(records: Records) -> float | None:
    """Return the median latency of signed static INT8 on the device, in seconds."""
    record = records.latest(kind="latency", option="edge-int8-s8s8", batch_size=1)
    return None if record is None else record.percentile(50)


def _files(random: np.random.Generator) -> list[tuple]:
    cases = []
    for most in (5_000_000, 3_000_000):
        found = {}
        for place, size in enumerate([2_453_079, most, most - 1, 8_918_674, 2_368_348]):
            digest = f"{int(random.integers(16**8)):08x}"
            found[f"{'dbaec'[place]}.onnx"] = {"here": digest, "there": digest, "size_bytes": size}
        found["d.onnx"]["there"] = "0" * 8
        cases.append((found, most))
    return [*cases, ({}, 5_000_000)]


def _own_files(records: Records) -> list[tuple]:
    seen = records.seen("edge.files")
    return [(seen["files"], DEVICE_BYTES)] if seen else []


@function_question(
    "e.bring.fit",
    points=2,
    title="Name the files that arrived whole and keep the size limit",
    hints=(
        "Two conditions for each file: the two hashes, and its size.",
        '`sorted(name for name, one in files.items() if one["here"] == one["there"] and …)`.',
    ),
    cases=_files,
    own=_own_files,
    needs=({"subject": "edge.files"},),
    mistakes=(
        Mistake(
            "not compared",
            lambda files, most: sorted(name for name, one in files.items() if one["size_bytes"] < most),
            "One of these did not arrive as it was sent: compare the two hashes.",
        ),
        Mistake(
            "no limit",
            lambda files, most: sorted(name for name, one in files.items() if one["here"] == one["there"]),
            "One of these is larger than the box allows.",
        ),
        Mistake(
            "exactly",
            lambda files, most: sorted(
                name for name, one in files.items() if one["here"] == one["there"] and one["size_bytes"] <= most
            ),
            "A file of exactly the limit is too large.",
        ),
    ),
    right="The same bytes as on the server: now a comparison means something.",
)
def fit(files: dict, most_bytes: int) -> list[str]:
    """Return the names of the files that are whole and small enough."""
    whole = {name: one for name, one in files.items() if one["here"] == one["there"]}
    return sorted(name for name, one in whole.items() if one["size_bytes"] < most_bytes)


def _registers(random: np.random.Generator) -> list[tuple]:
    cases = []
    for low, high in ((-128, 128), (-4, 5), (100, 128)):
        activations, weights = (random.integers(low, high, 16).astype(np.int8) for _ in range(2))
        cases.append((random.integers(-1000, 1000, 4).astype(np.int32), activations, weights))
    return cases


def _dots(activations, weights, kind=np.int32) -> np.ndarray:
    return (activations.astype(kind) * weights.astype(kind)).reshape(4, 4).sum(1).astype(np.int32)


def _wrapped(sums, activations, weights) -> np.ndarray:
    return sums + (activations * weights).reshape(4, 4).sum(1, dtype=np.int32)


@function_question(
    "e.bring.sdot",
    points=2,
    title="Compute what one SDOT instruction does",
    hints=(
        "Products of two bytes do not fit into a byte: widen both first. Which four belong to which sum?",
        "`products = activations.astype(np.int32) * weights`, then `products.reshape(4, 4).sum(1)` added to the sums.",
    ),
    cases=_registers,
    needs=({"subject": "edge.files"},),
    mistakes=(
        Mistake("not widened", _wrapped, "Products of two int8 overflow int8: widen to int32 before multiplying."),
        Mistake("no sums", lambda sums, a, w: _dots(a, w), "The products are added to the sums that were there."),
        Mistake(
            "unsigned",
            lambda sums, a, w: sums + _dots(a.view(np.uint8), w),
            "These are unsigned activations, which is VNNI: the S of SDOT is for signed.",
        ),
        Mistake(
            "every fourth",
            lambda sums, a, w: sums + (a.astype(np.int32) * w).reshape(4, 4).sum(0),
            "Four *neighbours* belong to one sum: sum over the last axis.",
        ),
        Mistake(
            "one sum",
            lambda sums, a, w: sums + int((a.astype(np.int32) * w).sum()),
            "These are all 16 products in one sum; each of the four takes four of them.",
        ),
    ),
    right="Sixteen products in an instruction: four times float32's rate, on paper.",
)
def sdot(sums, activations, weights) -> np.ndarray:
    """Return the four sums after one SDOT."""
    return sums + _dots(activations, weights)
