"""Lesson 14c's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

from grading.checkpoints.model.lesson_14c_prune import right_of_100


@pytest.fixture
def known(entries):
    """Return a ledger with everything that lesson 14c measures."""
    entries.measured("size", "onnx-all", [8_920_000])
    entries.measured("accuracy", "onnx-all", [1] * 80 + [0] * 20)
    entries.measured("accuracy", "int8-budget-05", [1] * 77 + [0] * 23)
    entries.measured("accuracy", "int8-budget-01", [1] * 78 + [0] * 22)
    entries.measured("accuracy", "int8-pruned", [0] * 3 + [1] * 78 + [0] * 19)
    return entries


RANKING = [
    {"node": "deep/Conv", "alone_snr_db": 7.2, "float_bytes": 10368},
    {"node": "last/Gemm", "alone_snr_db": 31.0, "float_bytes": 42240},
    {"node": "wide/Conv", "alone_snr_db": 46.0, "float_bytes": 460800},
]
WORST = {"node": "deep/Conv", "added_bytes": 10368, "ranking": RANKING}
STEPS = [
    {"kept": True, "loss": 0.6152},
    {"kept": True, "loss": 0.2455},
    {"kept": False, "loss": 0.2455},
    {"kept": True, "loss": 0.0082},
]
TUNER = {"float_layers": 2, "loss": 0.0082, "within_budget": True, "steps": STEPS}
BUDGET = {"lost_05": 3.0, "kept_05": True, "lost_01": 2.0, "kept_01": False}
LAYERS = [
    {"name": "features.2", "before": 96, "after": 16},
    {"name": "features.17", "before": 960, "after": 800},
    {"name": "features.18", "before": 1280, "after": 352},
]
WHERE = {"layer": "features.18", "share": 0.25, "counts": {"before": 2_000_000, "after": 1_500_000}, "layers": LAYERS}
CLAIM = {"lost": 3, "gained": 1, "claim": "cannot tell"}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.quantize.worst_layer", {**WORST, "node": "wide/Conv"}, "suffers least"),
        ("m.quantize.worst_layer", {**WORST, "node": "last/Gemm"}, "whole ranking"),
        ("m.quantize.worst_layer", {**WORST, "node": "Conv"}, "as it stands"),
        ("m.quantize.worst_layer", {**WORST, "added_bytes": 13824}, "three more"),
        ("m.quantize.worst_layer", {**WORST, "added_bytes": 1}, "float_bytes"),
        ("m.quantize.tuner", {**TUNER, "float_layers": 3}, "all trials"),
        ("m.quantize.tuner", {**TUNER, "float_layers": 1}, "gave a layer back and kept"),
        ("m.quantize.tuner", {**TUNER, "loss": 0.82}, "as a fraction"),
        ("m.quantize.tuner", {**TUNER, "loss": 0.6152}, "last step that was kept"),
        ("m.quantize.tuner", {**TUNER, "within_budget": False}, "Compare that loss"),
        ("m.quantize.budget", {**BUDGET, "lost_05": -3.0}, "turned around"),
        ("m.quantize.budget", {**BUDGET, "lost_01": 0.02}, "a point is a hundredth"),
        ("m.quantize.budget", {**BUDGET, "lost_05": 1.5}, "not the difference"),
        ("m.quantize.budget", {**BUDGET, "kept_01": True}, "Compare it with the budget"),
        ("m.quantize.floor", 2_230_000, "These are bytes"),
        ("m.quantize.floor", 8.92, "the float file"),
        ("m.quantize.floor", 2.0, "One byte in place of four"),
        ("m.quantize.floor", "2 MB", "A number of MB"),
        ("m.prune.where", {**WHERE, "layer": "features.2"}, "share of its own"),
        ("m.prune.where", {**WHERE, "layer": "features.17"}, "gave up more"),
        ("m.prune.where", {**WHERE, "layer": "head"}, "as it stands"),
        ("m.prune.where", {**WHERE, "share": 0.75}, "that is left"),
        ("m.prune.where", {**WHERE, "share": 25}, "as a fraction"),
        ("m.prune.where", {**WHERE, "share": 0.5}, "of all weights"),
        ("m.prune.claim", {**CLAIM, "lost": 1, "gained": 3}, "Turned around"),
        ("m.prune.claim", {**CLAIM, "lost": 2}, "each way by itself"),
        ("m.prune.claim", {**CLAIM, "claim": "equal"}, "three phrases"),
        ("m.prune.claim", {**CLAIM, "claim": "worse"}, "coin falls"),
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
        ("m.quantize.worst_layer", WORST),
        ("m.quantize.tuner", TUNER),
        ("m.quantize.budget", BUDGET),
        ("m.quantize.floor", 2.23),
        ("m.prune.where", WHERE),
        ("m.prune.claim", CLAIM),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("m.quantize.budget", BUDGET),
        ("m.quantize.floor", 2.23),
        ("m.prune.claim", CLAIM),
    ],
)
def test_an_answer_without_its_measurement_earns_nothing(entries, judge, id, right):
    """An answer copied from a neighbour has no record behind it."""
    verdict = judge(id, entries.answered(id, right))
    assert not verdict.ok
    assert "run the" in verdict.message


@pytest.mark.parametrize(("lost", "gained", "says"), [(20, 2, "worse"), (2, 20, "better"), (0, 0, "cannot tell")])
def test_a_clear_difference_has_to_be_claimed(entries, judge, lost, gained, says):
    """Twenty of twenty-two is no coin's toss, and "cannot tell" is then a mistake; no difference is none."""
    entries.measured("accuracy", "onnx-all", [1] * lost + [0] * gained + [1] * 50)
    entries.measured("accuracy", "int8-pruned", [0] * lost + [1] * gained + [1] * 50)
    counts = {"lost": lost, "gained": gained}
    assert judge("m.prune.claim", entries.answered("m.prune.claim", {**counts, "claim": says})).ok
    for other in {"worse", "better", "cannot tell"} - {says}:
        assert not judge("m.prune.claim", entries.answered("m.prune.claim", {**counts, "claim": other})).ok


def test_the_accuracy_is_predicted_before_it_is_measured(entries, judge):
    """In time it earns its point, as a number of pictures and not as a fraction."""
    id = "m.prune.accuracy_guess"
    assert not judge(id, entries).ok
    assert not judge(id, entries.predicted(id, 0.8)).ok
    assert judge(id, entries.predicted(id, 78)).ok


def test_the_prediction_is_compared_with_the_pruned_models_accuracy(known, judge):
    """78 of 100; a prediction made now would be too late."""
    assert right_of_100(known) == pytest.approx(78)
    assert right_of_100([]) is None
    assert not judge("m.prune.accuracy_guess", known.predicted("m.prune.accuracy_guess", 78)).ok
