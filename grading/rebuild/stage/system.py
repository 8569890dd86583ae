"""Part 3: what lessons 33 to 42 have ready, from the load records and from what was seen of the server's steps."""

from __future__ import annotations

from statistics import mean

from grading.rebuild.stage.records import newest
from labs.records import Measurement


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



STAGES = {
    33: queueing,
    34: batching,
    35: copying,
    36: moving,
}
