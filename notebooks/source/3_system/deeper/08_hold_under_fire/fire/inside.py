"""A whole service inside: its processes, signals to them, and connections to them, each by request.

The network's sockets are refused in the grader's sandbox, so the service listens on a Unix socket.
Its model is outside: an ``onnxruntime.py`` beside the program sends each call to this process, with
the number of the worker's process.
"""

import asyncio
import base64
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

# Before the program's own time begins.
import fastapi  # noqa: F401
import numpy as np  # noqa: F401
import PIL.Image  # noqa: F401
import psutil
import uvicorn  # noqa: F401

from labs.judge.inside.apps import CLASSIFIER, INTAKE
from labs.judge.inside.wire import Ask, Wire, in_loop

#: Characters of a reply's body, and of the program's last words, that are told.
_MOST_TEXT = 2_000

#: Bytes that the service may send in one line to the model.
_LINE_BYTES = 1 << 20

#: Seconds between two looks at a process, and between two pieces of a slow body.
_LOOK_S, _PIECE_S = 0.05, 0.3

#: Bytes of one piece of an endless body.
_PIECE = b"A" * 1_000_000

#: Stands for ONNX Runtime beside the program: each call is answered outside.
_RUNTIME = '''
"""ONNX Runtime, whose model is at the other end of a socket."""
import json, os, socket
import numpy as np


class SessionOptions:
    pass


def get_available_providers():
    return ["CPUExecutionProvider"]


class _Input:
    name = "input"


class InferenceSession:
    def __init__(self, path, options=None, providers=None):
        pass

    def get_inputs(self):
        return [_Input()]

    def end_profiling(self):
        return os.devnull  # a profile without events

    def run(self, names, feed):
        images = np.asarray(feed["input"], np.float64)
        squares = images.reshape(len(images), 3, 8, 28, 8, 28).mean((3, 5))
        rows = squares.reshape(len(images), -1).round(5).tolist()
        with socket.socket(socket.AF_UNIX) as model:
            model.connect(os.environ["MODEL"])
            model.sendall(json.dumps({"pid": os.getpid(), "rows": rows}).encode() + b"\\n")
            with model.makefile("rb") as answers:
                return [np.array(json.loads(answers.readline()), np.float32)]
'''

#: In the place of each room of the course: a program has none of it where it runs.
_CLOSED = """
raise ModuleNotFoundError(
    f"`{__name__}` is the course's own code, which your program does not have where it runs"
)
"""


