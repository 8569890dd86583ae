"""One ONNX file says what the torch model says, and nothing about the machine it was made on."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from labs.optimize.export import OPSET, ExportError, export_onnx, verify_against_torch
from labs.optimize.graph import read_graph
from labs.optimize.predict import logits_of


@pytest.mark.parametrize("name", ["exported", "as_written"])
@pytest.mark.parametrize("graph_level", ["disabled", "all"])
def test_both_exports_agree_with_torch(name, graph_level, request, model, images) -> None:
    """Logits agree within rounding, with ONNX Runtime's optimizer on and off."""
    agreement = verify_against_torch(request.getfixturevalue(name), model, images, graph_level=graph_level)
    assert agreement.agrees
    assert agreement.top1_agreement == 1.0
    assert agreement.image_count == len(images)


def test_another_model_is_noticed(exported, images, make_model) -> None:
    """The file of one network does not pass as another's."""
    agreement = verify_against_torch(exported, make_model(seed=1), images)
    assert not agreement.agrees


def test_batch_norm_is_folded_or_kept_as_asked(exported, as_written, model) -> None:
    """The optimized export has no BatchNorm; the other has one for each of torch's."""
    import torch

    wanted = sum(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert "BatchNormalization" not in read_graph(exported).op_counts
    assert read_graph(as_written).op_counts["BatchNormalization"] == wanted


def test_the_clutter_of_an_unoptimized_export_is_gone(as_written) -> None:
    """No Expand or Cast nodes are left around the BatchNorms, which ONNX Runtime could not have folded."""
    assert not {"Expand", "Cast", "CastLike"} & set(read_graph(as_written).op_counts)


def test_nodes_are_named_after_modules(exported) -> None:
    """A reader finds the module of a node, and names are unique."""
    names = [node.name for node in read_graph(exported).nodes]
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


def test_the_batch_axis_is_free(exported, images) -> None:
    """One picture and many give the same logits."""
    together, alone = logits_of(exported, images[:5]), logits_of(exported, images[:5], batch_size=1)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_a_model_in_training_mode_is_refused(tmp_path, make_model, image_size_px) -> None:
    """Dropout would be exported: the message says to call eval()."""
    with pytest.raises(ExportError, match=r"model\.eval\(\)"):
        export_onnx(make_model().train(), tmp_path / "model.onnx", image_size_px=image_size_px)
    assert not list(tmp_path.iterdir())
