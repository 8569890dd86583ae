"""Read facts of an exported file without running it; a grader's child process does so too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

#: Notes in a file's metadata: the repairs, and that the course's own code wrote it.
REPAIRED, WRITTEN_BY = "repaired", "written_by"

#: Name of the operator set that every ONNX file uses; both spellings mean the same.
_STANDARD = ("", "ai.onnx")


def exported_facts(model: onnx.ModelProto) -> dict[str, str | bool | int]:
    """Return ``opset``, the names ``input`` and ``output``, ``batch`` ('free', or a number of
    photos), ``batch_norms``, ``elsewhere`` (weights in another file), and both notes.
    """
    notes = {note.key: note.value for note in model.metadata_props}
    versions = [opset.version for opset in model.opset_import if opset.domain in _STANDARD]
    operators = [node.op_type for node in model.graph.node]
    input_names = [value.name for value in model.graph.input]
    output_names = [value.name for value in model.graph.output]
    facts: dict[str, str | bool | int] = {
        "opset": max(versions, default=0),
        "input": next(iter(input_names), ""),
        "output": next(iter(output_names), ""),
        "batch": _batch(model),
        "batch_norms": operators.count("BatchNormalization"),
        "elsewhere": is_elsewhere(model),
    }
    return facts | {
        "repaired": notes.get(REPAIRED, ""),
        "written_by": notes.get(WRITTEN_BY, ""),
    }


def _batch(model: onnx.ModelProto) -> str | int:
    """Return how many photos the first input takes, or 'free'; '' without a shape."""
    if not model.graph.input:
        return ""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    return (dims[0].dim_value or "free") if dims else ""


def is_elsewhere(model: onnx.ModelProto) -> bool:
    """Return whether weights of a file, loaded without them, are in another file."""
    return any(bool(tensor.external_data) for tensor in model.graph.initializer)
