"""ONNX Runtime with any execution provider, and the truth about which provider ran which node."""

from __future__ import annotations

import collections
import json
import tempfile
from pathlib import Path

import numpy as np

from labs.backends.base import Backend, BackendInfo, BackendUnavailableError
from labs.machine.fingerprint import usable_cpu_count
from labs.preprocess import INPUT_SIZE_PX
from labs.records import Threads
from labs.version import library_versions

#: Names of graph optimization levels, in rising order. Source: ONNX Runtime 'Graph optimizations' documentation.
GRAPH_LEVELS = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}

#: Operators that do a model's real work, by what they compute in, after ONNX Runtime has fused the graph.
_INT8_OPERATORS = ("QLinearConv", "ConvInteger", "QGemm", "QLinearMatMul", "MatMulInteger", "DynamicQuantizeMatMul")
_FLOAT_OPERATORS = ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul")

_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-migraphx", "numpy")


class OnnxRuntimeBackend(Backend):
    """An ONNX model in an ONNX Runtime session."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        provider: str = "CPUExecutionProvider",
        provider_options: dict | None = None,
        graph_level: str = "all",
        intra_op_threads: int | None = None,
        optimized_path: str | Path | None = None,
    ) -> None:
        """Describe the session; nothing is loaded yet.

        Args:
            model_path: The ``.onnx`` file.
            provider: Execution provider that is wanted; the CPU provider stands behind it for nodes it refuses.
            provider_options: That provider's options.
            graph_level: A key of ``GRAPH_LEVELS``.
            intra_op_threads: Threads for one operator; all usable processors when None. Set explicitly, since ONNX
                Runtime counts the host's cores and not a container's.
            optimized_path: Where to write the graph as optimized, if wanted.
        """
        self.model_path = Path(model_path)
        self.provider = provider
        self.provider_options = dict(provider_options or {})
        self.graph_level = graph_level
        self.intra_op_threads = intra_op_threads or usable_cpu_count()
        self.optimized_path = optimized_path
        self._session = None
        self._info: BackendInfo | None = None

    def load(self) -> None:
        """Make the session; a model that the provider cannot take still loads, and ``describe`` tells."""
        if not self.model_path.is_file():
            raise FileNotFoundError(f"no model at {self.model_path}: run the lesson that exports it first")
        self._session = self._new_session()
        self._input, self._output = self._session.get_inputs()[0].name, self._session.get_outputs()[0].name

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return logits (N, 11) for images (N, 3, 224, 224)."""
        return self._session.run([self._output], {self._input: images})[0]

    def describe(self) -> BackendInfo:
        """Return what really runs, read from a profiled run of a second session with the same settings."""
        if self._info is None:
            executed = self._executed()
            self._info = BackendInfo(
                backend="onnxruntime",
                provider_requested=self.provider,
                providers_used=dict(collections.Counter(provider for provider, _ in executed)),
                precision=self._precision([operator for _, operator in executed]),
                threads=Threads(self.intra_op_threads, 1),
                libraries=library_versions(*_WHEELS),
            )
        return self._info

    @property
    def input_size_px(self) -> int:
        """Side of the pictures that the loaded model takes; the course's own where the file leaves it open."""
        return _picture_size_px(self._session)[0]

    def close(self) -> None:
        """Drop the session, and with it its thread pool."""
        self._session = None

    def _executed(self) -> list[tuple[str, str]]:
        """Return provider and operator of every node that ran in one profiled prediction.

        A provider that could not be loaded is replaced in silence by the CPU (microsoft/onnxruntime#23372), so neither
        the request nor ``get_providers()`` is evidence. The profile is.
        """
        with tempfile.TemporaryDirectory() as folder:
            session = self._new_session(profile_prefix=str(Path(folder) / "profile"))
            shape = (1, 3, *_picture_size_px(session))
            session.run(None, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        nodes = [event["args"] for event in events if event.get("cat") == "Node"]
        return [(node["provider"], node.get("op_name", "")) for node in nodes if node.get("provider")]

    def _new_session(self, profile_prefix: str | None = None):
        import onnxruntime as ort

        if self.provider not in ort.get_available_providers():
            raise BackendUnavailableError(
                f"this environment's ONNX Runtime has no {self.provider}; it has "
                f"{', '.join(ort.get_available_providers())}. Each provider comes with its own wheel: "
                "labs.providers runs it in its own environment."
            )
        options = ort.SessionOptions()
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, GRAPH_LEVELS[self.graph_level])
        options.intra_op_num_threads = self.intra_op_threads
        options.inter_op_num_threads = 1
        # Its warnings about nodes that stay on the CPU would fill the notebook; describe() says it in one line.
        options.log_severity_level = 3
        if profile_prefix:
            options.enable_profiling = True
            options.profile_file_prefix = profile_prefix
        elif self.optimized_path:
            options.optimized_model_filepath = str(self.optimized_path)
        wanted = [(self.provider, self.provider_options)]
        if self.provider != "CPUExecutionProvider":
            wanted.append(("CPUExecutionProvider", {}))
            if hasattr(ort, "preload_dlls"):
                ort.preload_dlls()
        return ort.InferenceSession(str(self.model_path), options, providers=wanted)

    def _precision(self, operators: list[str]) -> str:
        """Return the precision that most convolutions ran in, unless the provider's options say more.

        A QDQ file holds INT8 weights whatever happens to them: without graph optimization its convolutions run in
        fp32 between Dequantize nodes. So the operators that ran decide. A provider that compiles the graph into nodes
        of its own shows none of them; then the file has to do.
        """
        for name in ("trt_fp16_enable", "migraphx_fp16_enable"):
            if str(self.provider_options.get(name, "0")).lower() in {"1", "true"}:
                return "fp16"
        in_int8 = sum(operator in _INT8_OPERATORS for operator in operators)
        in_float = sum(operator in _FLOAT_OPERATORS for operator in operators)
        if in_int8 or in_float:
            return "int8" if in_int8 > in_float else "fp32"
        content = self.model_path.read_bytes()
        return "int8" if any(name.encode() in content for name in (*_INT8_OPERATORS, "QuantizeLinear")) else "fp32"


def _picture_size_px(session) -> tuple[int, int]:
    """Return height and width of a session's pictures; a file may leave them open, as it does the batch."""
    height, width = session.get_inputs()[0].shape[2:4]
    return tuple(side if isinstance(side, int) else INPUT_SIZE_PX for side in (height, width))
