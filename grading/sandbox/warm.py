"""Children that need not start: forked off a process that has imported what they need, and walled in like any command.

Starting Python and importing a runtime takes longer than most of what a short child does, which counts in a class of
hundreds. Where a host lacks one of the walls that a fork needs, there is no such process, and the sandbox's usual way
does the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from grading.sandbox import mounts
from grading.sandbox.abilities import Abilities
from grading.sandbox.limits import Limits
from grading.sandbox.run import GRACE_S, Outcome, Reader, Sandbox
from grading.sandbox.walls import NAMESPACES

#: Seconds for the imports, on a busy half of a processor.
_START_S = 60


class Warm:
    """A module that is imported already; each call of its ``main`` is a process of its own, in a sandbox."""

    def __init__(self, module: str, path: str) -> None:
        """Name the module; its process is started by the first call.

        Args:
            module: Has ``prepare()``, which imports what it needs, and ``main(*arguments)``, which prints.
            path: Where Python finds the course and its packages.
        """
        self.module, self.path = module, path
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        #: What a fork said when a wall could not be built; nothing is asked of this host any more then.
        self.refused = ""

    @staticmethod
    def is_possible(can: Abilities) -> bool:
        """Return whether this host has every wall that a fork is put behind."""
        return can.own_user and set(NAMESPACES) <= set(can.unshare) and hasattr(os, "pidfd_open")

    def call(self, sandbox: Sandbox, arguments: Sequence[str], limits: Limits) -> Outcome | None:
        """Run the module's ``main`` in a sandbox and return how it ended; None where that has to be done otherwise.

        Args:
            sandbox: With a folder of its own, and files in it.
            arguments: Of ``main``.
            limits: What it may use.
        """
        if self.refused or not self.is_possible(sandbox.can) or not self._lock.acquire(blocking=False):
            return None
        try:
            return self._call(sandbox, arguments, limits) if self._is_ready() else None
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        """Return whether the process is there, after starting it where it is not."""
        if self._process is not None and self._process.poll() is None:
            return True
        self.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-m", "grading.sandbox.forks", self.module],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**Sandbox.variables(Path("/")), "PYTHONPATH": self.path},
                start_new_session=True,
            )
        self._connection = ours
        ours.settimeout(_START_S)
        with contextlib.suppress(OSError):
            if ours.recv(16) == b"ready":
                return True
        self.close()
        return False

    def _call(self, sandbox: Sandbox, arguments: Sequence[str], limits: Limits) -> Outcome | None:
        begin_s = time.monotonic()
        message = json.dumps(self._asked(sandbox, arguments, limits)).encode()
        pipes = [os.pipe(), os.pipe()]
        kept = [Reader(os.fdopen(reading, "rb", 0), limits.output_bytes) for reading, _ in pipes]
        answer = b""
        with contextlib.suppress(OSError):
            self._connection.settimeout(limits.wall_s + GRACE_S)
            socket.send_fds(self._connection, [message], [writing for _, writing in pipes])
        for _, writing in pipes:
            os.close(writing)
        with contextlib.suppress(OSError):
            answer = self._connection.recv(1 << 16)
        if not answer:
            # It died, or does not answer: it is of no use any more, and what it was asked for ends with it.
            self.close()
        sandbox.kill_leftovers()
        output, errors = (reader.text() for reader in kept)
        wall_s = time.monotonic() - begin_s
        late = wall_s >= limits.wall_s
        said: Mapping = json.loads(answer) if answer else {"returncode": -9, "timed_out": late, "walled_in": True}
        if not said["walled_in"]:
            self.refused = errors or "no wall"
            return None
        return Outcome(said["returncode"], said["timed_out"], output, errors, wall_s)

    def _asked(self, sandbox: Sandbox, arguments: Sequence[str], limits: Limits) -> dict:
        sandbox.give_to_user()
        return {
            "view": mounts.script(sandbox.can, sandbox.temporary, sandbox.folder, sandbox.hide),
            "folder": str(sandbox.folder),
            "user": sandbox.user,
            "limits": limits.resources(),
            "wall_s": limits.wall_s,
            "variables": {**Sandbox.variables(sandbox.folder), "PYTHONPATH": self.path},
            "arguments": list(arguments),
        }
