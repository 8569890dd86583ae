"""The device seen from inside: the kernel runs in the container's own Jupyter, and nothing has to travel."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from provisioning.testbed import Completed, LineSink


class HereShell:
    """The device itself: the kernel runs in the container's own Jupyter."""

    def run(self, command: str, *, timeout_s: float = 60.0, on_line: LineSink | None = None) -> Completed:
        """Return how the command ended; exit code 124 means that it did not end in time."""
        try:
            done = subprocess.run(
                ["sh", "-c", command], cwd=Path.home(), capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            return Completed(124, "")
        for line in done.stdout.splitlines() if on_line else ():
            on_line(line)
        return Completed(done.returncode, done.stdout + done.stderr)

    def put(self, source: Path, target: str) -> None:
        """Copy one file to a path under the home."""
        (Path.home() / target).write_bytes(source.read_bytes())


def on_the_device() -> bool:
    """Return whether this process runs in the device's container: an ARM machine with the course's environment."""
    return platform.machine() == "aarch64" and (Path.home() / ".serving-labs" / "venv" / "bin" / "python").exists()
