"""Part 3: what lessons 32 to 41 have ready, from the load records and from what was seen of the server's steps."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean
from types import SimpleNamespace

from grading.rebuild.stage.records import measured, newest, seen
from labs import stats
from labs.records import Measurement
from labs.records.load import latency_interval, line_through


def _load(option: str, **wanted: object) -> Measurement | None:
    return newest(kind="load", option=option, **wanted)


def _loads(**options: str) -> dict[str, object]:
    """Return the newest load record of each option, by the name that a lesson gives it."""
    return {name: _load(option) for name, option in options.items()}


def _around(run: Measurement | None) -> dict[str, object]:
    """Return what two lessons take out of one run: the server's part, and the mean latency."""
    return {"server": run.load.server, "latency_s": mean(run.samples)} if run else {}


def over_http() -> dict[str, object]:
    """Lesson 32: the races of one and of sixteen senders, and the two that were drowned."""
    alone, crowd = _race(1, "http-onnx"), _race(16, "http-onnx", "http-before")
    run = alone["http-onnx"][0] if alone else None
    drowned = {option: _load(option, concurrency=64) for option in ("http-before", "http-bounded")}
    return {
        "alone": [one for rounds in alone.values() for one in rounds],
        "crowd": [one for rounds in crowd.values() for one in rounds],
        "faster": _rate_ratio(crowd, "http-onnx", "http-before") if crowd else None,
        "drowned": drowned,
        "run": run,
        **_around(run),
    }


def _race(concurrency: int, *options: str) -> dict[str, list[Measurement]]:
    """Return the rounds of each option from the newest race that all of these took part in; nothing without one."""
    races: dict[str, dict[str, list[Measurement]]] = {}
    for one in measured(kind="load", concurrency=concurrency):
        if "race_id" in one.details:
            races.setdefault(one.details["race_id"], {}).setdefault(one.option, []).append(one)
    fitting = [race for race in races.values() if set(options) <= set(race)]
    if not fitting:
        return {}
    return {option: sorted(runs, key=lambda one: one.details["round"]) for option, runs in fitting[-1].items()}


def _rate_ratio(race: dict[str, list[Measurement]], option: str, baseline: str) -> stats.Ratio:
    return stats.ratio_of_medians(*([[one.throughput_rps.value] for one in race[name]] for name in (option, baseline)))


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


def verifying() -> dict[str, object]:
    """Lesson 40: the winner's runs with fresh arrivals, and what users are promised."""
    limits = [one.details["objective"] for one in measured(kind="load") if "objective" in one.details]
    objective = SimpleNamespace(**limits[-1]) if limits else None
    runs = measured(kind="load", option="best-verified")
    begin = max((place for place, one in enumerate(runs) if not one.details.get("run")), default=0)
    return {
        **_loads(alone="best-alone"),
        "verified": runs[begin:],
        "objective": objective,
        "latency_interval": latency_interval,
    }


@dataclass(frozen=True)
class _BatchCost:
    """The line through batches, as lesson 41 fits it."""

    fixed_s: float
    per_picture_s: float

    def service_s(self, size: int) -> float:
        """Return the seconds of a batch."""
        return self.fixed_s + size * self.per_picture_s


def theorizing() -> dict[str, object]:
    """Lesson 41: the lone sender, the sweeps, the batches and the pair."""
    closed = [one for one in measured(kind="load", option="theory-1", batch_size=1) if one.load.mode == "closed"]
    alone = closed[-1] if closed else None
    batches = [alone, *(_load("theory-batch", batch_size=size) for size in (4, 16))]
    cost = None
    if None not in batches:
        cost = _BatchCost(*line_through({one.batch_size: one.load.server.compute_s for one in batches}))
    return {
        "alone": alone,
        "service_s": alone.load.server.compute_s if alone else None,
        "runs": _sweep("theory-1"),
        "batches": batches,
        "cost": cost,
        "batched": _sweep("theory-batched"),
        "pair": _load("theory-2"),
    }


def _sweep(option: str) -> list[Measurement]:
    """Return the runs of an option's newest sweep, in their order."""
    runs = [one for one in measured(kind="load", option=option) if "sweep_id" in one.details]
    return [one for one in runs if one.details["sweep_id"] == runs[-1].details["sweep_id"]]


STAGES = {
    32: over_http,
    33: queueing,
    34: batching,
    35: copying,
    36: moving,
    37: sharing,
    38: in_steps,
    40: verifying,
    41: theorizing,
}
