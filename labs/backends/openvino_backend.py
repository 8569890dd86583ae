"""OpenVINO's own runtime on the CPU, which reads ONNX files directly."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labs.backends.base import Backend, BackendInfo, BackendUnavailableError
from labs.machine.fingerprint import usable_cpu_count
from labs.records import Threads
from labs.version import library_versions


class OpenVinoBackend(Backend):
    """An ONNX model compiled by OpenVINO."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        device: str = "CPU",
        precision: str = "fp32",
        intra_op_threads: int | None = None,
    ) -> None:
        """Describe the model; nothing is loaded yet.

        Args:
            model_path: The ``.onnx`` file; a quantized one (QDQ) runs its quantized layers in INT8.
            device: OpenVINO device name.
            precision: 'fp32' or 'bf16' for the layers that are not quantized. Said explicitly: left alone, OpenVINO
                takes bf16 on CPUs that have it, and 'fp32' would be a different thing on each machine.
            intra_op_threads: Threads; all usable processors when None.
        """
        self.model_path = Path(model_path)
        self.device = device
        self.precision = precision
        self.intra_op_threads = intra_op_threads or usable_cpu_count()
        self._request = None

    def load(self) -> None:
        """Read and compile the model for one request at a time."""
        try:
            import openvino
        except ImportError as error:
            raise BackendUnavailableError("OpenVINO is not installed: 'pip install openvino'") from error
        if not self.model_path.is_file():
            raise FileNotFoundError(f"no model at {self.model_path}: run the lesson that exports it first")
        compiled = openvino.Core().compile_model(
            str(self.model_path),
            self.device,
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[self.precision],
                "INFERENCE_NUM_THREADS": self.intra_op_threads,
                # Left alone, OpenVINO ties its threads to the first processors: two copies of one thread each, in two
                # processes, would share one of them while the others idle.
                "ENABLE_CPU_PINNING": self.intra_op_threads >= usable_cpu_count(),
            },
        )
        self._compiled = compiled
        self._request = compiled.create_infer_request()

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return logits (N, 11) for images (N, 3, 224, 224)."""
        result = self._request.infer({0: images}, share_inputs=True)
        return np.array(next(iter(result.values())))

    def describe(self) -> BackendInfo:
        """Return the device's real settings; the precision is the one that most of the time-costly layers run in."""
        return BackendInfo(
            backend="openvino",
            provider_requested=self.device,
            providers_used={self.device: len(self._compiled.get_runtime_model().get_ops())},
            precision=self._executed_precision(),
            threads=Threads(self.intra_op_threads, 1),
            libraries=library_versions("openvino", "numpy"),
        )

    def close(self) -> None:
        """Drop the request and the compiled model."""
        self._request = self._compiled = None

    def _executed_precision(self) -> str:
        """Return the precision of the convolutions as compiled: the request is a hint, this is what happened."""
        names = {"i8": "int8", "u8": "int8", "bf16": "bf16", "f16": "fp16", "f32": "fp32"}
        counts: dict[str, int] = {}
        for op in self._compiled.get_runtime_model().get_ops():
            info = op.get_rt_info()
            kind = info["layerType"].astype(str) if "layerType" in info else ""
            if kind in {"Convolution", "GroupConvolution", "FullyConnected"}:
                found = info["runtimePrecision"].astype(str) if "runtimePrecision" in info else ""
                counts[found] = counts.get(found, 0) + 1
        most = max(counts, key=counts.get, default="")
        return names.get(most.lower(), self.precision)
