"""The part's device as a lesson sees it: copy files to it, run the course's code there, fetch its
files.

Everything goes through the container service's execute and upload, since a container has no SSH. A
command that takes longer than a request runs as a job that outlives the connection
(:mod:`provisioning.setup.jobs`).
"""

import hashlib
import json
import platform
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from chameleon_rehearsal import advance_to
from labs.machine import Fingerprint
from labs.sites.spec import Part, SiteOption, load_spec, resource_name
from labs.workspace import require_written
from provisioning import lab
from provisioning.setup import jobs
from provisioning.setup.context import pick_lease
from provisioning.setup.transfer import PATIENCE_S, REMOTE_ROOT, digest_there, fetch, send
from provisioning.testbed import Completed, Machine, Shell, Testbed, errors
from provisioning.testbed.surroundings import site_clock

MODELS = "workspace/models"

_PYTHON = '"$HOME/.serving-labs/venv/bin/python"'


@dataclass(frozen=True)
class Brought:
    """A file that is on the device now."""

    name: str
    #: sha256 of its bytes, computed on the device.
    sha256: str
    size_bytes: int
    #: Whether it travelled, or the same bytes were there.
    how: Literal["copied", "was there"]


@dataclass(eq=False)
class Device:
    """A machine with the course on it.

    Args:
        rehearsed: whether this computer only plays it.
        address: its floating IP; empty where it has none.
        poll_s: seconds between two looks at a job.
        before: shell commands before each of its Python's.
    """

    shell: Shell
    name: str
    _: KW_ONLY
    rehearsed: bool = False
    address: str = ""
    poll_s: float = 1.0
    before: str = ""

    def __str__(self) -> str:
        text = self.name
        if self.address:
            text += f" at {self.address}"
        if self.rehearsed:
            text += ", played by this computer: a rehearsal"
        return text

    def machine(self) -> Fingerprint:
        """Return which machine it is, as it says itself."""
        return Fingerprint.from_json(self.ask(["-m", "labs.edge", "vitals"])["machine"])

    def bring(self, files: Iterable[Path], folder: str = MODELS) -> list[Brought]:
        """Copy files to a folder on the device, unless it has the same bytes, and return their
        paths there.

        Raises:
            NotWrittenError: a program among them is not written yet; nothing travels then.
            CommandFailedError: the received file differs from the sent one.
        """
        files = list(files)
        require_written(file for file in files if file.suffix == ".py")
        brought = []
        for file in files:
            path = f"{folder}/{file.name}"
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            how: Literal["copied", "was there"] = "was there"
            if digest_there(self.shell, f"{REMOTE_ROOT}/{path}") != digest:
                send(self.shell, {path: (file, digest)})
                how = "copied"
            brought.append(Brought(file.name, digest, file.stat().st_size, how))
        return brought

    def write(self, path: str, text: str) -> None:
        """Write a small text to a path under the course's folder."""
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / Path(path).name
            local.write_text(text, encoding="utf-8")
            digest = hashlib.sha256(local.read_bytes()).hexdigest()
            send(self.shell, {path: (local, digest)})

    def fetch(self, path: str) -> bytes:
        """Return a file from under the course's folder, whole.

        Raises:
            CommandFailedError: it is not there, or it changed on the way.
        """
        remote = f"{REMOTE_ROOT}/{path}"
        size_text = self._sh(f"wc -c < {shlex.quote(remote)}", f"looking for {path}")
        size_bytes = int(size_text.strip())
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / Path(path).name
            digest = digest_there(self.shell, remote)
            fetch(self.shell, path, size_bytes, digest, target)
            return target.read_bytes()

    def ask(self, arguments: Sequence[str], timeout_s: float = PATIENCE_S) -> Any:
        """Run the device's Python briefly and return its last line, which must be JSON."""
        doing = f"asking {shlex.join(arguments)}"
        output = self._sh(self._command(arguments), doing, timeout_s)
        last_line = output.strip().splitlines()[-1]
        return json.loads(last_line)

    def python(
        self,
        arguments: Sequence[str],
        *,
        name: str,
        on_line: Callable[[str], None] = lambda line: None,
        timeout_s: float = 3600.0,
    ) -> None:
        """Run the device's Python as a job to its end, or to a time limit; asked again while it
        runs, follow that one.

        Raises:
            CommandFailedError: it ended with another exit code than 0; its last lines are in the
                message.
            StepTimeoutError: it continues on the device.
        """
        deadline_s = time.monotonic() + timeout_s

        def until(look: Callable[[], jobs.Look | None], title: str) -> jobs.Look:
            while (seen := look()) is None:
                if time.monotonic() > deadline_s:
                    raise errors.StepTimeoutError(f"{title} has not ended after {timeout_s:.0f} s")
                time.sleep(self.poll_s)
            return seen

        # Each call measures again, except if a measurement still runs: then it follows that one.
        jobs.follow(
            self.shell, name, self._command(arguments), name, say=on_line, until=until, rerun=True
        )

    def _command(self, arguments: Sequence[str]) -> str:
        return f'{self.before}cd "$HOME/{REMOTE_ROOT}" && exec {_PYTHON} {shlex.join(arguments)}'

    def _sh(self, command: str, doing: str, timeout_s: float = PATIENCE_S) -> str:
        done = self.shell.run(command, timeout_s=timeout_s)
        if done.exit_code != 0:
            last_output = done.output.strip()[-1500:]
            raise errors.CommandFailedError(
                f"{doing} ended with {done.exit_code} on {self.name}: {last_output}"
            )
        return done.output


