"""The part's device as a lesson sees it: bring files, run the course's code over there, fetch what it wrote.

Everything goes through the container service's execute and upload, since a container has no SSH. A command that takes
longer than a request runs as a job that outlives the connection (:mod:`provisioning.setup.jobs`).
"""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from provisioning import lab
from provisioning.errors import CommandFailedError, LeaseMissingError, StepTimeoutError
from provisioning.rehearsal.drills import site_clock
from provisioning.setup import jobs
from provisioning.setup.software import REMOTE_ROOT
from provisioning.setup.transfer import PATIENCE_S, digest_there, read_part, send
from provisioning.sites.spec import load_spec, resource_name
from provisioning.testbed import Completed, LineSink, Machine, Shell, Testbed

#: Where models lie under the course's folder.
MODELS = "workspace/models"

_PYTHON = '"$HOME/.serving-labs/venv/bin/python"'


@dataclass(frozen=True)
class Brought:
    """A file that is on the device now."""

    #: Its name.
    name: str
    #: sha256 of its bytes, computed over there.
    sha256: str
    #: Its size.
    size_bytes: int
    #: Whether it travelled, or the same bytes were there.
    how: Literal["copied", "was there"]


class Device:
    """A machine with the course on it.

    Args:
        shell: how it is reached.
        name: for people.
        rehearsed: whether this computer only plays it.
        address: its floating IP; empty where it has none.
        here: whether this process runs on it.
        poll_s: seconds between two looks at a job.
        sleep: waits.
    """

    def __init__(
        self,
        shell: Shell,
        name: str,
        *,
        rehearsed: bool = False,
        address: str = "",
        here: bool = False,
        poll_s: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.shell = shell
        self.name = name
        self.rehearsed = rehearsed
        self.address = address
        self.here = here
        self._poll_s = poll_s
        self._sleep = sleep

    def __str__(self) -> str:
        played = ", played by this computer: a rehearsal" if self.rehearsed else ""
        return f"{self.name}{f' at {self.address}' if self.address else ''}{played}"

    def bring(self, files: Iterable[Path], folder: str = MODELS) -> list[Brought]:
        """Copy files to a folder over there, unless the same bytes are there, and return what is there now.

        Args:
            files: on this computer.
            folder: under the course's folder.

        Raises:
            CommandFailedError: what arrived is not what was sent.
        """
        return [self._bring(file, folder) for file in files]

    def _bring(self, file: Path, folder: str) -> Brought:
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest_there(self.shell, f"{REMOTE_ROOT}/{folder}/{file.name}") == digest:
            return Brought(file.name, digest, len(content), "was there")
        send(self.shell, file, f"{folder}/{file.name}", digest)
        return Brought(file.name, digest, len(content), "copied")

    def write(self, path: str, text: str) -> None:
        """Write a small text to a path under the course's folder."""
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / Path(path).name
            local.write_text(text, encoding="utf-8")
            self._sh(f"mkdir -p {shlex.quote(f'{REMOTE_ROOT}/{Path(path).parent}')}", f"making the folder of {path}")
            self.shell.put(local, f"{REMOTE_ROOT}/{path}")

    def fetch(self, path: str) -> bytes:
        """Return a file from under the course's folder, whole.

        Raises:
            CommandFailedError: it is not there, or it changed on the way.
        """
        remote = f"{REMOTE_ROOT}/{path}"
        size = int(self._sh(f"wc -c < {shlex.quote(remote)}", f"looking for {path}").strip())
        content = b""
        while len(content) < size and (part := read_part(self.shell, remote, len(content))):
            content += part
        if hashlib.sha256(content).hexdigest() != digest_there(self.shell, remote):
            raise CommandFailedError(f"{path} changed on its way from the device")
        return content

    def ask(self, arguments: Sequence[str], timeout_s: float = PATIENCE_S) -> Any:
        """Run the device's Python briefly and return its last line, which must be JSON."""
        output = self._sh(self._command(arguments), f"asking {shlex.join(arguments)}", timeout_s)
        return json.loads(output.strip().splitlines()[-1])

    def python(
        self,
        arguments: Sequence[str],
        *,
        name: str,
        on_line: LineSink = lambda line: None,
        timeout_s: float = 3600.0,
    ) -> None:
        """Run the device's Python as a job to its end; asked again while the same one runs, follow that one.

        Args:
            arguments: for Python.
            name: of the job.
            on_line: called with each line that it prints.
            timeout_s: seconds after which watching is given up.

        Raises:
            CommandFailedError: it ended with another exit code than 0; its last lines are in the message.
            StepTimeoutError: it goes on over there.
        """
        key = self.start(arguments, name=name)
        log, waited_s, pending = b"", 0.0, ""
        while True:
            seen = jobs.look(self.shell, name, len(log))
            log += seen.text.encode()
            *lines, pending = (pending + seen.text).split("\n")
            for line in lines:
                on_line(line)
            more = len(seen.text.encode()) >= 16384
            if seen.state == "ended" and not more:
                break
            if seen.state == "lost":
                raise CommandFailedError(f"{name} vanished from the device (job {key}); was it restarted?")
            if waited_s > timeout_s:
                raise StepTimeoutError(f"{name} has not ended after {timeout_s:.0f} s")
            if not more:
                self._sleep(self._poll_s)
                waited_s += self._poll_s
        if seen.exit_code != 0:
            tail = "\n".join(f"  | {line}" for line in log.decode(errors="replace").splitlines()[-15:])
            raise CommandFailedError(f"{name} ended with exit code {seen.exit_code} on the device\n{tail}")

    def start(self, arguments: Sequence[str], *, name: str) -> str:
        """Start the device's Python as a job, unless this very one runs, and return the job's key."""
        command = self._command(arguments)
        key = hashlib.sha256(command.encode()).hexdigest()[:16]
        if jobs.look(self.shell, name, 0).state == "ended":
            # A measurement is made anew each time; only one that still runs is followed.
            self.shell.run(f"rm -rf .serving-labs/jobs/{shlex.quote(name)}")
        jobs.start(self.shell, name, command, key)
        return key

    def running(self, name: str) -> bool:
        """Return whether a job of this name runs."""
        return jobs.look(self.shell, name, 0).state == "running"

    def remove(self, path: str) -> None:
        """Remove a file under the course's folder; a missing one is fine."""
        self.shell.run(f"rm -f {shlex.quote(f'{REMOTE_ROOT}/{path}')}")

    def exists(self, path: str) -> bool:
        """Return whether a file is there under the course's folder."""
        return self.shell.run(f"test -f {shlex.quote(f'{REMOTE_ROOT}/{path}')}").exit_code == 0

    def _command(self, arguments: Sequence[str]) -> str:
        return f'cd "$HOME/{REMOTE_ROOT}" && exec {_PYTHON} {shlex.join(arguments)}'

    def _sh(self, command: str, doing: str, timeout_s: float = PATIENCE_S) -> str:
        done = self.shell.run(command, timeout_s=timeout_s)
        if done.exit_code != 0:
            raise CommandFailedError(
                f"{doing} ended with {done.exit_code} on {self.name}: {done.output.strip()[-1500:]}"
            )
        return done.output


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


def open_device() -> Device:
    """Return part 2's device: the container that lesson 21 has started, or this machine inside it.

    In a rehearsal, one that is missing is brought up first, so that each lesson can be rehearsed for itself.

    Raises:
        LeaseMissingError: there is none, and this is no rehearsal.
    """
    if on_the_device() and not lab.rehearsing():
        return Device(HereShell(), "this device", here=True)
    spec, name = load_spec("edge"), resource_name("edge")
    testbed = lab.open_testbed(spec.options[0].site)
    found = _running(testbed, name)
    if found is None and lab.rehearsing():
        _bring_up(testbed)
        found = _running(testbed, name)
    if found is None:
        raise LeaseMissingError(
            f"there is no running container {name!r} at {testbed.site}",
            likely="The lease has ended, or lesson 21 has not been run.",
            way_out="Run lesson 21; it resumes where it stopped.",
        )
    shell = testbed.shell(found, spec.options[0].user)
    address = found.addresses[0] if found.addresses else ""
    return Device(shell, name, rehearsed=lab.rehearsing(), address=address, poll_s=0.2 if lab.rehearsing() else 2.0)


def _running(testbed: Testbed, name: str) -> Machine | None:
    return next((machine for machine in testbed.machines() if machine.name == name and machine.up), None)


def _bring_up(testbed: Testbed) -> None:
    spec = load_spec("edge")
    option, hours = spec.options[0], timedelta(hours=spec.hours)
    lab.reserve(testbed, "edge", option, None, site_clock().now() + hours, None)
    lab.prepare("edge", option, testbed=testbed).finish()
