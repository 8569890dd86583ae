"""Part 2's device, found by its name: the container that lesson 21 has started, or this machine inside it."""

from __future__ import annotations

import platform
import subprocess
from datetime import timedelta
from pathlib import Path

from provisioning import lab
from provisioning.device import Device
from provisioning.errors import LeaseMissingError
from provisioning.rehearsal.drills import site_clock
from provisioning.spec import load_spec, resource_name
from provisioning.testbed import Completed, LineSink, Machine, Testbed


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
    testbed = lab.open_testbed(spec.ladder[0].site)
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
    shell = testbed.shell(found, spec.ladder[0].user)
    address = found.addresses[0] if found.addresses else ""
    return Device(shell, name, rehearsed=lab.rehearsing(), address=address, poll_s=0.2 if lab.rehearsing() else 2.0)


def _running(testbed: Testbed, name: str) -> Machine | None:
    return next((machine for machine in testbed.machines() if machine.name == name and machine.up), None)


def _bring_up(testbed: Testbed) -> None:
    spec = load_spec("edge")
    rung, hours = spec.ladder[0], timedelta(hours=spec.hours)
    lab.reserve(testbed, "edge", rung, None, site_clock().now() + hours, None)
    lab.prepare("edge", rung, testbed=testbed).finish()
