"""Records to draw: options with all four measures, a load run, and a device that grows hot."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from labs.machine import Fingerprint
from labs.records import ModelFile
from labs.records.load import Load, ServerSide, Usage

PI = Fingerprint("Cortex-A76", "aarch64", ("asimd", "asimddp"), 4, 8 * 2**30, "Linux 6", "3.11.0")
SERVER = ServerSide(400, 100, queue_s=0.006, input_s=0.0005, infer_s=0.002, output_s=0.0005, batches={"1": 20, "8": 80})


@pytest.fixture
def make_load(make_measurement):
    """Return a builder of load records with 400 requests in 4 s; with ``rps``, of an open loop."""

    def build(option="one", scale=1.0, server=SERVER, rps=None, **changes):
        offsets = tuple(np.arange(400) / 100)
        samples = tuple(0.010 * scale * np.random.default_rng(1).uniform(0.9, 1.1, 400))
        mode = "closed" if rps is None else "open"
        load = Load(mode, "POST /predict", 4.0, offsets, rps, server=server, usage=Usage((1.0, 2.0), (0.5, 0.7)))
        load = dataclasses.replace(load, **changes.pop("load", {}))
        return make_measurement(kind="load", option=option, samples=samples, concurrency=8, load=load, **changes)

    return build


def window(t_s: float, p50_s: float, **told: float) -> dict:
    """Return one look at a device."""
    silent = {"temperature_c": None, "frequency_hz": None, "throttle_bits": None, "power_w": None}
    return {"t_s": t_s, "p50_s": p50_s, "calls": 100, **silent, **told}


@pytest.fixture
def busy(make_measurement):
    """A Pi that grows hot and is held back."""
    windows = [window(5, 0.008, temperature_c=61.0, frequency_hz=2.4e9, throttle_bits=0, power_w=6.0)]
    windows += [window(10, 0.012, temperature_c=86.0, frequency_hz=1.5e9, throttle_bits=0xE0008, power_w=5.0)]
    details = {"windows": windows, "idle": {**windows[0], "temperature_c": 45.0}, "calls": 200}
    details |= {"energy_covers": "the board", "unreadable": []}
    return make_measurement(option="edge-busy", machine=PI, details=details)


@pytest.fixture
def on_the_pi(measured):
    """Return an option with all four measures on a Pi."""
    model = ModelFile("m.onnx", "a" * 64, 2_400_000)
    return measured("edge", 0.012, 0.87, 90, 2.4e6, machine=replace(PI), model=model)
