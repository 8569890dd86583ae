"""Keeps one server: ends it when the notebook's end of a pipe closes, and clears away what it leaves behind.

Run as ``python supervisor.py SHM_PREFIX COMMAND…`` with the standard library only. A kernel that dies cannot tidy up,
so somebody else has to: this process reads its standard input, and whatever happens to the notebook, that input ends.
Then the server gets a moment to finish, its whole process group is ended, and its shared memory is removed.

Triton takes the key of its restricted APIs on its command line only, which every user of the machine can read. So the
key reaches this process in its environment, which only its owner can read, and is wiped out of the server's command
line as soon as the server has read it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

#: Seconds that the server has to finish what it is answering.
GRACE_S = 8.0

#: The variable that holds the key, and the word that stands for it in the command.
KEY_VARIABLE = "LABS_TRITON_KEY"
KEY_PLACE = "{key}"

#: PR_SET_PDEATHSIG, from linux/prctl.h: the signal that the kernel sends when the parent dies.
_PARENT_DEATH_SIGNAL = 1

_LIBC = ctypes.CDLL(None)


def main(shm_prefix: str, command: list[str]) -> int:
    """Run the command until it ends or the input does; return the exit status for this process."""
    asked = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os.write(asked[1], b"x"))
    parent = os.getppid()
    key = os.environ.pop(KEY_VARIABLE)
    command = [word.replace(KEY_PLACE, key) for word in command]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent)
    wiping = threading.Thread(target=_wipe, args=(child.pid, key.encode()), daemon=True)
    wiping.start()
    ended = os.pidfd_open(child.pid)
    while True:
        ready, _, _ = select.select([0, asked[0], ended], [], [], 1.0)
        # A forked copy of the notebook's process may hold the pipe open after the notebook itself has died.
        if ready or os.getppid() != parent:
            break
    status = _stop(child)
    _clear(child.pid, shm_prefix)
    return status if status >= 0 else 128 - status


def _die_with_parent() -> None:
    """Let this process (the coming server) be killed when the supervisor is, which is the last line of defence."""
    _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _wipe(pid: int, key: bytes) -> None:
    """Overwrite the key in a server's command line once the server listens: its options are read by then."""
    process = Path("/proc") / str(pid)
    with contextlib.suppress(OSError):
        while not _listens(process):
            time.sleep(0.01)
        # Fields 48 and 49 of proc_pid_stat(5); what follows the program's name, which may hold blanks, begins with 3.
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])
        with (process / "mem").open("r+b", buffering=0) as memory:
            memory.seek(begin)
            words = memory.read(end - begin)
            memory.seek(begin)
            memory.write(words.replace(key, b"*" * len(key)))


def _listens(process: Path) -> bool:
    """Return whether a process holds a socket; Triton opens its first after it has read its options.

    Raises:
        OSError: The process has ended.
    """
    for one in (process / "fd").iterdir():
        # A file that it has closed since it was listed says nothing, and must not end the watch: the key would stay.
        with contextlib.suppress(OSError):
            if str(one.readlink()).startswith("socket:"):
                return True
    return False


def _stop(child: subprocess.Popen) -> int:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def _clear(group: int, shm_prefix: str) -> None:
    """End what is left of the server's process group, and remove the shared memory that bears its name."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    for path in Path("/dev/shm").glob(f"{shm_prefix}*"):
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
