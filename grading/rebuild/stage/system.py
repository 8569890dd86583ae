"""Part 3: what lessons 33 to 42 have ready, from the load records and from what was seen of the server's steps."""

from __future__ import annotations

from math import exp, log
from statistics import mean
from types import SimpleNamespace

from grading.rebuild.stage.records import measured, newest, seen
from labs.records import Measurement
from labs.records.load import latency_interval


def _load(option: str, **wanted: object) -> Measurement | None:
    return newest(kind="load", option=option, **wanted)


def _loads(**options: str) -> dict[str, object]:
    """Return the newest load record of each option, by the name that a lesson gives it."""
    return {name: _load(option) for name, option in options.items()}


def _around(run: Measurement | None) -> dict[str, object]:
    """Return what two lessons take out of one run: the server's part, and the mean latency."""
    return {"server": run.load.server, "latency_s": mean(run.samples)} if run else {}


def queueing() -> dict[str, object]:
    """Lesson 33: one, eight and sixteen senders, and batches of sixteen."""
    runs, batch = [_load(f"python-{senders}") for senders in (1, 8, 16)], _load("python-b16")
    rates = {}
    if runs[2] and batch:
        rates = {"16 senders": runs[2].throughput_rps.value, "batch of 16": 16 * batch.throughput_rps.value}
    return {"runs": runs, "eight": runs[1], "batch": batch, "pictures_rps": rates, **_around(runs[1])}


def batching() -> dict[str, object]:
    """Lesson 34: with and without batches, and the lonely sender."""
    return _loads(plain="plain-8", batched="batched-8", patient="alone-delay-0", waiting="alone-delay-50")


def copying() -> dict[str, object]:
    """Lesson 35: one, two and four copies."""
    runs = {count: run for count in (1, 2, 4) if (run := _load(f"copies-{count}"))}
    return {"runs": runs, "busy": {count: mean(run.load.usage.cpu) for count, run in runs.items()}}


def moving() -> dict[str, object]:
    """Lesson 36: three ways to the same network."""
    names = ("way-python", "way-ensemble", "way-onnx", "way-onnx-2")
    runs = {name: run for name in names if (run := _load(name))}
    return {"runs": runs, "rates_rps": {name: run.throughput_rps.value for name, run in runs.items()}}


def sharing() -> dict[str, object]:
    """Lesson 37: the classifier and the palette, alone and beside each other."""
    pairs = {f"{name}_{how}": f"{name}-{how}" for name in ("classifier", "palette") for how in ("alone", "both")}
    return _loads(**pairs, during="classifier-during", palette_crowd="palette-crowd")


def in_steps() -> dict[str, object]:
    """Lesson 38: what a request weighs, the steps of one sender, and the busiest of eight."""
    steps = {
        name: SimpleNamespace(queue_s=0.0, compute_s=seconds) for name, seconds in seen("ensemble.steps.1").items()
    }
    records = _loads(tensor="ensemble-tensor", single="ensemble-1", before="ensemble-8", after="ensemble-8-scaled")
    shares = seen("ensemble.steps.8").get("busy", {})
    return {**records, "steps": steps, "shares": shares, "scaled": seen("ensemble.steps.scaled").get("busy", {})}


def cold() -> dict[str, object]:
    """Lesson 39: the starts of both runtimes, part by part."""
    kinds, starts, parts = ("load_time", "first_prediction", "latency"), {}, {}
    for option in ("cold-torch", "cold-onnx"):
        records = {kind: newest(kind=kind, option=option) for kind in kinds}
        if None in records.values():
            continue
        starts[option] = records
        alive_s = sorted(records["load_time"].details["alive_s"])[1]
        ready_s, first_s, warm_s = (records[kind].value.value for kind in kinds)
        parts[option] = {"to alive": alive_s, "to ready": ready_s - alive_s, "first answer": first_s}
        parts[option]["warm answer"] = warm_s
    return {"starts": starts, "parts": parts, "exp": exp, "log": log}


def verifying() -> dict[str, object]:
    """Lesson 40: the winner's runs with fresh arrivals, and what users are promised."""
    runs = measured(kind="load", option="best-verified")
    begin = max((place for place, one in enumerate(runs) if not one.details.get("run")), default=0)
    objective = runs[begin].details.get("objective") if runs else None
    p95 = latency_interval(*runs[begin:], q=95) if runs else None
    return {"verified": runs[begin:], "objective": objective, "p95": p95, "stats": stats}


def theorizing() -> dict[str, object]:
    """Lesson 41: how much longer the service time is beside a second instance."""
    closed = [one for one in measured(kind="load", option="theory-1", batch_size=1) if one.load.mode == "closed"]
    pair = _load("theory-2")
    return {"growth": pair.load.server.compute_s / closed[-1].load.server.compute_s} if closed and pair else {}


def on_a_platform() -> dict[str, object]:
    """Lesson 42: Menu's runs, shared and apart, alone, crowded and through a crash."""
    found = {how: {kind: _load(f"menu-{kind}-{how}") for kind in ("shared", "own")} for how in _HOW}
    return {"alone": found["alone"], "crowded": found["crowded"], "fell": found["crash"], "MOST_UTILIZATION": 0.7}


_HOW = ("alone", "crowded", "crash")

STAGES = {
    33: queueing,
    34: batching,
    35: copying,
    36: moving,
    37: sharing,
    38: in_steps,
    39: cold,
    40: verifying,
    41: theorizing,
    42: on_a_platform,
}
