"""Other programs' counts: Triton's statistics and perf_analyzer's files, without running them."""

import json

import pytest

from labs.load.record import NothingAnsweredError, read_export
from labs.load.served import between
from labs.serve.triton.control import Counters


def triton_stats(requests: int, seconds: float, batches: dict[int, int]) -> dict:
    """Return an entry as Triton's HTTP API writes it (64-bit counts come as numbers, durations in
    nanoseconds).
    """
    long = {"count": requests, "ns": int(seconds * 1e9)}
    short = {"count": requests, "ns": 0}
    batch_stats = []
    for size, count in batches.items():
        batch_stats.append({"batch_size": size, "compute_infer": {"count": count, "ns": 1}})
    executions = sum(batches.values())
    return {
        "name": "food_classifier_onnx",
        "execution_count": executions,
        "inference_count": requests,
        "inference_stats": {
            "success": long,
            "queue": long,
            "compute_input": short,
            "compute_infer": long,
            "compute_output": short,
        },
        "batch_stats": batch_stats,
    }


def test_the_difference_is_the_runs() -> None:
    """Means are over the run's own requests, and batches over its own executions."""
    assert Counters.of({"name": "fresh"}) == Counters(0, 0, 0.0, 0.0, 0.0, 0.0)
    before = Counters.of(triton_stats(100, 1.0, {1: 100}))
    after = Counters.of(triton_stats(140, 1.8, {1: 110, 8: 5}))
    run = between(before, after)
    assert (run.requests, run.executions) == (40, 15)
    assert run.queue_s == pytest.approx(0.02)
    assert run.compute_s == pytest.approx(0.02)
    assert run.batches == {"1": 10, "8": 5}
    assert run.mean_batch == pytest.approx((10 + 5 * 8) / 15)


def test_a_reload_starts_the_counters_anew() -> None:
    """After a model was loaded again its counters begin at zero: nothing negative may come out.
    Idle, it has none.
    """
    old = Counters(500, 500, 9.0, 1.0, 5.0, 1.0)
    run = between(old, Counters(10, 5, 0.1, 0.0, 0.2, 0.0, {"2": 5}))
    assert (run.requests, run.batches) == (10, {"2": 5})
    assert run.queue_s == pytest.approx(0.01)
    assert between(old, old) is None


def test_the_export_gives_raw_samples(tmp_path):
    """Begin and latency of each request that was answered; an export that is not there is an error,
    not a zero.
    """
    requests = [
        {"timestamp": 999_999_995, "response_timestamps": [1_010_000_000]},
        {"timestamp": 1_020_000_000, "response_timestamps": [1_050_000_000]},
        {"timestamp": 1_060_000_000, "response_timestamps": []},
    ]
    window_ns = [1_000_000_000, 3_000_000_000]
    export = {"experiments": [{"window_boundaries": window_ns, "requests": requests}]}
    (tmp_path / "requests.json").write_text(json.dumps(export))
    bounds_s, samples = read_export(tmp_path / "requests.json")
    assert bounds_s == [1.0, 3.0]
    assert samples == [pytest.approx((0.0, 0.010000005)), pytest.approx((0.02, 0.03))]
    with pytest.raises(NothingAnsweredError, match="--profile-export-file"):
        read_export(tmp_path / "other.json")
