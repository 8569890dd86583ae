"""From float32 to INT8: dynamic, or static in the form that fits the machine."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from labs.optimize.calibrate import Calibration, observed_ranges
from labs.optimize.forms import Form
from labs.optimize.keep import protect_float

#: Operators that are worth quantizing in a convolutional network; pooling and reshaping follow their neighbours.
QUANTIZED_OPS: tuple[str, ...] = ("Conv", "Gemm", "MatMul", "Add", "Clip", "GlobalAveragePool", "ReduceMean", "Reshape")


@dataclass(frozen=True)
class QuantizedModel:
    """A quantized file and how it was made."""

    #: Where it is.
    path: Path
    #: Name of its form, such as 'qdq-u8s8-channel', or 'dynamic'.
    form: str
    #: How activations' ranges were chosen; 'at run time' for dynamic quantization.
    calibration: str
    #: Pictures used for calibration.
    calibration_images: int
    #: Size of the file in bytes.
    size_bytes: int
    #: Nodes with weights that were kept in float32.
    kept_float: tuple[str, ...]

    def to_json(self) -> dict:
        """Return plain JSON values; the path is reduced to the file's name."""
        return {**asdict(self), "path": self.path.name, "kept_float": list(self.kept_float)}


def prepare(path: str | Path, prepared_path: str | Path) -> Path:
    """Write the float model as quantizers need it (shapes known, BatchNorm folded), and return where.

    Args:
        path: The exported ``.onnx`` file.
        prepared_path: Where to write.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared_path = Path(prepared_path)
    prepared_path.parent.mkdir(parents=True, exist_ok=True)
    with _quiet():
        quant_pre_process(str(path), str(prepared_path))
    return prepared_path


def weighted_nodes(path: str | Path) -> tuple[str, ...]:
    """Return the names of the convolutions and matrix products of a model, in running order: what can be kept float."""
    from labs.optimize.graph import read_graph

    return tuple(node.name for node in read_graph(path).nodes if node.op in {"Conv", "Gemm", "MatMul"})


def quantize_dynamic(path: str | Path, quantized_path: str | Path) -> QuantizedModel:
    """Write a model with INT8 weights whose activations are measured and quantized anew for each picture.

    It needs no calibration. For convolutions it is usually slower than float32: each layer first searches its input for
    the range, and there are no fused integer kernels for it.

    Args:
        path: The prepared float model.
        quantized_path: Where to write.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization import quantize_dynamic as ort_quantize_dynamic

    with _written(quantized_path) as partial, _quiet():
        # Unsigned weights: ONNX Runtime's CPU has no ConvInteger for signed ones (microsoft/onnxruntime#3130).
        ort_quantize_dynamic(str(path), str(partial), weight_type=QuantType.QUInt8)
    return _described(quantized_path, "dynamic", "at run time", 0, ())


def quantize_static(
    path: str | Path,
    quantized_path: str | Path,
    calibration: Calibration,
    form: Form,
    *,
    keep_float: Iterable[str] = (),
    only: Iterable[str] = (),
) -> QuantizedModel:
    """Write a model with INT8 weights and activations, whose ranges were measured beforehand.

    Args:
        path: The prepared float model.
        quantized_path: Where to write.
        calibration: Ranges of the activations, from ``calibrate`` on the same file.
        form: How integers are written; ``best_form_for`` chooses one.
        keep_float: Names of nodes that stay in float32, really so: see ``labs.optimize.keep``.
        only: Names of the only nodes to quantize, for looking at one layer alone; all of them when empty.

    Returns:
        The file and how it was made.

    Raises:
        ValueError: A node to keep does not exist, or the calibration belongs to another model.
    """
    keep_float = tuple(keep_float)
    only = tuple(only)
    unknown = set(keep_float + only) - set(weighted_nodes(path))
    if unknown:
        raise ValueError(f"no such convolution or matrix product: {', '.join(sorted(unknown))}; see weighted_nodes()")
    with _written(quantized_path) as partial, _quiet():
        try:
            lists = [[*names, *_followers(path, names)] for names in (only, keep_float)]
            quantizer = _quantizer(path, calibration, form, *lists)
            quantizer.quantize_model()
        except (ValueError, KeyError, RuntimeError) as error:
            raise ValueError(f"quantizing {Path(path).name} failed ({error}); was this model calibrated?") from error
        protect_float(quantizer.model.model, set(weighted_nodes(path)) - set(only) if only else keep_float)
        quantizer.model.save_model_to_file(str(partial), False)
    return _described(quantized_path, form.name, calibration.method, calibration.image_count, keep_float)


def _quantizer(path: str | Path, calibration: Calibration, form: Form, only: list[str], exclude: list[str]):
    """Return ONNX Runtime's quantizer for a form.

    The classes behind its ``quantize_static`` are used, so that one calibration serves many files.
    """
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.quant_utils import QuantizationMode

    types = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}
    model = onnx.load(path)
    common = (types[form.weights], types[form.activations], observed_ranges(calibration), only, exclude)
    ops, options = list(QUANTIZED_OPS), {}
    if form.layout == "qoperator":
        integer = QuantizationMode.QLinearOps
        return ONNXQuantizer(model, form.per_channel, form.reduce_range, integer, True, *common, ops, options)
    if form.layout == "qdq":
        return QDQQuantizer(model, form.per_channel, form.reduce_range, *common, ops, options)
    raise ValueError(f"no layout {form.layout!r}: 'qdq' or 'qoperator'")


def _followers(path: str | Path, names: tuple[str, ...]) -> list[str]:
    """Return the activations (Clip, Relu) behind these nodes: a float convolution keeps its own in float as well."""
    from labs.optimize.graph import read_graph

    graph = read_graph(path)
    outputs = {output for node in graph.nodes if node.name in names for output in node.outputs}
    return [node.name for node in graph.nodes if node.op in {"Clip", "Relu"} and outputs & set(node.inputs)]


@contextlib.contextmanager
def _written(path: str | Path) -> Iterator[Path]:
    """Give a scratch path, and move it to the final name only when all went well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as folder:
        partial = Path(folder) / path.name
        yield partial
        partial.replace(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's hints about itself out of the notebook."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _described(path: str | Path, form: str, method: str, images: int, kept: tuple[str, ...]) -> QuantizedModel:
    return QuantizedModel(Path(path), form, method, images, Path(path).stat().st_size, kept)
