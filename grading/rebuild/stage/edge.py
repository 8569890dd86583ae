"""Part 2: what lessons 22 to 28 have ready, from the device's records and from what was seen of it."""

from __future__ import annotations

from types import SimpleNamespace

from grading.rebuild.stage.records import blocks_of, compared, measured, newest, seen, size_bytes, value
from labs import stats

#: The lesson's ``UPLOAD_PART_BYTES``, and its board on paper.
_PART_BYTES = 4 * 2**20
_PI_5 = SimpleNamespace(cores=4, clock_hz=2.4e9, int8_per_cycle=32)

_FP32, _INT8 = "edge-fp32", "edge-int8-s8s8"


def bringing() -> dict[str, object]:
    """Lesson 22: the largest file, and the hashes of what arrived."""
    return {
        "UPLOAD_PART_BYTES": _PART_BYTES,
        "largest": seen("edge.largest").get("bytes"),
        "arrived": seen("edge.files").get("files", {}),
    }


def racing() -> dict[str, object]:
    """Lesson 23: the counted work, the estimate's bars, the race and the accuracies."""
    counted, race = seen("edge.work"), compared(_FP32, _INT8)
    dense = [SimpleNamespace(macs=counted.get("dense"))]
    ratios = {one.option: race.ratio(one.option, _FP32).interval for one in race.records} if race else {}
    options = dict.fromkeys(one.option for one in race.records) if race else {}
    return {
        "PI_5": _PI_5,
        "work": SimpleNamespace(macs=counted.get("macs"), of_kind=lambda kind: dense),
        "guesses": {name: _bars(**ends) for name, ends in seen("edge.estimate").items()},
        "race": race.records if race else [],
        "blocks": {one.option: blocks_of(one) for one in race.records} if race else {},
        "ratios": ratios,
        "options": options,
        "found": newest(kind="latency", option=_FP32, batch_size=1),
        "correct": {name: sum(made.samples) for name in options if (made := newest(kind="accuracy", option=name))},
    }


def _bars(low_s: float, high_s: float) -> SimpleNamespace:
    return SimpleNamespace(
        latency_s=SimpleNamespace(low=low_s, high=high_s), allows=lambda seconds: low_s <= seconds <= high_s
    )


def starting() -> dict[str, object]:
    """Lesson 24: the gain of threads, memory and cold starts."""
    noted, race = seen("edge.threads"), compared(f"{_INT8}-t1")
    by_threads = {one.threads.intra_op: one for one in race.records} if race else {}
    blocks = {count: blocks_of(one) for count, one in by_threads.items()}
    counts, cores = noted.get("counts", []), noted.get("cores")
    chosen = (_FP32, _INT8)
    kinds = ("load_time", "first_prediction")
    return {
        "cores": cores,
        "counts": counts,
        "race": race.records if race else [],
        "blocks": blocks,
        "gains": {n: stats.ratio_of_medians(blocks[1], blocks[n]).interval for n in counts if {1, n} <= set(blocks)},
        "peaks": {option: value(kind="peak_memory", option=option) for option in chosen},
        "sizes": {option: size_bytes(option) for option in chosen},
        "parts": {kind: value(kind=kind, option=_INT8) for kind in kinds},
        "warm": by_threads[cores].value.value if cores in by_threads else None,
    }


def enduring() -> dict[str, object]:
    """Lesson 25: the load without a pause, window by window, and what the device tells of itself."""
    busy = newest(kind="latency", option=f"{_INT8}-busy")
    return {
        "FLAGS": range(20),
        "busy": busy,
        "windows": busy.details["windows"] if busy else [],
        "vitals": seen("edge.vitals"),
    }


def serving() -> dict[str, object]:
    """Lesson 26: the app, the service, and the service asked from elsewhere."""
    app, service, far = (newest(kind="latency", option=f"edge-int8-app{how}") for how in ("", "-service", "-network"))
    rehearsed = bool(far) and far.machine.testbed.get("site") == "rehearsal"
    return {
        "app": app,
        "service": service,
        "far": far,
        "inside": service.details["server_timing_s"] if service else {},
        "device": SimpleNamespace(rehearsed=rehearsed),
        "server_s": 0.003,
    }


def shrinking() -> dict[str, object]:
    """Lesson 27: accuracies and medians of the contest."""
    options = [one.option for one in measured(kind="accuracy") if one.option.startswith("edge-")]
    contest = dict.fromkeys(options)
    return {
        "contest": contest,
        "accuracy": {option: value(kind="accuracy", option=option) for option in contest},
        "p50": {option: value(kind="latency", option=option, batch_size=1) for option in contest},
    }


STAGES = {22: bringing, 23: racing, 24: starting, 25: enduring, 26: serving, 27: shrinking}
