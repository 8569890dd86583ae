"""Lesson 38's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

WEIGHT = {"ratio": 15.0, "tensor_s": 0.96, "photo_s": 0.064}
BOTTLENECK = {"step": "food_preprocess", "busy": 0.95}
SCALED = {"ratio": 1.5, "busiest": "food_classifier_onnx"}
STEPS = {"food_preprocess": 0.004, "food_classifier_onnx": 0.004, "food_label": 0.001}


def observed(entries, subject: str, seen: dict) -> None:
    """Append an observation."""
    entries.append({"type": "observation", "subject": subject, "seen": seen, "made_at": entries._stamp()})


def ran(entries, option: str, latency_s: float, *, answered: int = 100, body_bytes: int = 40_000) -> None:
    """Append a closed loop of one second."""
    load = {
        "mode": "closed",
        "target": "gRPC x",
        "duration_s": 1.0,
        "offsets_s": [n / answered / 2 for n in range(answered)],
        "usage": {"offsets_s": [], "cpu": []},
    }
    entries.measured("load", option, [latency_s] * answered, load=load, details={"body_bytes": body_bytes})


@pytest.fixture
def known(entries):
    """Return a ledger of lesson 38: 9 of 10 ms explained; preprocessing is busiest, later the network."""
    ran(entries, "ensemble-tensor", 0.005, body_bytes=600_000)
    ran(entries, "ensemble-1", 0.010)
    observed(entries, "ensemble.steps.1", STEPS)
    ran(entries, "ensemble-8", 0.080)
    shares = {"food_preprocess": 0.95, "food_classifier_onnx": 0.6, "food_label": 0.1}
    observed(entries, "ensemble.steps.8", {"busy": shares})
    ran(entries, "ensemble-8-scaled", 0.053, answered=150)
    observed(
        entries, "ensemble.steps.scaled", {"busy": {**shares, "food_preprocess": 0.7, "food_classifier_onnx": 0.9}}
    )
    return entries


RIGHT = {
    "s.ensemble.bytes": WEIGHT,
    "s.ensemble.sum": 0.9,
    "s.ensemble.bottleneck": BOTTLENECK,
    "s.ensemble.scaled": SCALED,
}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.ensemble.bytes", {**WEIGHT, "ratio": 1 / 15}, "Turned around"),
        ("s.ensemble.bytes", {**WEIGHT, "ratio": 10.0}, "two `body_bytes`"),
        ("s.ensemble.bytes", {**WEIGHT, "tensor_s": 0.12}, "in bits"),
        ("s.ensemble.bytes", {**WEIGHT, "photo_s": 1.0}, "photo_s does not follow"),
        ("s.ensemble.sum", 0.1, "This is the rest"),
        ("s.ensemble.sum", 900.0, "the same unit"),
        ("s.ensemble.sum", 0.5, "Add up"),
        ("s.ensemble.bottleneck", {**BOTTLENECK, "step": "food_label"}, "Another step is busier"),
        ("s.ensemble.bottleneck", {**BOTTLENECK, "step": "the network"}, "one of the ensemble's steps"),
        ("s.ensemble.bottleneck", {**BOTTLENECK, "busy": 95.0}, "1 means all the time"),
        ("s.ensemble.scaled", {**SCALED, "ratio": 1 / 1.5}, "Turned around"),
        ("s.ensemble.scaled", {**SCALED, "ratio": 2.0}, "before and after"),
        ("s.ensemble.scaled", {**SCALED, "busiest": "food_preprocess"}, "busiest in `scaled`"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says) -> None:
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize("id", RIGHT)
def test_the_answer_earns_its_points_and_the_stub_none(known, judge, id) -> None:
    """Right from the records: full. Nothing answered: nothing earned."""
    assert "Not answered" in judge(id, known).message
    verdict = judge(id, known.answered(id, RIGHT[id]))
    assert verdict.ok, verdict


@pytest.mark.parametrize("id", RIGHT)
def test_an_answer_without_its_run_earns_nothing(entries, judge, id) -> None:
    """A right answer without a record behind it is a guess."""
    assert "no load record" in judge(id, entries.answered(id, RIGHT[id])).message


def test_the_guess_comes_first_and_names_a_step(known, judge) -> None:
    """Before the first run any of the three steps will do; after it, none."""
    early = type(known)().predicted("s.ensemble.guess", "food_label")
    assert judge("s.ensemble.guess", early).state == "missing evidence"
    assert "Choose one" in judge("s.ensemble.guess", type(known)().predicted("s.ensemble.guess", "torch")).message
    assert not judge("s.ensemble.guess", known.predicted("s.ensemble.guess", "food_label")).ok
