"""The search finds the layer that hurts, gives back no more than it must, and can be stopped and resumed."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from labs.optimize import budget
from labs.optimize.budget import quantize_within_budget
from labs.optimize.calibrate import calibrate
from labs.optimize.forms import FORMS
from labs.optimize.predict import logits_of
from labs.optimize.sensitivity import COLUMNS, layer_sensitivity
from labs.progress import Cancelled

FORM = FORMS["qdq-u8s8-channel"]
PLANTED = "classifier.1/Gemm"


@pytest.fixture(scope="module")
def fragile(prepared, images, tmp_path_factory):
    """The network with one huge, unused weight in its classifier: its scale leaves no integers for the others."""
    model = onnx.load(prepared)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    head = next(node for node in model.graph.node if node.name == "features.6.0/Conv")
    gemm = next(node for node in model.graph.node if node.name == PLANTED)
    weights, bias = (numpy_helper.to_array(stored[name]).copy() for name in head.input[1:3])
    weights[0], bias[0] = 0, -1  # after ReLU6 this channel is always 0
    classifier = numpy_helper.to_array(stored[gemm.input[1]]).copy()
    classifier[:, 0] = 400 * np.abs(classifier).max()
    for name, value in zip([*head.input[1:3], gemm.input[1]], [weights, bias, classifier], strict=True):
        stored[name].CopyFrom(numpy_helper.from_array(value, name))
    path = tmp_path_factory.mktemp("fragile") / "fragile.onnx"
    onnx.save(model, path)
    return path, calibrate(path, images[:32]), logits_of(path, images).argmax(1)


def test_the_planted_layer_is_found_to_be_the_worst(fragile, images) -> None:
    """Triage puts it first, by the logits and by its weights; no labels are needed."""
    path, calibration, _ = fragile
    table = layer_sensitivity(path, calibration, FORM, images[:16])
    assert list(table.columns) == list(COLUMNS)
    assert table["node"].iloc[0] == PLANTED
    assert table["alone_snr_db"].is_monotonic_increasing
    assert table["alone_snr_db"].iloc[0] < table["alone_snr_db"].iloc[1] - 10
    assert table["weight_snr_db"].idxmin() == 0


def test_only_the_planted_layer_is_given_back(fragile, images, tmp_path) -> None:
    """All layers in INT8 break the budget; the planted one in float32 keeps it."""
    path, calibration, labels = fragile
    result = quantize_within_budget(path, tmp_path / "b.onnx", calibration, FORM, images, labels, max_loss=0.1)
    assert result.float_accuracy == 1.0
    assert result.steps[0].loss > 0.2
    assert result.within_budget
    assert result.model.kept_float == (PLANTED,)
    assert len(result.steps) == 2
    measured = np.mean(logits_of(result.model.path, images).argmax(1) == labels)
    assert measured == pytest.approx(result.accepted.accuracy)
    assert result.table()["reverted"].tolist() == ["", PLANTED]
    assert json.loads(json.dumps(result.to_json()))["within_budget"] is True


def test_a_ranking_that_is_known_is_followed(fragile, images, tmp_path, monkeypatch) -> None:
    """Nothing is ranked again, and layers are tried in the order given."""
    path, calibration, labels = fragile
    monkeypatch.setattr(budget, "layer_sensitivity", None)
    order = ["features.6.0/Conv", PLANTED]
    common = (path, tmp_path / "b.onnx", calibration, FORM, images, labels)
    result = quantize_within_budget(*common, max_loss=0.1, ranking=order)
    assert [step.reverted for step in result.steps] == ["", *order]
    assert result.within_budget


def test_a_wide_budget_keeps_everything_integer(fragile, images, tmp_path) -> None:
    """Nothing is given back when the loss is allowed."""
    path, calibration, labels = fragile
    result = quantize_within_budget(path, tmp_path / "b.onnx", calibration, FORM, images, labels, max_loss=1.0)
    assert result.model.kept_float == ()
    assert [step.int8_share for step in result.steps] == [1.0]


def test_a_budget_that_cannot_be_kept_is_reported(fragile, images, tmp_path) -> None:
    """With no layer to give back the best try is written, and it does not claim success."""
    path, calibration, labels = fragile
    target = tmp_path / "b.onnx"
    result = quantize_within_budget(path, target, calibration, FORM, images, labels, max_loss=0.0, max_reverted=0)
    assert not result.within_budget
    assert target.is_file()


def test_a_cancelled_search_goes_on_where_it_stopped(fragile, images, tmp_path, monkeypatch) -> None:
    """Triage, the costly part, is not repeated; a tighter budget starts from the looser one's steps."""
    path, calibration, labels = fragile
    state = tmp_path / "state.json"
    common = (path, tmp_path / "b.onnx", calibration, FORM, images, labels)

    def stop_at_trials(fraction: float, text: str) -> None:
        if "trying" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        quantize_within_budget(*common, max_loss=0.1, state_path=state, on_progress=stop_at_trials)
    monkeypatch.setattr(budget, "layer_sensitivity", lambda *args, **kwargs: pytest.fail("triage was repeated"))
    loose = quantize_within_budget(*common, max_loss=0.1, state_path=state)
    monkeypatch.setattr(budget, "logits_of", lambda *args, **kwargs: pytest.fail("a trial was repeated"))
    again = quantize_within_budget(*common, max_loss=0.1, state_path=state)
    assert again.steps == loose.steps


def test_memory_of_another_search_is_ignored(fragile, images, tmp_path) -> None:
    """Other labels make another search: what the file remembers must not decide it."""
    path, calibration, labels = fragile
    state, target = tmp_path / "state.json", tmp_path / "b.onnx"
    quantize_within_budget(path, target, calibration, FORM, images, labels, max_loss=1.0, state_path=state)
    wrong = (labels + 1) % 5
    result = quantize_within_budget(path, target, calibration, FORM, images, wrong, max_loss=1.0, state_path=state)
    assert result.float_accuracy == 0.0
