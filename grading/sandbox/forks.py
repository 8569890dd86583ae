"""The process behind ``warm``: ``python -S -m grading.sandbox.forks MODULE`` imports a module, and forks for each call.

It runs as the grader, with next to no environment, opens nothing that was submitted, and holds nothing in its memory
that a fork must not see. Each fork goes behind the sandbox's walls before the module's ``main`` is called there, serves
one call, and ends; nothing comes back from it but how it ended.

Standard input is a socket: each message is a call as JSON with two descriptors, for output and errors.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from grading.sandbox import walls

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

#: Most bytes of a call.
_CALL_BYTES = 1 << 20

#: What a fork says when its walls stand.
WALLED_IN = b"1"


def main(module: str) -> None:
    """Serve calls until the other end is gone."""
    target = importlib.import_module(module)
    target.prepare()
    gc.collect()
    gc.freeze()
    # A fork has the one thread that asked for it; another one's locks would stay locked in it for ever.
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        sys.exit("imports have started threads, so nothing can be forked off them")
    # Orphans of a fork that was killed come to this process, which ends them.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    connection = socket.socket(fileno=0)
    connection.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _CALL_BYTES, 2)
        if not message:
            return
        answer = _serve(target, json.loads(message), descriptors)
        connection.send(json.dumps(answer).encode())


def _serve(target: ModuleType, asked: dict, descriptors: list[int]) -> dict:
    """Fork, wait as long as the call may take, and return how it ended; nothing of it is left."""
    word, told = os.pipe()
    outer = os.fork()
    if outer == 0:
        _become(target, asked, (*descriptors, told))
    for descriptor in (*descriptors, told):
        os.close(descriptor)
    watch = os.pidfd_open(outer)
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.register(0, select.POLLRDHUP)
    ready = [descriptor for descriptor, _ in poll.poll(1000 * asked["wall_s"])]
    os.close(watch)
    if watch not in ready:
        os.kill(outer, signal.SIGKILL)
    _, status = os.waitpid(outer, 0)
    _end_orphans()
    walled_in = os.read(word, 1) == WALLED_IN
    os.close(word)
    return {"returncode": os.waitstatus_to_exitcode(status), "timed_out": not ready, "walled_in": walled_in}


def _become(target: ModuleType, asked: dict, descriptors: Sequence[int]) -> None:
    """Go behind the walls, call the module, and end: in a fork, from which nothing may return."""
    code = 1
    try:
        os.setsid()
        kept = (os.open("/dev/null", os.O_RDONLY), *descriptors)
        for place, descriptor in enumerate(kept):
            os.dup2(descriptor, place)
        os.closerange(len(kept), os.sysconf("SC_OPEN_MAX"))
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        walls.leave_namespaces()
        inner = os.fork()
        if inner:
            os.close(len(kept) - 1)
            code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
            os._exit(code if code >= 0 else 128 - code)
        walls.build(asked["view"], asked["folder"], asked["limits"], asked["user"], asked["variables"])
        # The word is said, and cannot be said again, before anything submitted is opened.
        os.write(len(kept) - 1, WALLED_IN)
        os.close(len(kept) - 1)
        target.main(*asked["arguments"])
        sys.stdout.flush()
        code = 0
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(code)


def _end_orphans() -> None:
    """Kill what the outer fork has left when it was killed, which this process has adopted; with it ends all below."""
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended:
            continue
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _parent(entry) == os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(entry.name), signal.SIGKILL)
                    os.waitpid(int(entry.name), 0)


def _parent(process: Path) -> int:
    try:
        # The name in brackets may hold anything.
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return -1


if __name__ == "__main__":
    main(*sys.argv[1:])
