"""A backend that lives in a worker process, with the same protocol as any other."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from labs.backends import Backend, BackendInfo, BackendSpec, BackendUnavailableError
from labs.providers import protocol
from labs.providers.precision import used_precision
from labs.providers.report import fell_back
from labs.workspace import PROJECT_DIR

#: Seconds in which a worker has to say hello: long, for a busy machine. A worker that dies is noticed at once anyway.
START_LIMIT_S = 300.0

#: Seconds that a worker gets to put its model away before it is stopped the hard way.
CLOSE_LIMIT_S = 5.0

_TAIL_BYTES = 4000


class WorkerError(RuntimeError):
    """The worker failed in a way that has no type of its own on this side; the message carries the original's."""


class WorkerDiedError(WorkerError):
    """The worker process is gone; the message ends with the last lines that it printed."""


class WorkerTimeoutError(WorkerError):
    """The worker did not answer in time and was stopped."""


#: Errors that keep their type on the way here. An allow-list: a name from the other side never picks a class freely.
_TYPED = {
    error.__name__: error for error in (BackendUnavailableError, FileNotFoundError, ValueError, TypeError, MemoryError)
}


class ProviderBackend(Backend):
    """An ONNX model in a worker process, in whatever environment has the wanted provider's wheel."""

    def __init__(
        self,
        spec: BackendSpec,
        python: str | Path,
        *,
        precision: str = "fp32",
        check_precision: bool = False,
        variables: Mapping[str, str] | None = None,
        limit_s: float = 600.0,
    ) -> None:
        """Describe the worker; it starts with ``load``.

        Args:
            spec: What to run over there.
            python: Interpreter of the environment to run it in.
            precision: What the spec's options ask the provider to compute in.
            check_precision: Compare the logits with the CPU provider's in ``describe``, and say what really happened.
            variables: Environment variables to set for the worker.
            limit_s: Seconds that one request may take; TensorRT builds its engine for minutes.
        """
        self.spec = spec
        self.model_path = Path(spec.model_path)
        self.python = Path(python)
        self.precision = precision
        #: Seconds that the model took to load inside the worker, without the worker's own start.
        self.load_s: float | None = None
        self._check_precision = check_precision
        self._variables = dict(variables or {})
        self._limit_s = limit_s
        self._process: subprocess.Popen | None = None
        self._output: IO[bytes] | None = None  # a file, not a pipe: nobody has to empty it, so the worker never stalls
        self._last_words = ""
        self._info: BackendInfo | None = None
        self._numbers = itertools.count(1)
        self._turn = threading.RLock()  # a widget's thread and the notebook's may both ask

    def load(self) -> None:
        """Start the worker and load the model in it.

        Raises:
            BackendUnavailableError: Its environment cannot run it.
            FileNotFoundError: The model's file is missing.
            WorkerDiedError: The worker ended while it loaded.
        """
        with self._turn:
            self.close()
            self._start()
            try:
                self.load_s = self._ask("load", {"spec": self.spec.to_json()})[0]["load_s"]
            except BaseException:
                self.close()
                raise

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return logits (N, 11) for images (N, 3, 224, 224); both travel through a pipe, so do not time this."""
        return self._ask("predict", arrays=[images])[1][0]

    def time_calls(self, images: np.ndarray, count: int, clock: Callable[[], float] = time.perf_counter) -> list[float]:
        """Return the wall time in seconds of ``count`` predictions, timed inside the worker, next to the model.

        Raises:
            ValueError: Another clock was given; only the worker's own monotonic clock is at hand over there.
        """
        if clock is not time.perf_counter:
            raise ValueError("a worker times with its own time.perf_counter; another clock cannot travel to it")
        return self._ask("time_calls", {"count": int(count)}, [images])[1][0].tolist()

    def describe(self) -> BackendInfo:
        """Return what really runs in the worker: nodes by provider from a profile, and the precision as checked."""
        with self._turn:
            if self._info is None:
                answer, _ = self._ask("describe", {"check_precision": self._check_precision})
                info = BackendInfo.from_json(answer["info"])
                precision = used_precision(
                    self.precision, info.precision, fell_back=fell_back(info), in_fp32=answer.get("computes_in_fp32")
                )
                self._info = replace(info, precision=precision)
            return self._info

    def close(self) -> None:
        """End the worker; calling it twice is fine."""
        with self._turn:
            if self._process is not None:
                with contextlib.suppress(WorkerError, protocol.ProtocolError):
                    self._ask("close", limit_s=CLOSE_LIMIT_S)
                self._reap()

    def printed(self) -> str:
        """Return the end of what the worker and its libraries printed, such as why a provider could not be loaded."""
        if self._output is None:
            return self._last_words
        self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, self._output.tell() - _TAIL_BYTES))
        return self._output.read().decode(errors="replace").strip()

    def _start(self) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONHOME", "VIRTUAL_ENV"}}
        try:
            self._process = subprocess.Popen(
                # -P: a module in the working folder must not stand in for one of the worker's.
                [str(self.python), "-P", "-m", "labs.providers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._output,
                bufsize=0,
                env={**kept, "PYTHONPATH": str(PROJECT_DIR), "PYTHONNOUSERSITE": "1", **self._variables},
                start_new_session=True,  # interrupting the kernel must not tear a half-written answer
            )
        except OSError as error:
            self._output.close()
            self._output = None
            raise BackendUnavailableError(f"cannot start {self.python}: {error.strerror}") from error
        os.set_blocking(self._process.stdin.fileno(), False)  # a worker that stops reading must not stop the notebook
        try:
            hello, _ = self._ask("hello", limit_s=START_LIMIT_S)
        except BaseException:
            self.close()
            raise
        if hello["version"] != protocol.VERSION:
            self.close()
            raise WorkerError("the worker speaks another version: is PYTHONPATH pointing at another checkout?")

    def _ask(
        self, act: str, header: dict | None = None, arrays: list[np.ndarray] | None = None, limit_s: float | None = None
    ) -> tuple[dict, list[np.ndarray]]:
        """Send one request and return its answer, with errors from the other side raised here."""
        with self._turn:
            if self._process is None:
                raise WorkerError(f"there is no worker to {act.replace('_', ' ')} with: call load() first")
            limit_s = limit_s or self._limit_s
            deadline_s, number = time.monotonic() + limit_s, next(self._numbers)
            frame = protocol.encode({"id": number, "act": act, **(header or {})}, arrays or [])
            try:
                protocol.write_all(self._process.stdin.fileno(), frame, deadline_s)
                answer, out = protocol.decode(protocol.read_until(self._process.stdout.fileno(), deadline_s))
                if answer.get("id") != number:
                    raise protocol.ProtocolError(f"an answer to request {answer.get('id')} came for request {number}")
            except (protocol.ConnectionLostError, BrokenPipeError) as error:
                raise WorkerDiedError(self._obituary(act)) from error
            except protocol.NoAnswerError as error:
                self._kill()
                raise WorkerTimeoutError(
                    f"the worker did not {act.replace('_', ' ')} within {limit_s:g} s and was stopped; the end of what "
                    f"it printed:\n{self.printed()}"
                ) from error
            except BaseException:
                # Interrupted half-way: the answer would be taken for the next request's. Better no worker than that.
                self._kill()
                raise
        if "error" in answer:
            raise _as_raised(answer["error"])
        return answer, out

    def _kill(self) -> None:
        self._process.kill()
        self._reap()

    def _reap(self) -> None:
        """Wait for the worker's end, which the closed pipe brings about, and forget it."""
        process, self._process, self._info = self._process, None, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._last_words = self.printed()
        self._output.close()
        self._output = None

    def _obituary(self, act: str) -> str:
        process = self._process
        try:
            code = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        self._kill()
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        hint = " (out of memory, often)" if code == -9 else ""
        return (
            f"the worker {how}{hint} during {act.replace('_', ' ')}; load() starts a new one. The end of what it "
            f"printed:\n{self.printed()}"
        )


def _as_raised(error: Mapping[str, str]) -> Exception:
    """Return an error from the other side as the same type here, with its traceback over there as a note."""
    known = _TYPED.get(error["type"])
    made = known(error["message"]) if known else WorkerError(f"{error['type']}: {error['message']}")
    made.add_note(f"In the worker:\n{error['traceback']}")
    return made
