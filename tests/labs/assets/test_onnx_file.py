"""An ONNX file is a valid model by itself, or is refused: other people's paths are not followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from labs.assets import IntegrityError, UnsafeFileError
from labs.assets.onnx_file import check_onnx

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)


def external(location: str) -> TensorProto:
    """Return a weight that says it lies in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=WEIGHT.shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def write(path: Path, weight: TensorProto | None = None, extra: list[onnx.NodeProto] | None = None) -> Path:
    """Write a model of one matrix product."""
    weight = weight or numpy_helper.from_array(WEIGHT, "w")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in (("x", 3), ("y", 4))]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), *(extra or [])]
    graph = helper.make_graph(nodes, "g", value[:1], value[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_model_in_one_file_is_fine(tmp_path: Path) -> None:
    """Nothing to complain about."""
    check_onnx(write(tmp_path / "model.onnx"))


def test_external_data_beside_the_model_is_fine(tmp_path: Path) -> None:
    """Models made by the exporter with a data file are used in the lessons."""
    (tmp_path / "model.data").write_bytes(WEIGHT.tobytes())
    check_onnx(write(tmp_path / "model.onnx", external("model.data")))


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../secret", "..\\secret", ""])
def test_external_data_elsewhere_is_refused(tmp_path: Path, location: str) -> None:
    """Even when the file is there."""
    (tmp_path / "secret").write_bytes(WEIGHT.tobytes())
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnsafeFileError, match="outside its own folder"):
        check_onnx(write(tmp_path / "folder" / "model.onnx", external(location)))


@pytest.mark.parametrize("link_at", ["model.data", "folder"])
def test_external_data_behind_a_link_is_refused(tmp_path: Path, link_at: str) -> None:
    """A link is another way to lead elsewhere, as a file and as a folder on the way."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model.data").write_bytes(WEIGHT.tobytes())
    home = tmp_path / "home"
    home.mkdir()
    is_file = link_at == "model.data"
    (home / link_at).symlink_to(tmp_path / "elsewhere" / ("model.data" if is_file else ""))
    with pytest.raises(UnsafeFileError, match="outside its own folder"):
        check_onnx(write(home / "model.onnx", external("model.data" if is_file else "folder/model.data")))


def test_missing_external_data_is_said(tmp_path: Path) -> None:
    """The usual mistake: only one of two files was copied."""
    with pytest.raises(IntegrityError, match="missing beside it"):
        check_onnx(write(tmp_path / "model.onnx", external("model.data")))


def test_external_data_deep_in_a_branch_is_found(tmp_path: Path) -> None:
    """Tensors may hide in the attributes of nodes in subgraphs."""
    constant = helper.make_node("Constant", [], ["c"], value=external("../secret"))
    out = helper.make_tensor_value_info("c", TensorProto.FLOAT, [3, 4])
    branch = helper.make_graph([constant], "b", [], [out])
    condition = helper.make_node("Constant", [], ["t"], value=numpy_helper.from_array(np.array(True)))
    node = helper.make_node("If", ["t"], ["z"], then_branch=branch, else_branch=branch)
    with pytest.raises(UnsafeFileError, match=r"\.\./secret"):
        check_onnx(write(tmp_path / "model.onnx", extra=[condition, node]))


def test_size_is_limited_with_external_data(tmp_path: Path) -> None:
    """The file alone, and the file with what it names."""
    path = write(tmp_path / "model.onnx")
    with pytest.raises(UnsafeFileError, match="larger than"):
        check_onnx(path, max_bytes=100)
    with (tmp_path / "model.data").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(UnsafeFileError, match="with its external data"):
        check_onnx(write(path, external("model.data")))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x00" * 100])
def test_what_is_no_model_is_said(tmp_path: Path, content: bytes) -> None:
    """An empty file, a web page, zeros."""
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(IntegrityError, match="ONNX model"):
        check_onnx(tmp_path / "model.onnx")


def test_a_graph_that_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    """onnx.checker's findings come through."""
    dangling = helper.make_node("Relu", ["nowhere"], ["z"])
    with pytest.raises(IntegrityError, match="not a valid ONNX model"):
        check_onnx(write(tmp_path / "model.onnx", extra=[dangling]))
