"""From a torch model to one ONNX file, with proof that both say the same."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labs.optimize.predict import logits_of
from labs.preprocess import INPUT_SIZE_PX

if TYPE_CHECKING:
    import onnx
    from torch import nn

#: ONNX operator set that is written. 18 is what torch's exporter is written in, so nothing is converted afterwards,
#: and the runtimes of every machine in the course read it (Triton 24.10's ONNX Runtime 1.19, TensorRT, OpenVINO).
OPSET: int = 18

#: Names of the model's only input and only output in every file of the course.
INPUT_NAME, OUTPUT_NAME = "input", "output"


class ExportError(ValueError):
    """The model cannot be exported as it is."""


@dataclass(frozen=True)
class Agreement:
    """How closely an ONNX file follows the torch model on the same pictures."""

    #: Largest difference between two logits, absolute.
    max_abs_diff: float
    #: Share of pictures that get the same top class, 0 to 1.
    top1_agreement: float
    #: Largest difference that still counts as rounding.
    tolerance: float
    #: Pictures that were compared.
    image_count: int

    @property
    def agrees(self) -> bool:
        """Whether every logit is within the tolerance."""
        return self.max_abs_diff <= self.tolerance


def export_onnx(
    model: nn.Module,
    path: str | Path,
    *,
    image_size_px: int = INPUT_SIZE_PX,
    opset: int = OPSET,
    fold_batch_norm: bool = True,
) -> Path:
    """Write a torch model as one ONNX file with a free batch axis, and return its path.

    Nodes and values are named after the module they come from ('features.0.0/Conv'), and the exporter's notes (file
    names of the machine, stack traces; 190 kB for this model) are left out.

    Args:
        model: Module in evaluation mode that maps float32 (N, 3, H, W) to logits.
        path: Where to write; an existing file is replaced in one step.
        image_size_px: H and W, in pixels.
        opset: ONNX operator set.
        fold_batch_norm: Let torch's exporter merge each BatchNorm into the convolution before it, as it does by
            default. False keeps them as nodes, so that it can be seen when ONNX Runtime's optimizer merges them.

    Returns:
        The path of the file, which holds the weights too.

    Raises:
        ExportError: The model is in training mode, where dropout and BatchNorm behave differently.
    """
    import onnx

    if model.training:
        raise ExportError("the model is in training mode: call model.eval() first, or dropout would be exported")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    proto = _trace(model, image_size_px, opset, fold_batch_norm)
    name_after_modules(proto)
    strip_notes(proto)
    onnx.checker.check_model(proto, full_check=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(proto.SerializeToString())
    partial.replace(path)
    return path


def verify_against_torch(
    path: str | Path, model: nn.Module, images: np.ndarray, *, tolerance: float = 1e-3, graph_level: str = "all"
) -> Agreement:
    """Return how closely an ONNX file follows the torch model it was made from.

    Args:
        path: The ``.onnx`` file.
        model: The torch model, in evaluation mode.
        images: float32 (N, 3, H, W), real pictures: noise would leave most of the model at zero.
        tolerance: Largest difference of two logits that counts as rounding. Sums of some thousand float32 products,
            added up in another order, differ by about 1e-5; a wrong padding or a lost layer differs by more than 0.1.
        graph_level: How far ONNX Runtime optimizes the graph.

    Returns:
        The agreement; ``agrees`` is the verdict.
    """
    import torch

    with torch.inference_mode():
        batches = [model(torch.from_numpy(images[i : i + 16])).numpy() for i in range(0, len(images), 16)]
    expected, got = np.concatenate(batches), logits_of(path, images, graph_level=graph_level)
    return Agreement(
        max_abs_diff=float(np.max(np.abs(expected - got))),
        top1_agreement=float(np.mean(expected.argmax(1) == got.argmax(1))),
        tolerance=tolerance,
        image_count=len(images),
    )


def name_after_modules(proto: onnx.ModelProto) -> None:
    """Rename nodes to 'module/Operator' and each node's output to the node's name, from the exporter's notes."""
    taken: set[str] = set()
    renamed: dict[str, str] = {}
    keep = {value.name for value in [*proto.graph.input, *proto.graph.output]}
    for node in proto.graph.node:
        weight = next((name for name in node.input[1:2] if name.endswith(".weight")), "")
        scopes = ast.literal_eval(_note(node, "pkg.torch.onnx.name_scopes") or "['']")
        # A merged convolution carries the BatchNorm's scope, so its weight is the better witness.
        module = weight.removesuffix(".weight") or (scopes[-2] if len(scopes) > 1 else "")
        # Scopes that torch invents for its own checks start with an underscore.
        name = base = f"{module if module and module[0] != '_' else 'model'}/{node.op_type}"
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


def strip_notes(proto: onnx.ModelProto) -> None:
    """Remove what no runtime reads: documentation strings and metadata, which quote this machine's paths."""
    graph = proto.graph
    proto.ClearField("metadata_props")
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("doc_string")
        if part is not proto:
            part.ClearField("metadata_props")


def _trace(model: nn.Module, image_size_px: int, opset: int, fold_batch_norm: bool) -> onnx.ModelProto:
    """Return torch's own export, made without its progress lines and warnings about itself."""
    import torch
    from onnxscript import optimizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            # Two pictures: a batch of one would be traced as the constant 1.
            (torch.zeros(2, 3, image_size_px, image_size_px),),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            opset_version=opset,
            optimize=fold_batch_norm,
            verbose=False,
        )
        if not fold_batch_norm:
            # Unoptimized, the exporter leaves some 400 shape and cast nodes around the real ones; folding constants
            # alone removes them and keeps every BatchNorm.
            optimizer.fold_constants(program.model)
            optimizer.remove_unused_nodes(program.model)
    return program.model_proto


def _note(node: onnx.NodeProto, key: str) -> str:
    return next((note.value for note in node.metadata_props if note.key == key), "")
