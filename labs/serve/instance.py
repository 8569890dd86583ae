"""One copy of the model with the work around it: pictures' files in, replies out; in this process or in one of its own.

A process of its own has its own interpreter lock. Threads of one process wait for each other's at every step between
two numpy calls, which costs a fifth of the throughput here; and a copy that crashes takes nothing else with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Protocol

import numpy as np

from labs.bench.targets import Call, caller
from labs.preprocess import INPUT_SIZE_PX, ImageDecodeError, load_image, to_input
from labs.serve.contract import IMAGE_FORMATS, PredictReply, reply_from
from labs.serve.settings import Settings

#: Seconds that a copy in a process of its own gets to end.
_END_WITHIN_S = 10.0


class InstanceError(RuntimeError):
    """A copy of the model cannot be loaded, or ended while it worked."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What a copy made of a batch."""

    #: A reply for each picture, or the reason why there is none.
    results: list[PredictReply | Exception]
    #: Seconds for decoding and preparing the batch.
    prepare_s: float
    #: Seconds in the model.
    model_s: float


class Instance(Protocol):
    """A copy of the model, used from one thread."""

    def load(self) -> None:
        """Get ready to serve, first prediction included."""

    def serve(self, contents: list[bytes]) -> Computed:
        """Return what each file shows; one that is broken does not touch the others."""

    def close(self) -> None:
        """Let go of everything."""


class LocalInstance:
    """A copy in this process."""

    def __init__(self, settings: Settings) -> None:
        """Describe the copy; nothing is loaded yet."""
        self._settings = settings
        self._rows = np.zeros((settings.max_batch_size, 3, INPUT_SIZE_PX, INPUT_SIZE_PX), np.float32)
        self._call: Call | None = None

    def load(self) -> None:
        """Load, and predict once in each size: that allocates, and on a GPU chooses kernels; not on a client's time."""
        self._call = caller(self._settings.open_model())
        for size in {1, self._settings.max_batch_size}:
            self._call(self._rows[:size])

    def serve(self, contents: list[bytes]) -> Computed:
        """Return what each file shows."""
        begin_s, results, filled = time.perf_counter(), [], 0
        for content in contents:
            try:
                to_input(self._decode(content), out=self._rows[filled])
            except ImageDecodeError as error:
                results.append(error)
            except Exception as error:  # a decoder's own bug must not end the copy
                results.append(InstanceError(f"{type(error).__name__}: {error}"))
            else:
                results.append(filled)
                filled += 1
        prepared_s = time.perf_counter()
        try:
            logits = self._call(self._rows[:filled]) if filled else ()
            results = [reply_from(logits[one]) if isinstance(one, int) else one for one in results]
        except Exception as error:  # whatever a runtime throws, it concerns this batch only
            failed = InstanceError(f"{type(error).__name__}: {error}")
            results = [failed if isinstance(one, int) else one for one in results]
        return Computed(results, prepared_s - begin_s, time.perf_counter() - prepared_s)

    def close(self) -> None:
        """Drop the model."""
        self._call = None

    def _decode(self, content: bytes):
        draft_px = INPUT_SIZE_PX if self._settings.fast_decode else None
        return load_image(content, formats=IMAGE_FORMATS, max_pixels=self._settings.max_pixels, draft_px=draft_px)


class ProcessInstance:
    """A copy in a process of its own, which ends when this one does."""

    def __init__(self, settings: Settings) -> None:
        """Describe the copy; nothing is started yet."""
        self._settings = settings
        self._connection: Connection | None = None

    def load(self) -> None:
        """Start the process, and return when its copy is ready.

        Raises:
            InstanceError: It cannot load; the message is its own.
        """
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "labs.serve.instance", str(theirs.fileno())],
                env={**os.environ, **self._settings.to_environment()},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._connection = ours
        try:
            problem = ours.recv()
        except (EOFError, OSError):
            problem = f"its process ended with status {self._process.wait()}"
        if problem:
            self.close()
            raise InstanceError(problem)

    def serve(self, contents: list[bytes]) -> Computed:
        """Return what each file shows; when the process dies over it, say so and start another one.

        Where that one cannot be started either, each later batch tries again: what was missing (memory, a file) may be
        there by then.
        """
        try:
            if self._connection is None:
                self.load()
            self._connection.send(contents)
            return self._connection.recv()
        except InstanceError as error:
            why = InstanceError(f"there is no copy of the model, and none can be started: {error}")
        except (EOFError, OSError):
            why = InstanceError("the copy of the model that worked on it has crashed; a new one is started")
            self.close()
            with contextlib.suppress(InstanceError, OSError):
                self.load()
        return Computed([why] * len(contents), 0.0, 0.0)

    def close(self) -> None:
        """End the process."""
        if self._connection is not None:
            self._connection.close()  # it reads the end, and leaves
            self._connection = None
            try:
                self._process.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def make_instance(settings: Settings) -> Instance:
    """Return a copy as the settings want it, not loaded yet."""
    return ProcessInstance(settings) if settings.own_processes else LocalInstance(settings)


def _main(fd: int) -> None:
    """Serve the parent until it closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which finishes its requests first
    with Connection(fd) as parent:
        try:
            instance = LocalInstance(Settings.from_environment())
            instance.load()
        except Exception as error:  # the parent says it
            parent.send(f"{type(error).__name__}: {error}")
            return
        parent.send("")
        try:
            while True:
                parent.send(instance.serve(parent.recv()))
        except (EOFError, OSError):
            instance.close()


if __name__ == "__main__":
    # Under its importable name, so that what it sends can be read over there.
    from labs.serve import instance

    instance._main(int(sys.argv[1]))
