"""Running pip for another environment, with progress that can be drawn and errors that can be understood."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

from labs.backends import BackendUnavailableError
from labs.progress import OnProgress

#: Share of the work that downloading stands for in the fraction; unpacking is the rest.
_DOWNLOAD_SHARE = 0.85

_NETWORK_SIGNS = (
    "Name or service not known",
    "Temporary failure in name resolution",
    "nodename nor servname",
    "NameResolutionError",
    "NewConnectionError",
    "Connection refused",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Read timed out",
    "ProxyError",
    "Max retries exceeded",
    "Connection broken",
)


class EnvironmentBuildError(BackendUnavailableError):
    """An environment could not be made; the message says why and what to do."""


def pip_install(
    python: Path,
    requirements: Path,
    download_bytes: int,
    on_progress: OnProgress,
    *,
    name: str = "packages",
    options: tuple[str, ...] = (),
) -> None:
    """Install a requirements file into another interpreter's environment.

    Args:
        python: That interpreter.
        requirements: File with pinned requirements.
        download_bytes: What the downloads add up to, for the fraction.
        on_progress: Told the fraction done and pip's own lines.
        name: What is being installed, for messages.
        options: Further options of pip, such as '--no-deps'.

    Raises:
        EnvironmentBuildError: pip is missing, has no network, or failed.
    """
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-input"]
    command += ["--disable-pip-version-check", *_raw_progress(), *options, "-r", str(requirements)]
    tail: deque[str] = deque(maxlen=60)
    meter = _Meter(download_bytes, on_progress)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_pip_environment(),
        start_new_session=True,  # 'pip --python' works through a child of its own: they are stopped together
    )
    try:
        for line in process.stdout:
            if not meter.take(line.rstrip()):
                tail.append(line.rstrip())
        code = process.wait()
    finally:
        # Also when on_progress raises or the notebook is interrupted: no pip may go on writing behind our back.
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.read()  # ends when the last of them has let go of the pipe
            process.wait()
        process.stdout.close()
    if code != 0:
        raise EnvironmentBuildError(_explain(name, list(tail)))


class _Meter:
    """Turns pip's output into a fraction."""

    def __init__(self, download_bytes: int, on_progress: OnProgress) -> None:
        self._total = max(download_bytes, 1)
        self._on_progress = on_progress
        self._finished_bytes = self._current_bytes = 0
        self._line = ""
        self._fraction = 0.0

    def take(self, line: str) -> bool:
        """Report a line; return whether it was nothing but a progress figure."""
        figure = re.fullmatch(r"Progress (\d+) of (\d+)", line)
        if figure:
            self._current_bytes = int(figure[1])
        elif line.strip():
            self._finished_bytes += self._current_bytes
            self._current_bytes = 0
            self._line = line.strip()
        done = (self._finished_bytes + self._current_bytes) / self._total
        # Estimates may be off, and what comes from pip's cache reports nothing: never run backwards or past the end.
        reached = _DOWNLOAD_SHARE if self._line.startswith("Installing") else min(done, 1.0) * _DOWNLOAD_SHARE
        self._fraction = max(self._fraction, reached)
        self._on_progress(self._fraction, self._line)
        return figure is not None


def _raw_progress() -> list[str]:
    """Return the options that make pip print plain figures; older releases (before 24.1) cannot."""
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError as error:
        raise EnvironmentBuildError(
            f"{sys.executable} has no pip to install with: run 'python -m ensurepip --upgrade' there once"
        ) from error
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    return ["--progress-bar", "raw"] if numbers >= (24, 1) else ["--progress-bar", "off"]


def _pip_environment() -> dict[str, str]:
    """Return the environment variables for pip, without those that would send packages somewhere else."""
    misleading = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME"}
    kept = {key: value for key, value in os.environ.items() if key not in misleading}
    return kept | {"PIP_USER": "0"}


def _explain(name: str, lines: list[str]) -> str:
    """Return what went wrong, from the end of pip's output."""
    text = "\n".join(lines)
    if any(sign in text for sign in _NETWORK_SIGNS):
        return (
            f"{name} is not installed yet and the package index cannot be reached: connect this machine to the "
            "internet for the first use (later uses need no network), or stay with the CPU provider"
        )
    if "No space left on device" in text:
        return f"the disk filled up while {name} was installed: make room, then run this again"
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-5:]
    return f"pip could not install {name}:\n" + "\n".join(errors)
