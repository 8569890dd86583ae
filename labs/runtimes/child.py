"""A process that ends with its notebook, however that one ends, and whose files only its owner may read.

``start`` runs a command below a keeper, which is this file as a script with the standard library alone. The keeper asks
each second whether its parent, the notebook's kernel, is still there. If not, the command gets a moment to finish,
whatever is left of its processes is ended, and what they leave behind goes too.
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

#: In a command, stands for a secret: it reaches the keeper in its environment, which only its owner can read.
SECRET = "{secret}"
_VARIABLE = "LABS_CHILD_SECRET"

#: Seconds that a command gets to finish what it is doing.
GRACE_S = 30.0

# From linux/prctl.h: the signal that comes when the parent dies, and who adopts orphans.
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class ChildError(RuntimeError):
    """A process did not get ready, or ended by itself; the message ends with what its log says."""


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
        """Return the command's processes, the command first, as psutil has them; none when it has ended."""
        import psutil

        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.pid).children(recursive=True)
        return []

    def memory_bytes(self) -> int:
        """Return the memory that its processes hold, each shared page counted once among its sharers."""
        import psutil

        held = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):  # one of them may be ending just now
                held += (
                    process.memory_full_info().pss if psutil.LINUX else process.memory_info().rss
                )
        return held

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
                on_progress(
                    min(0.99, spent_s / (spent_s + 3)), f"waiting for {what}: {spent_s:.0f} s"
                )
                if not self.alive:
                    raise ChildError(
                        f"{what} ended with status {self.process.returncode}:\n{self.log()}"
                    )
                if ready():
                    on_progress(1.0, f"{what} is ready after {spent_s:.1f} s")
                    return
                time.sleep(0.02)
            raise ChildError(f"{what} was not ready within {spent_s:.1f} s:\n{self.log()}")
        except BaseException:  # also a cancelled wait must leave no process behind
            self.stop(2)
            raise

    def stop(self, within_s: float = GRACE_S) -> int:
        """Let it finish what it is doing, kill it after some seconds, and return its status; again is fine."""
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.wait()

    def kill(self) -> None:
        """End all its processes by a signal that none can catch; the keeper clears up behind them."""
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
    with open(log_path, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
        process = subprocess.Popen(
            [sys.executable, "-I", __file__, json.dumps(options), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **(os.environ if environment is None else environment),
                **({_VARIABLE: secret} if secret else {}),
            },
            cwd=folder,
            pass_fds=sockets,
            start_new_session=True,  # an interrupt of the cell is not an interrupt of the command
        )
    return Child(process, log_path)


def _keep(options: dict, command: list[str]) -> int:
    """Run a command until it ends, this process is told to stop, or the notebook is gone; return its exit status."""
    os.umask(0o077)
    read_end, tell = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os.write(tell, b"x"))
    secret = os.environ.pop(_VARIABLE, "")
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = subprocess.Popen(
        [word.replace(SECRET, secret) for word in command] if secret else command,
        stdin=subprocess.DEVNULL,
        pass_fds=options["sockets"],
        start_new_session=True,
        preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    for descriptor in options["sockets"]:
        os.close(descriptor)
    if secret:
        threading.Thread(target=_wipe, args=(child.pid, secret.encode()), daemon=True).start()
    for wait in (child.wait, lambda: _outlive(options["notebook"])):
        threading.Thread(
            target=lambda wait=wait: (wait(), os.write(tell, b"x")), daemon=True
        ).start()
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
        for path in Path(pattern).parent.glob(Path(pattern).name):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(
                missing_ok=True
            )
    return status if status >= 0 else 128 - status


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
            # proc_pid_stat(5): the parent is the second field behind the program's name, which may hold blanks.
            if int(path.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                children.append(int(path.parent.name))
    return children


def _wipe(pid: int, secret: bytes) -> None:
    """Overwrite a secret in a command line once its program listens: its options are read by then."""
    process = Path("/proc") / str(pid)
    with contextlib.suppress(OSError):
        while not _listens(process):
            time.sleep(0.01)
        # Fields 48 and 49 of proc_pid_stat(5), counted from the one behind the program's name, which is the third.
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])
        with (process / "mem").open("r+b", buffering=0) as memory:
            memory.seek(begin)
            words = memory.read(end - begin)
            memory.seek(begin)
            memory.write(words.replace(secret, b"*" * len(secret)))


def _listens(process: Path) -> bool:
    """Return whether a process holds a socket; Triton opens its first after it has read its options.

    Raises:
        OSError: The process has ended.
    """
    for descriptor in (process / "fd").iterdir():
        # A file that it has closed since it was listed says nothing, and must not end the watch: the secret would stay.
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()).startswith("socket:"):
                return True
    return False


if __name__ == "__main__":
    sys.exit(_keep(json.loads(sys.argv[1]), sys.argv[2:]))
