"""torch, eager or compiled, on the CPU or on a CUDA device."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from labs.backends.base import Backend, BackendInfo, BackendUnavailableError
from labs.machine.fingerprint import usable_cpu_count
from labs.models import load_mobilenet_v2
from labs.records import Threads
from labs.version import library_versions


class TorchBackend(Backend):
    """The course's model in torch."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        compiled: bool = False,
        device: str = "cpu",
        intra_op_threads: int | None = None,
    ) -> None:
        """Describe the model; nothing is loaded yet.

        Args:
            model_path: Weights as safetensors.
            compiled: Run it through ``torch.compile``; the first prediction of each batch size then takes long.
            device: 'cpu' or 'cuda'.
            intra_op_threads: Threads for one operator; all usable processors when None.
        """
        self.model_path = Path(model_path)
        self.compiled = compiled
        self.device = device
        self.intra_op_threads = intra_op_threads or usable_cpu_count()
        self._model = None

    def load(self) -> None:
        """Load the weights, and wrap them in ``torch.compile`` where that was asked for."""
        import torch

        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise BackendUnavailableError("torch sees no CUDA device: use device='cpu', or run on a GPU node")
        if self.compiled and self.device == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
            raise BackendUnavailableError(
                "torch.compile needs a C++ compiler on the CPU: install one ('apt install g++' on Debian and Ubuntu, "
                "'xcode-select --install' on macOS), or stay with the eager model"
            )
        torch.set_num_threads(self.intra_op_threads)
        if self.device.startswith("cuda"):
            # Left alone, cuDNN rounds the inputs of convolutions to TF32 on Ampere and later; records say fp32.
            # Source: PyTorch documentation, 'TensorFloat-32 (TF32) on Ampere (and later) devices'.
            torch.backends.cudnn.allow_tf32 = False
        self._model = load_mobilenet_v2(self.model_path).to(self.device)
        if self.compiled:
            self._model = torch.compile(self._model)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return logits (N, 11) for images (N, 3, 224, 224); the copy to the host waits for a GPU to finish."""
        import torch

        with torch.inference_mode():
            return self._model(torch.from_numpy(images).to(self.device)).cpu().numpy()

    def describe(self) -> BackendInfo:
        """Return the settings; torch has no execution providers to tell apart."""
        return BackendInfo(
            backend="torch-compiled" if self.compiled else "torch",
            provider_requested=self.device,
            threads=Threads(self.intra_op_threads, 0),
            libraries=library_versions("torch", "torchvision", "numpy"),
        )

    def close(self) -> None:
        """Drop the model."""
        self._model = None
