"""Start and stop the rehearsal's process, and choose the catalogue that it serves."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from provisioning.rehearsal import place

_PATIENCE_S = 60.0
# Processes started by this one, so that `stop` can bury them: an ended child stays a zombie until it is waited for.
_CHILDREN: dict[Path, subprocess.Popen[bytes]] = {}


def start(home: Path | None = None, speed: float = 120.0, *, pinned: bool = False) -> Path:
    """Start the rehearsal unless it runs already, and return its folder once it answers.

    Args:
        home: The rehearsal's folder; `place.folder()` by default.
        speed: How many times shorter waits are than on Chameleon; ignored by one that runs already.
        pinned: Make each machine's own environment from its pins, as on a lease (gigabytes the first time), instead of
            letting this one stand in; ignored by one that runs already.

    Returns:
        The rehearsal's folder.

    Raises:
        RuntimeError: The process ended or did not answer; the message holds the end of its log, or names it.
    """
    home = home or place.folder()
    lock = _lock_unless_alive(home)
    if lock is not None:
        with lock:
            _launch(home, speed, pinned, lock)
    return home


def use_catalogue(own: Path | None, home: Path | None = None) -> None:
    """Serve an own catalogue, or the shipped one alone, from the next start on.

    The rehearsal keeps a copy, and begins empty: leases hold machines by a number that may be another machine's now.

    Args:
        own: The file; None for the shipped catalogue.
        home: The rehearsal's folder; `place.folder()` by default.

    Raises:
        ValueError: The file cannot be used.
        RuntimeError: A rehearsal runs, and its students hold machines of the old one.
    """
    # Only who has an own catalogue needs pydantic.
    from provisioning.rehearsal.catalogue import catalogue

    home = home or place.folder()
    catalogue(own)
    lock = place.lock(home)
    if lock is None:
        raise RuntimeError("a rehearsal runs: `python -m provisioning rehearsal down` ends it, then choose again")
    with lock:
        for old in (*home.glob("world.sqlite3*"), home / "catalogue.toml"):
            old.unlink(missing_ok=True)
        if own is not None:
            (home / "catalogue.toml").write_text(own.read_text(encoding="utf-8"), encoding="utf-8")


def stop(home: Path | None = None) -> bool:
    """Stop the rehearsal and return whether one ran. Its leases and files stay for the next start.

    Raises:
        RuntimeError: One runs and does not answer; the message names its process.
    """
    home = home or place.folder()
    lock = _lock_unless_alive(home)
    if lock is not None:
        lock.close()
        return False
    place.ask(home, "POST", "/down", {})
    deadline = time.monotonic() + _PATIENCE_S
    while (lock := place.lock(home)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if lock is not None:
        lock.close()
    child = _CHILDREN.pop(home, None)
    if child is not None:
        child.wait(_PATIENCE_S)
    return True


def _lock_unless_alive(home: Path) -> TextIO | None:
    """Return None once the folder's rehearsal answers, be it busy or just starting; the folder's lock if none is there.

    Raises:
        RuntimeError: One is there and does not answer; the message names its process.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        lock = place.lock(home)
        if lock is not None:
            return lock
        if time.monotonic() > deadline:
            raise RuntimeError(f"the rehearsal does not answer: end its process by hand ({place.process(home)})")
        time.sleep(0.2)
    return None


def _launch(home: Path, speed: float, pinned: bool, lock: TextIO) -> None:
    """Start the process, hand it the folder's lock, and return once it answers."""
    place.secret(home)
    log = home / "rehearsal.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "provisioning.rehearsal.serve", str(home), str(speed)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # The rehearsal outlives the terminal and the kernel that started it.
            start_new_session=True,
            # Held until the process ends: two that serve one world would undo each other's work.
            pass_fds=[lock.fileno()],
            cwd=Path(__file__).parents[2],
            env=os.environ | ({"REHEARSAL_PINNED": "1"} if pinned else {}),
        )
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            raise RuntimeError(f"the rehearsal did not start:\n{tail}")
        time.sleep(0.1)
    _CHILDREN[home] = process
