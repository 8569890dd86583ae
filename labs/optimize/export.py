"""From a torch model to one ONNX file that says how it is fed.

It contains no data about the machine on which it was made.
"""

from __future__ import annotations

import ast
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, INPUT_SIZE_PX
from labs.optimize.exported import REPAIRED, WRITTEN_BY, is_elsewhere

if TYPE_CHECKING:
    import onnx
    from torch import nn

#: ONNX operator set that is written. 18 is what torch's exporter is written in, so nothing is
#: converted afterwards, and the runtimes of every machine in the course read it (Triton 24.10's
#: ONNX Runtime 1.19, TensorRT, OpenVINO).
OPSET: int = 18

#: Names of the model's only input and only output in every file of the course.
INPUT_NAME, OUTPUT_NAME = "input", "output"

_IMAGE = f"RGB, shorter side to {INPUT_SIZE_PX}, central square, divided by 255, channels first"

#: The note in the file itself: how an image becomes its input, and the meaning of its outputs. ONNX
#: keeps texts.
PREPROCESSING: dict[str, str] = {
    "image": _IMAGE,
    "mean": json.dumps(IMAGENET_MEAN),
    "std": json.dumps(IMAGENET_STD),
    "classes": json.dumps(CLASS_NAMES),
}


def export_onnx(
    model: nn.Module,
    path: str | Path,
    *,
    image_size_px: int = INPUT_SIZE_PX,
    fold_batch_norm: bool = True,
) -> Path:
    """Write a torch model as one ONNX file with a free batch axis, and return its path.

    Args:
        model: Module in evaluation mode that maps float32 (N, 3, H, W) to logits.
        path: Where to write; an existing file is replaced in one step.
        image_size_px: H and W, in pixels.
        fold_batch_norm: Let torch's exporter merge each BatchNorm into the convolution before it,
            as it does by default. False keeps them as nodes, so that it can be seen when ONNX
            Runtime's optimizer merges them.

    Raises:
        ValueError: The model is in training mode.
    """
    import torch
    from onnxscript import optimizer

    if model.training:
        raise ValueError(
            "the model is in training mode: call model.eval() first, or dropout would be exported"
        )
    with warnings.catch_warnings(action="ignore"):  # torch's, about functions of its own
        images = torch.zeros(2, 3, image_size_px, image_size_px)
        free_axes = {0: torch.export.Dim("batch")}
        program = torch.onnx.export(
            model,
            (images,),
            dynamo=True,
            dynamic_shapes=(free_axes,),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            opset_version=OPSET,
            optimize=fold_batch_norm,
            verbose=False,
        )
    assert program is not None  # None is for the old exporter
    if not fold_batch_norm:
        # Unoptimized, the exporter leaves some 400 shape and cast nodes around the real ones, which
        # keep ONNX Runtime from merging anything. Folding constants removes them and keeps every
        # BatchNorm.
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    return _write(program.model_proto, Path(path), {WRITTEN_BY: "export_onnx"})


def tidy_file(path: str | Path) -> Path:
    """Make an exported ``.onnx`` file tidy, valid and self-contained, with a note about its input.

    If its weights are in another file, this function moves them into this one, and adds a note.
    """
    import onnx

    had_weights_elsewhere = is_elsewhere(onnx.load(path, load_external_data=False))
    proto = onnx.load(path)
    notes = {note.key: note.value for note in proto.metadata_props}
    notes_left = {key: notes[key] for key in (REPAIRED, WRITTEN_BY) if key in notes}
    if had_weights_elsewhere:
        notes_left[REPAIRED] = "weights in another file"
    return _write(proto, Path(path), notes_left)


def _write(proto: onnx.ModelProto, path: Path, notes: dict[str, str]) -> Path:
    import onnx

    tidy(proto)
    onnx.helper.set_model_props(proto, PREPROCESSING | notes)
    onnx.checker.check_model(proto, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(proto.SerializeToString())
    partial.replace(path)
    return path


def tidy(proto: onnx.ModelProto) -> None:
    """Name nodes after their modules ('features.0.0/Conv'), and drop the exporter's notes.

    The notes hold file names of this machine and stack traces: 190 kB for the course's model.
    """
    graph = proto.graph
    if any(node.metadata_props for node in graph.node):  # what is tidy already keeps its names
        name_after_modules(proto)
    proto.ClearField("doc_string")
    values = [*graph.initializer, *graph.input, *graph.output, *graph.value_info]
    for part in [graph, *graph.node, *values]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")


def name_after_modules(proto: onnx.ModelProto) -> None:
    """Rename nodes to 'module/Operator', and each node's output to the node's name.

    The modules are in the exporter's notes.
    """
    taken: set[str] = set()
    renamed: dict[str, str] = {}
    keep = {value.name for value in [*proto.graph.input, *proto.graph.output]}
    for node in proto.graph.node:
        name = base = f"{_module_of(node)}/{node.op_type}"
        while name in taken:
            name = f"{base}_{len(taken)}"
        taken.add(name)
        node.name = name
        if len(node.output) == 1 and node.output[0] not in keep:
            renamed[node.output[0]] = name
    for node in proto.graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    for value in proto.graph.value_info:
        value.name = renamed.get(value.name, value.name)


def _module_of(node: onnx.NodeProto) -> str:
    """Return the module of a node, by its note or its weight; 'model' without these."""
    module = ""
    scopes = ast.literal_eval(_note(node, "pkg.torch.onnx.name_scopes") or "['']")
    if len(scopes) > 1:
        module = scopes[-2]
    # A merged convolution carries the BatchNorm's scope, so its weight is the better witness.
    for name in node.input[1:2]:
        if name.endswith(".weight"):
            module = name.removesuffix(".weight")
    # Scopes that torch invents for its own checks start with an underscore.
    if not module or module.startswith("_"):
        return "model"
    return module


def _note(node: onnx.NodeProto, key: str) -> str:
    return next((note.value for note in node.metadata_props if note.key == key), "")
