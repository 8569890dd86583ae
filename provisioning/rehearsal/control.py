"""Start and stop the rehearsal's process, and choose the catalogue that it serves."""

import os
import subprocess
import sys
import time
from pathlib import Path

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
        RuntimeError: The process ended or did not answer; then the message holds the end of its log.
    """
    home = home or place.folder()
    if not _answers(home):
        _launch(home, speed, pinned)
    return home


def use_catalogue(own: Path | None, home: Path | None = None) -> None:
    """Serve an own catalogue, or the shipped one alone, from the next start on.

    The rehearsal keeps a copy, and begins empty: leases hold machines by a number that may be another machine's now.

    Args:
        own: The file; None for the shipped catalogue.
        home: The rehearsal's folder; `place.folder()` by default.

    Raises:
        CatalogueError: The file cannot be used.
        RuntimeError: A rehearsal runs, and its students hold machines of the old one.
    """
    # Only who has an own catalogue needs pydantic.
    from provisioning.rehearsal.catalogue import catalogue

    home = home or place.folder()
    catalogue(own)
    if place.is_served(home):
        raise RuntimeError("a rehearsal runs: `python -m provisioning rehearsal down` ends it, then choose again")
    for old in (*home.glob("world.sqlite3*"), home / "catalogue.toml"):
        old.unlink(missing_ok=True)
    if own is not None:
        (home / "catalogue.toml").write_text(own.read_text(encoding="utf-8"), encoding="utf-8")


def _launch(home: Path, speed: float, pinned: bool) -> None:
    """Start the process and return once it answers."""
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
            cwd=Path(__file__).parents[2],
            env=os.environ | ({"REHEARSAL_PINNED": "1"} if pinned else {}),
        )
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        # Two notebooks may start it in the same second: the process that came second ends, and the first one answers.
        failed = process.poll() is not None and not place.is_served(home)
        if failed or time.monotonic() > deadline:
            process.kill()
            process.wait()
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            raise RuntimeError(f"the rehearsal did not start:\n{tail}")
        time.sleep(0.1)
    if place.process(home) == process.pid:
        _CHILDREN[home] = process
    else:
        # It must not serve the folder when the first one is stopped.
        process.kill()
        process.wait()


def stop(home: Path | None = None) -> bool:
    """Stop the rehearsal and return whether one ran. Its leases and files stay for the next start.

    Raises:
        RuntimeError: One runs and does not answer; the message names its process.
    """
    home = home or place.folder()
    if not _answers(home):
        if place.is_served(home):
            raise RuntimeError(f"the rehearsal does not answer: end its process by hand ({place.process(home)})")
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
