"""A process that ends with its notebook, and whose files only its owner may read.

``start`` runs a command below a keeper, which is this file as a script with the standard library
alone. The keeper asks each second whether its parent, the notebook's kernel, is still there. If
not, the command gets a moment to finish. Then the keeper ends its remaining processes, and deletes
their files.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

#: In a command, stands for a secret: it reaches the keeper in its environment, which only its owner
#: can read.
SECRET = "{secret}"
_VARIABLE = "LABS_CHILD_SECRET"

#: Seconds that a command gets to finish what it is doing.
GRACE_S = 30.0

# From linux/prctl.h: the signal that comes when the parent dies, and who adopts orphans.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class ChildError(RuntimeError):
    """A process did not get ready, or ended by itself; the message ends with the end of its log."""


class Child:
    """A running command below its keeper."""

    def __init__(self, process: subprocess.Popen, log_path: Path) -> None:
        """Hold a started keeper; ``start`` makes one."""
        #: The keeper; the command and all that it starts are its children.
        self.process = process
        self.log_path = log_path

    @property
    def pid(self) -> int:
        """Number of the keeper's process."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the command runs."""
        return self.process.poll() is None

    def processes(self) -> list:
        """Return the command's processes, itself first, by psutil; none when it has ended."""
        import psutil

        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.pid).children(recursive=True)
        return []

    def memory_bytes(self) -> int:
        """Return the memory that its processes hold, with a share of each shared page."""
        import psutil

        held_bytes = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):  # one of them may be ending just now
                if psutil.LINUX:
                    held_bytes += process.memory_full_info().pss
                else:
                    held_bytes += process.memory_info().rss
        return held_bytes

    def log(self, characters: int = 3000) -> str:
        """Return the end of its log."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-characters:]

    def wait_for(
        self,
        ready: Callable[[], bool],
        *,
        what: str,
        within_s: float,
        on_progress: Callable[[float, str], None] = lambda fraction, text: None,
    ) -> None:
        """Return when it is ready; else it is stopped.

        Args:
            within_s: Seconds of an idle machine (``slowdown``).

        Raises:
            ChildError: It ended, or takes too long.
        """
        from labs.machine.busy import slowdown  # late: the keeper runs this file alone

        begin_s = time.monotonic()
        try:
            while (spent_s := time.monotonic() - begin_s) < within_s * slowdown():
                share = spent_s / (spent_s + 3)
                on_progress(min(0.99, share), f"waiting for {what}: {spent_s:.0f} s")
                if not self.alive:
                    status = self.process.returncode
                    raise ChildError(f"{what} ended with status {status}:\n{self.log()}")
                if ready():
                    on_progress(1.0, f"{what} is ready after {spent_s:.1f} s")
                    return
                time.sleep(0.02)
            raise ChildError(f"{what} was not ready within {spent_s:.1f} s:\n{self.log()}")
        except BaseException:  # also a cancelled wait must leave no process behind
            self.stop(2)
            raise

    def stop(self, within_s: float = GRACE_S) -> int:
        """Let it finish what it is doing, kill it after some seconds, and return its status.

        A second call is fine.
        """
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.wait()

    def kill(self) -> None:
        """End all its processes by a signal that none can catch; the keeper clears up."""
        import psutil

        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    command: Sequence[object],
    log_path: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    sockets: Iterable[int] = (),
    leftovers: Iterable[object] = (),
    secret: str = "",
) -> Child:
    """Return a started command; it need not be ready.

    Args:
        command: The program and its words; ``SECRET`` in a word stands for the secret.
        sockets: Listening sockets that it inherits, by their descriptors.
        leftovers: Patterns of files and folders that are removed once it has ended.
        secret: Wiped out of the command's line, which everybody can read, once the command listens.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    sockets = list(sockets)
    options = {"notebook": os.getpid(), "sockets": sockets, "leftovers": list(map(str, leftovers))}
    keeper = [sys.executable, "-I", __file__, json.dumps(options)]
    words = [str(word) for word in command]
    variables = dict(os.environ if environment is None else environment)
    if secret:
        variables[_VARIABLE] = secret
    with open(log_path, "wb", opener=_open_private) as log:
        process = subprocess.Popen(
            keeper + words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=variables,
            cwd=folder,
            pass_fds=sockets,
            start_new_session=True,  # an interrupt of the cell is not an interrupt of the command
        )
    return Child(process, log_path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _keep(options: dict, command: list[str]) -> int:
    """Run a command until it ends, is stopped, or the notebook is gone; return its exit status."""
    os.umask(0o077)
    read_end, write_end = os.pipe()

    def end(*_: object) -> None:
        os.write(write_end, b"x")

    def end_after(wait: Callable[[], object]) -> None:
        wait()
        end()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    secret = os.environ.pop(_VARIABLE, "")
    if secret:
        command = [word.replace(SECRET, secret) for word in command]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=options["sockets"],
        start_new_session=True,
        preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    for descriptor in options["sockets"]:
        os.close(descriptor)
    if secret:
        wipe = (child.pid, secret.encode())
        threading.Thread(target=_wipe, args=wipe, daemon=True).start()
    for wait in (child.wait, lambda: _outlive(options["notebook"])):
        threading.Thread(target=end_after, args=(wait,), daemon=True).start()
    os.read(read_end, 1)
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait()
    while orphans := _children():
        for pid in orphans:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    for pattern in options["leftovers"]:
        _remove(Path(pattern))
    return status if status >= 0 else 128 - status


def _remove(pattern: Path) -> None:
    """Remove the files and folders that a pattern in the last part of a path names."""
    for path in pattern.parent.glob(pattern.name):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _outlive(notebook: int) -> None:
    """Wait until the parent is gone."""
    while os.getppid() == notebook:
        time.sleep(1)


def _prctl(option: int, value: int) -> None:
    """Ask Linux; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value))


def _children() -> list[int]:
    """Return this process's children; on Linux orphans of its children are among them."""
    children = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The parent is field 4.
            parent = int(_stat_fields(path)[1])
            if parent == os.getpid():
                children.append(int(path.parent.name))
    return children


def _stat_fields(path: Path) -> list[str]:
    """Return the fields of proc_pid_stat(5) from the third on.

    The second, the program's name, may hold blanks.
    """
    return path.read_text().rpartition(")")[2].split()


def _wipe(pid: int, secret: bytes) -> None:
    """Overwrite a secret in a command line once its program listens, and has read its options."""
    process = Path("/proc") / str(pid)
    with contextlib.suppress(OSError):
        while not _listens(process):
            time.sleep(0.01)
        # Fields 48 and 49: where the command line begins and ends.
        begin, end = map(int, _stat_fields(process / "stat")[45:47])
        with (process / "mem").open("r+b", buffering=0) as memory:
            memory.seek(begin)
            words = memory.read(end - begin)
            memory.seek(begin)
            memory.write(words.replace(secret, b"*" * len(secret)))


def _listens(process: Path) -> bool:
    """Return whether a process holds a socket.

    Triton opens its first after it has read its options.

    Raises:
        OSError: The process has ended.
    """
    for descriptor in (process / "fd").iterdir():
        # A file that it has closed since it was listed says nothing, and must not end the watch:
        # the secret would stay.
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()).startswith("socket:"):
                return True
    return False


if __name__ == "__main__":
    sys.exit(_keep(json.loads(sys.argv[1]), sys.argv[2:]))
