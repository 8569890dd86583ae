"""Start and stop the rehearsal's process."""

import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from chameleon_rehearsal import place
from chameleon_rehearsal.software import Software

_PATIENCE_S = 60.0
# Processes started by this one, so that `stop` can bury them: an ended child stays a zombie until
# it is waited for.
_CHILDREN: dict[Path, subprocess.Popen[bytes]] = {}


def start(
    home: Path | None = None, speed: float = 120.0, *, software: Software | None = None
) -> Path:
    """Start the rehearsal unless one already runs, at any speed; return its folder once it answers.

    Args:
        home: The rehearsal's folder; `$REHEARSAL_HOME` or one in the user's cache by default.
        speed: How many times shorter waits are than on Chameleon.
        software: The software of machines, from now on; by default, the folder's or the shipped
            table.

    Raises:
        ChildProcessError: The process ended or did not answer; the message holds the end of its
            log.
        TimeoutError: One runs and does not answer; the message says how to end it.
    """
    home = home or place.folder()
    lock = _lock_unless_alive(home)
    if lock is not None:
        with lock:
            if software is not None:
                software.write(home)
            _launch(home, speed, lock)
    return home


def stop(home: Path | None = None) -> bool:
    """Stop the rehearsal and return whether one ran. Its leases and files stay for the next start.

    Raises:
        TimeoutError: One runs and does not answer; the message says how to end it.
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
    """Return None once the folder's rehearsal answers, be it busy or starting; the folder's lock if
    none is there.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        lock = place.lock(home)
        if lock is not None:
            return lock
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"the rehearsal does not answer: end it with `pkill -f 'rehearsal.serve {home}'`"
            )
        time.sleep(0.2)
    return None


def _launch(home: Path, speed: float, lock: TextIO) -> None:
    place.secret(home)
    log = home / "rehearsal.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "chameleon_rehearsal.serve", str(home), str(speed)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # The rehearsal outlives the terminal and the kernel that started it.
            start_new_session=True,
            # Held until the process ends: two that serve one world would undo each other's work.
            pass_fds=[lock.fileno()],
            # Where the package lies, so that it is found without being installed.
            cwd=Path(__file__).parents[1],
        )
    deadline = time.monotonic() + _PATIENCE_S
    while not place.is_alive(home):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            raise ChildProcessError(f"the rehearsal did not start:\n{tail}")
        time.sleep(0.1)
    _CHILDREN[home] = process