class HereShell:
    """The device itself: the kernel runs in the container's own Jupyter."""

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        """Return how the command ended; exit code 124 means that it did not end in time."""
        try:
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=Path.home(),
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Completed(124, "")
        return Completed(done.returncode, done.stdout + done.stderr)

    def put(self, source: Path, target: str) -> None:
        """Copy one file to a path under the home."""
        (Path.home() / target).write_bytes(source.read_bytes())


def on_the_device() -> bool:
    """Return whether this process runs in the device's container, with the course's Python.

    Every such device is an ARM machine.
    """
    if platform.machine() != "aarch64":
        return False
    python = Path.home() / ".serving-labs" / "venv" / "bin" / "python"
    return python.exists()


class _RunningShell:
    """A shell on a part's machine, wherever its address is by now; a missing one is reported."""

    def __init__(self, part: Part, testbed: Testbed) -> None:
        self._part = part
        self._testbed = testbed
        self.machine = self._running_machine()

    def run(self, command: str, *, timeout_s: float = 60.0) -> Completed:
        return self._on_machine(lambda shell: shell.run(command, timeout_s=timeout_s))

    def put(self, source: Path, target: str) -> None:
        self._on_machine(lambda shell: shell.put(source, target))

    def _running_machine(self) -> Machine:
        _, machine = lab.running(self._part, self._testbed)
        return machine

    def _on_machine(self, act: Callable[[Shell], Any]) -> Any:
        try:
            return act(self._testbed.shell(self.machine))
        except (errors.NotReachableError, errors.RefusedError) as error:
            try:
                machine = self._running_machine()
            except errors.LeaseMissingError as missing:
                raise errors.LeaseEndedError(
                    missing.what, likely="Its lease has ended, or it was deleted."
                ) from error
            if machine == self.machine:
                raise
            self.machine = machine
            return act(self._testbed.shell(machine))


def open_device() -> Device:
    """Return part 2's device: the container that was started on the lease, or this machine inside
    it.

    In a rehearsal, a missing container is brought up first, so that you can rehearse each lesson
    separately.

    Raises:
        LeaseMissingError: there is none, and this is no rehearsal.
    """
    if on_the_device() and not lab.rehearsing():
        return Device(HereShell(), "this device")
    site = lab.places_of("edge")[0]
    try:
        return _opened("edge", lab.open_testbed(site), poll_s=2.0)
    except errors.LeaseMissingError:
        if not lab.rehearsing():
            raise
    option, testbed = leased("edge")
    lab.prepare("edge", option, testbed=testbed).go()
    return _opened("edge", testbed, poll_s=2.0)


def _opened(part: Part, testbed: Testbed, poll_s: float, before: str = "") -> Device:
    shell = _RunningShell(part, testbed)
    machine = shell.machine
    rehearsed = lab.rehearsing()
    return Device(
        shell,
        machine.name,
        rehearsed=rehearsed,
        address=machine.addresses[0] if machine.addresses else "",
        poll_s=0.2 if rehearsed else poll_s,
        before=before,
    )


def leased(part: Part) -> tuple[SiteOption, Testbed]:
    """Return kind of machine and site of the student's lease; in a rehearsal its block begins now.

    A rehearsal first reserves a missing one, so that you can rehearse each lesson separately.

    Raises:
        LeaseMissingError: there is none, and this is no rehearsal.
    """
    try:
        option = lab.find_option(lab.open_testbed, part, resource_name(part))
    except errors.LeaseMissingError:
        if not lab.rehearsing():
            raise
        spec = load_spec(part)
        option = spec.options[0]
        end = site_clock().now() + timedelta(hours=spec.hours)
        lab.reserve(lab.open_testbed(option.site), part, option, None, end, None)
    testbed = lab.open_testbed(option.site)
    if lab.rehearsing():
        lease = pick_lease(testbed.leases(), resource_name(part))
        if lease is not None:
            advance_to(lease.start)
    return option, testbed


def open_node(part: Part, testbed: Testbed) -> Device:
    """Return a part's server, whose Python measures there while the lesson runs here.

    Raises:
        LeaseMissingError: no server of the student's runs there.
    """
    # The providers' environments were made on the data volume (data.sh); a rehearsed node shares
    # this computer's.
    cache = 'test -n "$REHEARSAL_MACHINE" || export SERVING_LABS_CACHE="$HOME/data"; '
    return _opened(part, testbed, poll_s=1.0, before=cache)
