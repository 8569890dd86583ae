"""What others counted: Triton's statistics and perf_analyzer's files, without running it."""

import json

import pytest

from labs.load.record import NothingAnsweredError, read_export
from labs.load.served import between
from labs.serve.triton.control import Counters


def triton_stats(requests: int, seconds: float, batches: dict[int, int]) -> dict:
    """Return an entry as Triton's HTTP API writes it (64-bit counts come as numbers, durations in nanoseconds)."""
    nanoseconds = {"count": requests, "ns": int(seconds * 1e9)}
    return {
        "name": "food_classifier_onnx",
        "execution_count": sum(batches.values()),
        "inference_count": requests,
        "inference_stats": {
            "success": nanoseconds,
            "queue": nanoseconds,
            "compute_input": {"count": requests, "ns": 0},
            "compute_infer": nanoseconds,
            "compute_output": {"count": requests, "ns": 0},
        },
        "batch_stats": [
            {"batch_size": size, "compute_infer": {"count": count, "ns": 1}}
            for size, count in batches.items()
        ],
    }


def test_the_difference_is_the_runs() -> None:
    """Means are over the run's own requests, and batches over its own executions."""
    assert Counters.of({"name": "fresh"}) == Counters(0, 0, 0.0, 0.0, 0.0, 0.0)
    before = Counters.of(triton_stats(100, 1.0, {1: 100}))
    after = Counters.of(triton_stats(140, 1.8, {1: 110, 8: 5}))
    found = between(before, after)
    assert (found.requests, found.executions) == (40, 15)
    assert found.queue_s == pytest.approx(0.02)
    assert found.compute_s == pytest.approx(0.02)
    assert found.batches == {"1": 10, "8": 5}
    assert found.mean_batch == pytest.approx((10 + 5 * 8) / 15)


def test_a_reload_starts_the_counters_anew() -> None:
    """After a model was loaded again its counters begin at zero: nothing negative may come out. Idle, it has none."""
    old = Counters(500, 500, 9.0, 1.0, 5.0, 1.0)
    found = between(old, Counters(10, 5, 0.1, 0.0, 0.2, 0.0, {"2": 5}))
    assert (found.requests, found.queue_s, found.batches) == (10, pytest.approx(0.01), {"2": 5})
    assert between(old, old) is None


def test_the_export_gives_raw_samples(tmp_path):
    """Begin and latency of each request that was answered; an export that is not there is an error, not a zero."""
    start = 1_000_000_000
    requests = [
        {"timestamp": start - 5, "response_timestamps": [start + 10_000_000]},
        {"timestamp": start + 20_000_000, "response_timestamps": [start + 50_000_000]},
        {"timestamp": start + 60_000_000, "response_timestamps": []},
    ]
    text = json.dumps(
        {"experiments": [{"window_boundaries": [start, start + 2 * 10**9], "requests": requests}]}
    )
    (tmp_path / "requests.json").write_text(text)
    bounds_s, found = read_export(tmp_path / "requests.json")
    assert bounds_s == [1.0, 3.0]
    assert found == [pytest.approx((0.0, 0.010000005)), pytest.approx((0.02, 0.03))]
    with pytest.raises(NothingAnsweredError, match="--profile-export-file"):
        read_export(tmp_path / "other.json")
