"""The protocol that every backend follows, so that measuring never asks which one it is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from labs.records import Threads


class BackendUnavailableError(RuntimeError):
    """This backend cannot run on this machine or in this environment; the message says why and what to do."""


@dataclass(frozen=True)
class BackendInfo:
    """What a loaded backend really is."""

    #: 'torch', 'torch-compiled', 'onnxruntime' or 'openvino'.
    backend: str
    #: Provider or device that was asked for.
    provider_requested: str
    #: Nodes of the graph by the provider that ran them; empty where the backend has no providers.
    providers_used: dict[str, int] = field(default_factory=dict)
    #: Precision that is computed in.
    precision: str = "fp32"
    #: Thread settings.
    threads: Threads = field(default_factory=Threads)
    #: Versions of the libraries that take part.
    libraries: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict) -> BackendInfo:
        """Return what ``to_json`` wrote."""
        return cls(**{**values, "threads": Threads(**values["threads"])})


class Backend(ABC):
    """One loaded (or loadable) model.

    A prediction is over when its logits are a numpy array in host memory. That makes every backend synchronous: on a
    GPU the copy back waits for the device, so no measurement can stop the clock early.
    """

    #: File that holds the model.
    model_path: Path

    @abstractmethod
    def load(self) -> None:
        """Make the model ready to predict.

        Raises:
            BackendUnavailableError: This machine or environment cannot run it.
            FileNotFoundError: The model's file is missing.
        """

    @abstractmethod
    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return logits.

        Args:
            images: float32, (N, 3, 224, 224), as ``labs.preprocess.to_input`` makes them.

        Returns:
            float32 logits, (N, 11).
        """

    @abstractmethod
    def describe(self) -> BackendInfo:
        """Return what really runs; needs ``load`` first."""

    def close(self) -> None:  # noqa: B027 - most backends hold nothing that must be closed
        """Let go of memory, threads and processes. Calling it twice is fine."""

    def time_calls(self, images: np.ndarray, count: int, clock: Callable[[], float] = time.perf_counter) -> list[float]:
        """Return the wall time in seconds of ``count`` predictions run back to back.

        A backend that lives in another process overrides this to run the loop over there, next to the model.

        Args:
            images: One batch; the same is used for each call.
            count: How many calls.
            clock: Monotonic clock in seconds.
        """
        durations_s = []
        for _ in range(count):
            begin_s = clock()
            self.predict(images)
            durations_s.append(clock() - begin_s)
        return durations_s

    def __enter__(self) -> Backend:
        self.load()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
