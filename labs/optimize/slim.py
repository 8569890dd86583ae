"""Making a file smaller without changing one result: fewer names, no notes, nothing stored twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labs.optimize.export import strip_notes

if TYPE_CHECKING:
    import onnx


def slim_onnx(path: str | Path, slim_path: str | Path | None = None) -> dict[str, int]:
    """Write a smaller file that computes the same, and return the bytes that each step has saved.

    Args:
        path: Any ``.onnx`` file whose weights are inside it.
        slim_path: Where to write; the same path when None.

    Raises:
        ValueError: The file's weights lie outside it.
    """
    import onnx

    path = Path(path)
    model = onnx.load(path, load_external_data=False)
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ValueError(f"{path} keeps its weights in another file: export it with external_data=False first")
    steps = {
        "notes and shapes": _drop_notes,
        "stored twice or unused": _share_constants,
        "long names": _shorten_names,
        "unused operator sets": _drop_operator_sets,
    }
    size, saved = path.stat().st_size, {}
    for name, step in steps.items():
        step(model)
        saved[name], size = size - model.ByteSize(), model.ByteSize()
    onnx.checker.check_model(model)
    slim_path = Path(slim_path or path)
    partial = slim_path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString())
    partial.replace(slim_path)
    return saved


def _drop_notes(model: onnx.ModelProto) -> None:
    """Drop documentation, and shapes of inner values, which every runtime infers again."""
    strip_notes(model)
    model.graph.ClearField("value_info")
    model.graph.ClearField("quantization_annotation")
    for name in ("producer_name", "producer_version", "domain"):
        model.ClearField(name)


def _share_constants(model: onnx.ModelProto) -> None:
    """Store equal constants once, and those that nothing reads not at all."""
    from onnx import numpy_helper

    graph = model.graph
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    first, same, kept = {}, {}, []
    for tensor in graph.initializer:
        if tensor.name not in read:
            continue
        values = numpy_helper.to_array(tensor)
        same[tensor.name] = first.setdefault((tensor.data_type, values.shape, values.tobytes()), tensor.name)
        if same[tensor.name] == tensor.name:
            kept.append(numpy_helper.from_array(values, tensor.name))  # raw bytes: the shortest encoding
    graph.ClearField("initializer")
    graph.initializer.extend(kept)
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]


def _shorten_names(model: onnx.ModelProto) -> None:
    """Rename values to short numbers and drop node names; the model's own inputs and outputs keep theirs."""
    graph = model.graph
    short = {value.name: value.name for value in [*graph.input, *graph.output]} | {"": ""}
    for tensor in graph.initializer:
        tensor.name = short.setdefault(tensor.name, f"{len(short):x}")
    for node in graph.node:
        node.ClearField("name")
        for names in (node.input, node.output):
            names[:] = [short.setdefault(name, f"{len(short):x}") for name in names]


def _drop_operator_sets(model: onnx.ModelProto) -> None:
    """Drop operator sets that no node uses; ONNX Runtime's tools list all that they know."""
    used = {node.domain for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    kept = [type(entry).FromString(entry.SerializeToString()) for entry in kept]
    model.ClearField("opset_import")
    model.opset_import.extend(kept)
