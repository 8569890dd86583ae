"""What an ensemble's steps did, and candidates made of knobs, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.load.configurations import Knobs, candidates
from labs.load.steps import busy, steps_table, watch_steps
from labs.records.load import ServerSide
from labs.serve.triton.catalogue import food_classifier_onnx, food_ensemble

STEP = ServerSide(100, 100, queue_s=0.001, input_s=0.001, infer_s=0.003, output_s=0.001)


def test_busy_is_the_utilization_law() -> None:
    """A hundred a second, five milliseconds each, two copies: each is busy a quarter of the time."""
    assert busy({"a": STEP, "b": STEP}, 100.0, {"b": 2}) == {"a": pytest.approx(0.5), "b": pytest.approx(0.25)}
    assert steps_table({"a": STEP}).loc["a", "compute, ms"] == 5.0


def test_steps_are_read_before_and_after(monkeypatch) -> None:
    """The run's own requests are counted, step by step; a step whose server does not tell is left out."""
    from labs.load import steps as module
    from labs.load.server_side import Counters

    ran = []
    monkeypatch.setattr(
        module,
        "triton_counters",
        lambda url, model: (
            lambda: None if model == "food_label" else Counters(10 + 5 * len(ran), 10, 1.0, 0.0, 1.0 + len(ran), 0.0)
        ),
    )
    triton = type("Triton", (), {"url": "http://127.0.0.1:1"})
    result, seen = watch_steps(triton, food_ensemble().settings, lambda: ran.append("run") or "done")
    assert result == "done"
    assert list(seen) == ["food_preprocess", "food_classifier_onnx"]
    assert (seen["food_preprocess"].requests, seen["food_preprocess"].infer_s) == (5, pytest.approx(0.2))


def test_knobs_become_settings_and_names() -> None:
    """Each knob reaches its setting, and a name says what was turned."""
    knobs = Knobs(copies=2, max_batch=8, delay_us=2000)
    settings = knobs.turned(food_classifier_onnx(Path("model.onnx")).settings)
    assert knobs.name == "2x1-batch8-2000us"
    assert (settings.copies, settings.max_batch_size) == (2, 8)
    assert settings.dynamic_batching.max_queue_delay_us == 2000
    assert Knobs(threads=2, delay_us=9).name == "1x2"
    assert Knobs().turned(settings).dynamic_batching is None


def test_serving_a_candidate_changes_the_server(tmp_path) -> None:
    """Nothing is reloaded before a candidate's turn; then the server gets exactly its settings."""
    import numpy as np

    model = tmp_path / "model.onnx"
    model.write_bytes(b"network")
    changed = []
    triton = type(
        "Triton", (), {"url": "http://127.0.0.1:1", "grpc": "127.0.0.1:2", "change": lambda self, s: changed.append(s)}
    )()
    requests = [{"input": np.zeros((1, 3, 2, 2), np.float32)}]
    both = candidates(triton, food_classifier_onnx(model), requests, [Knobs(), Knobs(copies=2)], prefix="best")
    assert [one.option for one in both] == ["best-1x1", "best-2x1"]
    assert changed == []
    target = both[1].serve()
    assert changed[0].copies == 2
    assert target.served.settings["instances"][0]["count"] == 2
    assert target.served.model.size_bytes == 7
