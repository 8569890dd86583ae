"""Start and stop the rehearsal's process."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

from provisioning.rehearsal import place
from provisioning.rehearsal.faults import parse_fault

#: The port to listen at when it is free: a fixed one keeps printed environments valid from day to day.
USUAL_PORT = 35077
_PATIENCE_S = 60.0
# Processes started by this one, so that `stop` can bury them: an ended child stays a zombie until it is waited for.
_CHILDREN: dict[Path, subprocess.Popen[bytes]] = {}


def start(
    home: Path | None = None, port: int | None = None, speed: float = 120.0, faults: list[str] | None = None
) -> Path:
    """Start the rehearsal unless it runs already, and return its folder once it answers.

    Args:
        home: The rehearsal's folder; `place.folder()` by default.
        port: TCP port; by default the last one used here, else the usual one, else any free one.
        speed: How many times shorter waits are than on Chameleon; ignored by one that runs already.
        faults: Faults to arm, as `parse_fault` spells them; armed in a running rehearsal as well.

    Returns:
        The rehearsal's folder.

    Raises:
        ValueError: A fault is misspelt.
        RuntimeError: The process ended or did not answer; the message holds the end of its log.
    """
    home = home or place.folder()
    for fault in faults or []:
        parse_fault(fault)
    if _answers(home):
        for fault in faults or []:
            place.ask(home, "POST", "/faults", {"fault": fault})
        return home
    place.secret(home)
    number = port or _free_port(place.port(home))
    log = home / "rehearsal.log"
    command = [sys.executable, "-m", "provisioning.rehearsal.service", str(home), str(number), str(speed)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command + (faults or []),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # The rehearsal outlives the terminal and the kernel that started it.
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )
    _CHILDREN[home] = process
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            process.kill()
            _CHILDREN.pop(home).wait()
            # Two notebooks may start it in the same second; one of the two processes gives way.
            if _answers(home):
                return home
            raise RuntimeError(f"the rehearsal did not start at port {number} (taken by another program?):\n{tail}")
        time.sleep(0.1)
    return home


def stop(home: Path | None = None) -> bool:
    """Stop the rehearsal and return whether one ran. Its leases and files stay for the next start."""
    home = home or place.folder()
    if not place.is_alive(home):
        return False
    place.ask(home, "POST", "/down", {})
    deadline = time.monotonic() + _PATIENCE_S
    while place.is_served(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    child = _CHILDREN.pop(home, None)
    if child is not None:
        child.wait(_PATIENCE_S)
    return True


def _answers(home: Path) -> bool:
    """Return whether a folder's rehearsal answers, after waiting for one that is busy, starting or ending."""
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        if not place.is_served(home) or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _free_port(last: int | None) -> int:
    """Return the first free port of: the last one used, the usual one, any."""
    for number in (last, USUAL_PORT):
        if number:
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", number))
                return number
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
