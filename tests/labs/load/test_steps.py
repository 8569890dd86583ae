"""What an ensemble's steps did, without a server."""

from __future__ import annotations

import pytest

from labs.load.steps import busy, steps_table, watch_steps
from labs.records.load import ServerSide
from labs.serve.triton.catalogue import food_ensemble

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
