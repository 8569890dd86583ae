"""The worker: one backend in a process of its own, driven over standard input and output.

``python -m labs.providers.worker`` runs in the environment that has the wanted ONNX Runtime wheel. It answers one
request at a time and ends when its standard input ends, so a kernel that dies leaves nothing behind.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable

import numpy as np

from labs.backends import Backend, BackendInfo, BackendSpec
from labs.providers import protocol
from labs.providers.precision import computes_in_fp32

#: Answer to a request: a header and arrays.
Answer = tuple[dict, list[np.ndarray]]


class Worker:
    """Answers requests with one backend."""

    def __init__(self) -> None:
        self._backend: Backend | None = None
        self._acts: dict[str, Callable[[dict, list[np.ndarray]], Answer]] = {
            "hello": self._hello,
            "load": self._load,
            "predict": self._predict,
            "time_calls": self._time_calls,
            "describe": self._describe,
            "close": self._close,
        }

    def answer(self, header: dict, arrays: list[np.ndarray]) -> Answer:
        """Return the answer to one request; an error becomes an answer too, with its type and message."""
        try:
            made, out = self._acts[header["act"]](header, arrays)
        except Exception as error:  # whatever it is, the notebook has to hear about it
            made, out = {"error": _described(error)}, []
        return {"id": header.get("id"), **made}, out

    def _hello(self, header: dict, arrays: list[np.ndarray]) -> Answer:
        return {"version": protocol.VERSION, "pid": os.getpid(), "python": sys.version.split()[0]}, []

    def _load(self, header: dict, arrays: list[np.ndarray]) -> Answer:
        self._backend = BackendSpec.from_json(header["spec"]).build()
        begin_s = time.perf_counter()
        self._backend.load()
        return {"load_s": time.perf_counter() - begin_s}, []

    def _predict(self, header: dict, arrays: list[np.ndarray]) -> Answer:
        return {}, [self._loaded().predict(arrays[0])]

    def _time_calls(self, header: dict, arrays: list[np.ndarray]) -> Answer:
        return {}, [np.asarray(self._loaded().time_calls(arrays[0], int(header["count"])), np.float64)]

    def _describe(self, header: dict, arrays: list[np.ndarray]) -> Answer:
        backend = self._loaded()
        info: BackendInfo = backend.describe()
        answer = {"info": info.to_json()}
        if header.get("check_precision") and info.precision != "int8":
            answer["computes_in_fp32"] = computes_in_fp32(backend)
        return answer, []

    def _close(self, header: dict, arrays: list[np.ndarray]) -> Answer:
        if self._backend is not None:
            self._backend.close()
            self._backend = None
        return {}, []

    def _loaded(self) -> Backend:
        if self._backend is None:
            raise RuntimeError("no model is loaded: call load() first")
        return self._backend


def serve(requests: int, answers: int) -> None:
    """Answer requests from one file descriptor on another until the other side goes away."""
    worker = Worker()

    def read_some(size: int) -> bytes:
        return os.read(requests, size)

    while True:
        try:
            header, arrays = protocol.decode(read_some)
            protocol.write_all(answers, protocol.encode(*worker.answer(header, arrays)))
        except (protocol.ConnectionLostError, BrokenPipeError):
            return
        if header.get("act") == "close":
            return


def _described(error: Exception) -> dict:
    return {
        "type": type(error).__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error))[-4000:],
    }


def _claim_pipes() -> tuple[int, int]:
    """Return private copies of standard input and output, and point the public ones elsewhere.

    ONNX Runtime and its providers print to standard output, from Python and from C++. From here on that goes to
    standard error, where it cannot be taken for an answer.
    """
    requests, answers = os.dup(0), os.dup(1)  # not inherited by children, so a stray child cannot keep the pipe open
    with open(os.devnull) as nothing:  # noqa: PTH123 - a device, and only its descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, answers


def _end_with_parent(requests: int) -> None:
    """End this process as soon as the notebook's end of the pipe closes, even in the middle of a long measurement."""

    def watch() -> None:
        poll = select.poll()
        poll.register(requests, 0)  # nothing asked for: only a hang-up wakes it
        poll.poll()
        os._exit(0)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def main() -> None:
    """Serve standard input and output."""
    requests, answers = _claim_pipes()
    _end_with_parent(requests)
    serve(requests, answers)


if __name__ == "__main__":
    main()
