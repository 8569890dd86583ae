"""Lesson 24's checkpoints. Told: four cores, each further thread brings less, and eight are too many."""

from __future__ import annotations

import pytest

from labs import stats

INT8 = "edge-int8-s8s8"
SECONDS = {1: 0.016, 2: 0.0085, 3: 0.0062, 4: 0.005, 8: 0.009}


def samples(seconds: float) -> list[float]:
    """Return twelve latencies around a value."""
    return [seconds * (1 + 0.01 * (turn % 3)) for turn in range(12)]


@pytest.fixture
def known(entries):
    """Return a ledger with a race of threads and fresh processes."""
    entries.observed("edge.threads", {"cores": 4, "counts": list(SECONDS)})
    for count, seconds in SECONDS.items():
        details = {"comparison_id": "a", "block_calls": 2}
        entries.measured("latency", f"{INT8}-t{count}", samples(seconds), details=details)
    for option, size, peak in (("edge-fp32", 9_000_000, 120e6), (INT8, 2_400_000, 90e6)):
        model = {"sha256": "a", "size_bytes": size}
        entries.measured("load_time", option, [0.3], model=model)
        entries.measured("first_prediction", option, [0.05], model=model)
        entries.measured("peak_memory", option, [peak], model=model)
    return entries


def interval() -> stats.Interval:
    """Return the told gain of four threads."""
    blocks = [[samples(s)[b : b + 2] for b in range(0, 12, 2)] for s in (SECONDS[1], SECONDS[4])]
    return stats.ratio_of_medians(*blocks).interval


WHOLE = interval()
GAIN = {"low": WHOLE.low, "high": WHOLE.high, "never": 8}
SHARE = (1 - 1 / WHOLE.value) / (1 - 1 / 4)
AMDAHL = {"gain": WHOLE.value, "cores": 4, "parallel_share": SHARE, "most_gain": 1 / (1 - SHARE)}
MEMORY = {"saved_mb": 30.0, "file_share": 2.4 / 90}
START = {"cold_s": 0.35, "warm_s": 0.005, "times": 70}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("e.threads.gain", {**GAIN, "low": 1 / WHOLE.high, "high": 1 / WHOLE.low}, "Turned around"),
        ("e.threads.gain", {**GAIN, "low": 4.0, "high": 4.0}, "not the interval"),
        ("e.threads.gain", {**GAIN, "never": 4}, "is slower"),
        ("e.threads.amdahl", {**AMDAHL, "gain": 4.0}, "newest race"),
        ("e.threads.amdahl", {**AMDAHL, "parallel_share": 100 * SHARE}, "a fraction"),
        ("e.threads.amdahl", {**AMDAHL, "parallel_share": WHOLE.value / 4}, "the efficiency"),
        ("e.threads.amdahl", {**AMDAHL, "parallel_share": 0.5}, "Solve"),
        ("e.threads.amdahl", {**AMDAHL, "most_gain": 4}, "what is left"),
        ("e.threads.memory", {**MEMORY, "saved_mb": 30e6}, "Those are bytes"),
        ("e.threads.memory", {**MEMORY, "saved_mb": -30.0}, "Turned around"),
        ("e.threads.memory", {**MEMORY, "saved_mb": 6.6}, "Subtract the two peaks"),
        ("e.threads.memory", {**MEMORY, "file_share": 2.67}, "a fraction"),
        ("e.threads.memory", {**MEMORY, "file_share": 0.5}, "Divide the file"),
        ("e.threads.start", {**START, "cold_s": 0.3}, "is both"),
        ("e.threads.start", {**START, "cold_s": 350}, "Add the medians"),
        ("e.threads.start", {**START, "times": 7}, "Divide it by"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("e.threads.gain", GAIN),
        ("e.threads.amdahl", AMDAHL),
        ("e.threads.memory", MEMORY),
        ("e.threads.start", START),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(entries, known, judge, id, right):
    """Nothing before, everything after; and nothing without the records."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok
    assert not judge(id, type(entries)().answered(id, right)).ok


def test_the_gain_is_predicted_in_time(entries, known, judge):
    """Before one thread ran alone."""
    from grading.checkpoints.edge.lesson_24 import whole_gain

    assert (
        judge("e.threads.gain_guess", type(entries)().predicted("e.threads.gain_guess", 3)).state == "missing evidence"
    )
    assert not judge("e.threads.gain_guess", known.predicted("e.threads.gain_guess", 3)).ok
    assert whole_gain(known.records) == pytest.approx(3.2, rel=0.02)


def test_cores_that_brought_nothing_are_not_praised_as_a_wall(entries, judge):
    """On a busy machine four threads may be slower than one: then the law has a negative share, and no wall."""
    entries.observed("edge.threads", {"cores": 4, "counts": [1, 4]})
    for count, seconds in ((1, 0.010), (4, 0.012)):
        details = {"comparison_id": "a", "block_calls": 2}
        entries.measured("latency", f"{INT8}-t{count}", samples(seconds), details=details)
    gain = 0.010 / 0.012
    share = (1 - 1 / gain) / (1 - 1 / 4)
    given = {"gain": gain, "cores": 4, "parallel_share": share, "most_gain": 1 / (1 - share)}
    verdict = judge("e.threads.amdahl", entries.answered("e.threads.amdahl", given))
    assert verdict.ok
    assert "no faster than one" in verdict.message
