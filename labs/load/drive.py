"""Starting the sender's process, listening to it, and making sure that it ends."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from labs.load.target import Target


class SenderError(RuntimeError):
    """The sender's process failed; the message ends with what it printed."""


def plan_for(target: Target, *, timeout_s: float, warmup_requests: int, warmup_clients: int, **how: object) -> dict:
    """Return the plan that ``labs.load.sender`` reads.

    Args:
        target: What is sent, and where to.
        timeout_s: Seconds after which a request counts as lost.
        warmup_requests: Requests sent and forgotten before the clock starts.
        warmup_clients: How many of these are in flight at once.
        how: Mode, and concurrency or rate, with duration or number.
    """
    return {
        "transport": target.transport,
        "url": target.url,
        "headers": target.headers,
        "bodies": [base64.b64encode(body).decode() for body in target.bodies],
        "timeout_s": timeout_s,
        "warmup_requests": warmup_requests,
        "warmup_clients": warmup_clients,
        **how,
    }


class Sender:
    """The sender's process, as a context manager; leaving it ends the process whatever happened."""

    def __init__(self, plan: dict) -> None:
        """Keep the plan; the process starts with ``with``."""
        self._plan = plan

    @property
    def pid(self) -> int:
        """Process id, for those who watch how busy it is."""
        return self._process.pid

    def __enter__(self) -> Sender:
        self._errors = tempfile.TemporaryFile("w+")  # closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "labs.load.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self._process.stdin.write(json.dumps(self._plan) + "\n")
        self._process.stdin.flush()
        return self

    def events(self) -> Iterator[dict]:
        """Yield 'ready', 'progress' events and the 'result', as they come.

        Raises:
            SenderError: The process ended without a result.
        """
        for line in self._process.stdout:
            event = json.loads(line)
            yield event
            if event["event"] == "result":
                return
        self._errors.seek(0)
        raise SenderError(f"the sender stopped without a result:\n{self._errors.read().strip()[-1500:]}")

    def go(self) -> None:
        """Let it begin, after it has said that it is ready."""
        self._tell("go")

    def stop(self) -> None:
        """Ask it to begin no further request; the result then tells what was done so far."""
        self._tell("stop")

    def _tell(self, word: str) -> None:
        # A sender that is gone needs no telling.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(word + "\n")
            self._process.stdin.flush()

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