class _Service:
    """The program's processes, and the connections to them."""

    def __init__(self, wire: Wire, program: str) -> None:
        self._wire = wire
        self._folder = Path(program).parent.resolve()
        self._socket = self._folder / "service"
        self._log = self._folder / "log"
        #: What will have read all that the service sends on a connection that is held.
        self._held: dict[asyncio.StreamWriter, asyncio.Task] = {}
        self._dribbling: list[asyncio.Task] = []
        self._process: subprocess.Popen | None = None
        shutil.copy(program, self._folder / "serve.py")
        for module in (CLASSIFIER, INTAKE):
            shutil.copyfile(module, self._folder / module.name)
        (self._folder / "onnxruntime.py").write_text(_RUNTIME)
        for room in ("assets", "grading", "labs", "provisioning"):
            (self._folder / f"{room}.py").write_text(_CLOSED)

    async def answer(self, request: dict) -> None:
        """Do what a request asks for, and reply."""
        work = getattr(self, f"_{request['do']}")
        values = {
            name: value for name, value in request.items() if name not in ("ask", "do")
        }
        reply = await work(**values)
        self._wire.say(reply=request["ask"], **reply)

    async def _start(self, variables: Mapping[str, str], within_s: float) -> dict:
        """Start the program if it does not run; tell whether it answers, else its last words."""
        model = self._folder / "model"
        if not model.exists():
            await asyncio.start_unix_server(self._serve_model, model, limit=_LINE_BYTES)
        if self._process is None or self._process.poll() is not None:
            self._run({**variables, "MODEL": str(model)})
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s and self._process and self._process.poll() is None:
            health = await self._post(method="GET", path="/healthz", within_s=1.0)
            if health["status"] == 200:
                return {"ready": True, "log": ""}
            await asyncio.sleep(_LOOK_S)
        return {
            "ready": False,
            "log": self._log.read_text(errors="replace")[-_MOST_TEXT:],
        }

    def _run(self, variables: Mapping[str, str]) -> None:
        self._socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as ours:
            ours.bind(str(self._socket))
            ours.listen(512)
            descriptor = ours.fileno()
            # The program has its own folder, and none of the course's.
            environment = {**os.environ, **variables, "FD": str(descriptor)}
            environment.pop("PYTHONPATH", None)
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "serve.py"],
                    cwd=self._folder,
                    env=environment,
                    pass_fds=[descriptor],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    async def _serve_model(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one call of a worker's model."""
        with contextlib.suppress(ConnectionError, ValueError, KeyError):
            call = json.loads(await reader.readline())
            logits = await self._wire.called("run", pid=call["pid"], rows=call["rows"])
            writer.write(json.dumps(logits).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _post(
        self, method: str, path: str, within_s: float, body: str = "", pieces: int = 1
    ) -> dict:
        """Send a request on its own connection, and tell its answer.

        Args:
            body: As base64 text.
            pieces: Parts in which it is sent, with a pause after each.
        """
        content = base64.b64decode(body)
        raw = b""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(_head(method, path, f"content-length: {len(content)}"))
                    step = len(content) // pieces + 1
                    for begin in range(0, len(content), step):
                        writer.write(content[begin : begin + step])
                        if pieces > 1:
                            await asyncio.sleep(_PIECE_S)
                    raw = await reader.read()
                finally:
                    writer.close()
        return _reply(raw)

    async def _endless(self, megabytes: int, within_s: float) -> dict:
        """Send a body in chunks until an answer comes; tell it, and the megabytes before."""
        return await asyncio.to_thread(self._send_endless, megabytes, within_s)

    def _send_endless(self, megabytes: int, within_s: float) -> dict:
        piece = b"%x\r\n%b\r\n" % (len(_PIECE), _PIECE)
        rest = memoryview(piece)
        taken = 0
        raw = b""
        with socket.socket(socket.AF_UNIX) as ours, contextlib.suppress(OSError):
            ours.connect(str(self._socket))
            ours.sendall(_head("POST", "/predict", "transfer-encoding: chunked"))
            ours.setblocking(False)
            end_s = time.monotonic() + within_s
            while taken < megabytes and time.monotonic() < end_s:
                readable, writable, _ = select.select([ours], [ours], [], within_s)
                # An answer is read before the connection breaks.
                if readable:
                    break
                if writable:
                    rest = rest[ours.send(rest) :]
                if not rest:
                    taken += 1
                    rest = memoryview(piece)
            ours.settimeout(within_s)
            if taken == megabytes:
                ours.sendall(b"0\r\n\r\n")
            while more := ours.recv(_LINE_BYTES):
                raw += more
        return {**_reply(raw), "taken": taken}

    async def _hold(self, number: int, more: bool) -> dict:
        """Open connections that send three bytes of a body; with more, a byte now and then."""
        opened = []
        for _ in range(number):
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                writer.write(_head("POST", "/predict", "content-length: 40000") + b'{"i')
                self._held[writer] = asyncio.ensure_future(reader.read())
                opened.append(writer)
        if more:
            self._dribbling.append(asyncio.ensure_future(_dribble(opened)))
        return {"held": len(opened)}

    async def _let_go(self, within_s: float) -> dict:
        """Wait until the service has ended the connections that are held, or it is late; tell how
        many are left, and close them.
        """
        with contextlib.suppress(TimeoutError):
            if self._held:
                await asyncio.wait(self._held.values(), timeout=within_s)
        left = sum(not reading.done() for reading in self._held.values())
        for task in (*self._dribbling, *self._held.values()):
            task.cancel()
        for writer in self._held:
            writer.close()
        self._held.clear()
        return {"left": left}

    async def _signal(self, pid: int, number: int) -> dict:
        """Send a signal to a process of the service."""
        is_sent = False
        if self._is_ours(pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.Signals(number))
                is_sent = True
        return {"sent": is_sent}

    async def _gone(self, pid: int, within_s: float) -> dict:
        """Wait until a process has ended, or it is late; tell whether it has."""
        end_s = time.monotonic() + within_s
        while _lives(pid) and time.monotonic() < end_s:
            await asyncio.sleep(_LOOK_S)
        return {"gone": not _lives(pid)}

    def _is_ours(self, pid: int) -> bool:
        """Return whether a process is the program's, or comes from it."""
        if self._process is None:
            return False
        with contextlib.suppress(psutil.Error, ValueError, OverflowError):
            process = psutil.Process(pid)
            ours = {pid, *(parent.pid for parent in process.parents())}
            return self._process.pid in ours
        return False


def _reply(raw: bytes) -> dict:
    """Return an answer as the judge knows it; its status is 0 if none came."""
    head, _, content = raw.partition(b"\r\n\r\n")
    words = head.split(maxsplit=2)
    status = 0
    if len(words) > 1 and words[1].isdigit():
        status = int(words[1])
    text = content[:_MOST_TEXT].decode(errors="replace")
    return {"status": status, "body": text, "length": len(content), "taken": 0}


async def _dribble(writers: list[asyncio.StreamWriter]) -> None:
    while True:
        for writer in writers:
            with contextlib.suppress(OSError):
                writer.write(b"A")
        await asyncio.sleep(_PIECE_S)


def _head(method: str, path: str, length: str) -> bytes:
    """Return a request's head, after whose answer the connection ends."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
    ]
    return "\r\n".join([*lines, "connection: close", length, "", ""]).encode()


def _lives(pid: int) -> bool:
    """Return whether a process runs; one that has ended may wait for its parent."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def serve(wire: Wire, path: str) -> Ask:
    """A program that serves photos in as many processes as it likes."""
    service = _Service(wire, path)
    return in_loop(service.answer)
