"""One ONNX file says what the torch model says, how it is fed, and nothing about the machine it was made on."""

import json

import numpy as np
import onnx
import pytest
import torch

from labs.data.labels import CLASS_NAMES
from labs.optimize.export import OPSET, export_onnx, tidy_file
from labs.optimize.predict import logits_of
from labs.runtimes.opening import open_model


@pytest.mark.parametrize("name", ["exported", "as_written"])
@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
def test_both_exports_agree_with_torch(name, level, request, model, images) -> None:
    """Logits agree within rounding, with ONNX Runtime's optimizer on and off."""
    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(logits_of(request.getfixturevalue(name), images, level=level), expected, atol=1e-3)


def test_batch_norm_is_folded_or_kept_as_asked(exported, as_written, model, operators) -> None:
    """The optimized export has no BatchNorm; the other has one for each of torch's."""
    wanted = sum(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert "BatchNormalization" not in operators(exported)
    assert operators(as_written)["BatchNormalization"] == wanted


def test_the_clutter_of_an_unoptimized_export_is_gone(as_written, operators) -> None:
    """No Expand or Cast nodes are left around the BatchNorms, which ONNX Runtime could not have folded."""
    assert not {"Expand", "Cast", "CastLike"} & set(operators(as_written))


def test_nodes_are_named_after_modules(exported) -> None:
    """A reader finds the module of a node, and names are unique."""
    names = [node.name for node in onnx.load(exported).graph.node]
    assert "features.0.0/Conv" in names
    assert "classifier.1/Gemm" in names
    assert len(set(names)) == len(names)


def test_the_file_is_self_contained_and_says_nothing_about_the_machine(exported) -> None:
    """Weights are inside, and no path, stack trace or note of the exporter is left."""
    proto = onnx.load(exported, load_external_data=False)
    assert not any(tensor.external_data for tensor in proto.graph.initializer)
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)
    assert b"site-packages" not in exported.read_bytes()
    assert [entry.version for entry in proto.opset_import] == [OPSET]


def test_the_file_says_how_it_is_fed(exported) -> None:
    """Whoever gets the file alone finds the classes and the normalization in it."""
    told = open_model(exported).get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(CLASS_NAMES)
    assert len(json.loads(told["mean"])) == len(json.loads(told["std"])) == 3


def test_what_is_tidy_stays_as_it_is(exported) -> None:
    """Whoever runs the cell twice does not rename the nodes."""
    before = exported.read_bytes()
    assert tidy_file(exported).read_bytes() == before


def test_a_model_in_training_mode_is_refused(tmp_path, make_model, image_size_px) -> None:
    """Dropout would be exported: the message says to call eval()."""
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        export_onnx(make_model().train(), tmp_path / "model.onnx", image_size_px=image_size_px)
    assert not list(tmp_path.iterdir())
