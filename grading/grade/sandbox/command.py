"""One command in the sandbox: ``timeout → bubblewrap → prlimit → setpriv → env -i → command``.

Where the host has no bubblewrap (a container that forbids namespaces), the other limits stand alone.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from grading.grade.sandbox import visible
from grading.grade.sandbox.abilities import FIRST_USER, USERS, WITHOUT_NETWORK, Abilities, abilities, privileges
from labs.workspace import PROJECT_DIR

#: Where every user may write, and a command could leave something for the next one.
OPEN_TO_ALL = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))

#: Seconds between two looks at what a command uses; a short one is never looked at.
LOOK_S = 0.5

#: Seconds that the outer watch waits beyond timeout(1), which may itself have been stopped.
GRACE_S = 5


@dataclass(frozen=True)
class Limits:
    """Limits of one command and of everything that it starts."""

    wall_s: float = 60
    #: Seconds of processor time of each process.
    cpu_s: int = 60
    #: Address space of each process in bytes. ONNX Runtime reserves more than it uses.
    memory_bytes: int = 1 << 30
    #: Memory of all its processes together, in bytes.
    together_bytes: int = 2 << 30
    #: Largest file that may be written, in bytes.
    file_bytes: int = 32 << 20
    #: All files in its folder together, in bytes.
    folder_bytes: int = 256 << 20
    #: Processes and threads at once.
    processes: int = 96
    #: Open files of each process.
    open_files: int = 256
    #: Bytes of standard output, and of standard error, that are kept.
    output_bytes: int = 1 << 20

    def prlimit(self) -> list[str]:
        """Return the limits as arguments of prlimit(1)."""
        return [
            f"--cpu={self.cpu_s}:{self.cpu_s + 2}",
            f"--as={self.memory_bytes}",
            f"--fsize={self.file_bytes}",
            f"--nproc={self.processes}",
            f"--nofile={self.open_files}",
            "--core=0",
        ]


#: What a command gets unless its caller knows better.
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    #: Exit status; negative for a signal, 124 or 137 where the time limit struck.
    returncode: int
    timed_out: bool
    #: First bytes of what it printed, and of what it printed as errors.
    output: str
    errors: str
    wall_s: float


class Sandbox:
    """A folder that a command may write to, and the walls around it; use it as a context."""

    def __init__(self, can: Abilities | None = None) -> None:
        """Prepare a sandbox with what the host allows, which is found out when None."""
        self.can = can or abilities()
        self.user = FIRST_USER + random.SystemRandom().randrange(USERS) if self.can.own_user else None

    def __enter__(self) -> Sandbox:
        self.temporary = Path(tempfile.mkdtemp(prefix="sandbox-"))
        #: The command's working folder, home and only place to write.
        self.folder = self.temporary / "work"
        self.folder.mkdir(mode=0o700)
        self.temporary.chmod(0o755)
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill_leftovers()
        remove(self.temporary)
        if self.user is not None and not self.can.bubblewrap:
            # What the sandbox's user has left where everybody may write.
            for path in (path for folder in OPEN_TO_ALL if folder.is_dir() for path in folder.iterdir()):
                if owner(path) == self.user:
                    remove(path)

    def run(
        self, command: Sequence[str], *, limits: Limits = DEFAULT_LIMITS, variables: dict[str, str] | None = None
    ) -> Outcome:
        """Run a command, its paths whole, in the folder and return how it ended; nothing that it started is left.

        Args:
            variables: Environment variables beyond the few that Python needs.
        """
        begin_s = time.monotonic()
        kept = [self.temporary / name for name in ("output", "errors")]
        with contextlib.ExitStack() as stack:
            # What a student's code prints is for nobody else on this machine.
            output, errors = (
                stack.enter_context(open(path, "wb", opener=partial(os.open, mode=0o600))) for path in kept
            )
            given = (command, limits, variables or {})
            process = self._start(*given, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        try:
            was_late = not self._watched_to_its_end(process, limits, begin_s + limits.wall_s + GRACE_S)
        finally:
            # Whatever happened, and also when the command ended by itself and left something running.
            _kill_group(process)
            self.kill_leftovers()
            process.wait()
        wall_s = time.monotonic() - begin_s
        timed_out = was_late or (process.returncode in (124, 137, -9) and wall_s >= limits.wall_s)
        printed, complained = (_beginning(path, limits) for path in kept)
        return Outcome(process.returncode, timed_out, printed, complained, wall_s)

    @contextlib.contextmanager
    def conversation(
        self, command: Sequence[str], *, limits: Limits = DEFAULT_LIMITS
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command in the folder and yield it with pipes at both ends; nothing that it starts is left."""
        ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        process = self._start(command, limits, {}, **ends)
        end_s = time.monotonic() + limits.wall_s + GRACE_S
        watch = threading.Thread(target=self._watched_to_its_end, args=(process, limits, end_s))
        watch.start()
        try:
            yield process
        finally:
            _kill_group(process)
            self.kill_leftovers()
            watch.join()
            process.wait()
            for end in filter(None, (process.stdin, process.stdout)):
                with contextlib.suppress(OSError):  # what it never read is written no more
                    end.close()

    def _watched_to_its_end(self, process: subprocess.Popen[bytes], limits: Limits, end_s: float) -> bool:
        """Wait for a command; end one whose processes hold too much memory together, or whose folder grows too large.

        Returns:
            Whether it ended before its time was over.
        """
        # It is readable once the process has ended. A wait with a limit would look every 50 ms.
        ended = os.pidfd_open(process.pid)
        try:
            while not select.select([ended], [], [], LOOK_S)[0]:
                if time.monotonic() > end_s:
                    return False
                grown = size_bytes(self.folder) > limits.folder_bytes
                if grown or self._memory_bytes(process.pid) > limits.together_bytes:
                    _kill_group(process)
                    self.kill_leftovers()
            return True
        finally:
            os.close(ended)

    def _memory_bytes(self, root: int) -> int:
        mine = below(root) if self.user is None else processes_of(self.user)
        held = 0
        for number in mine:
            with contextlib.suppress(OSError, IndexError):
                held += int(Path(f"/proc/{number}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return held

    def _start(
        self, command: Sequence[str], limits: Limits, variables: dict[str, str], **ends: Any
    ) -> subprocess.Popen[bytes]:
        """Give the folder and all in it to the sandbox's user, and start a command there; ``ends`` are Popen's."""
        if self.user is not None:
            for root, folders, files in os.walk(self.folder):
                for name in (".", *folders, *files):
                    os.chown(f"{root}/{name}", self.user, self.user, follow_symlinks=False)
        inner = ["prlimit", *limits.prlimit(), "--"]
        # Of an ordinary user, bubblewrap has left nothing to give up.
        if self.user is not None or not self.can.bubblewrap:
            inner += ["setpriv", *privileges(self.user)]
        stated = {**self.variables(self.folder), **variables}
        inner += ["env", "-i", *(f"{name}={value}" for name, value in stated.items())]
        # Python has to be within reach for this; where it is not, nothing of a submission is run anyway.
        if not self.can.bubblewrap and self.can.filters and self.can.in_reach:
            inner += WITHOUT_NETWORK
        inner += command
        if self.can.bubblewrap:
            inner = ["bwrap", *visible.arguments(self.folder), "--", *inner]
        # Where memory runs out all the same, the kernel takes this process first and not the grader.
        first_to_go = "echo 900 2>/dev/null >/proc/self/oom_score_adj"
        script = f"{first_to_go}; exec {shlex.join(inner)}"
        line = ["timeout", "--kill-after=1", str(limits.wall_s), "sh", "-c", script]
        return subprocess.Popen(line, cwd=self.folder, start_new_session=True, **ends)

    @staticmethod
    def variables(home: Path) -> dict[str, str]:
        """Return the few environment variables that a command gets in a folder."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(PROJECT_DIR),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            # One thread each: half a processor is all there is, and each thread's arena counts as memory.
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
            "MALLOC_ARENA_MAX": "2",
            # There is no network to send it through; and it is a thread, behind which nothing can be forked.
            "ORT_DISABLE_TELEMETRY": "1",
        }

    def kill_leftovers(self) -> None:
        """Kill all processes of the sandbox's user, until none is left; a daemon may be forking meanwhile."""
        if self.user is None:
            return
        for _ in range(50):
            left = processes_of(self.user)
            if not left:
                return
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.02)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def remove(path: Path) -> None:
    """Remove a file or a folder, however deep it is nested and whatever modes it was given."""
    # Python's own way stops at a thousand folders in each other. A link's target is nobody's to change.
    commands = [["rm", "-rf"]] if path.is_symlink() else [["chmod", "-R", "u+rwX"], ["rm", "-rf"]]
    for command in commands:
        subprocess.run([*command, "--", str(path)], capture_output=True, check=False)


def size_bytes(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk."""
    done = subprocess.run(["du", "-s", "--block-size=1", str(folder)], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) if done.stdout else 0


def _beginning(path: Path, limits: Limits) -> str:
    """Return the beginning of what was printed; the file itself cannot outgrow the limit on files."""
    with path.open("rb") as file:
        return file.read(limits.output_bytes).decode("utf-8", errors="replace")


def below(root: int) -> set[int]:
    """Return the processes that come from one, itself not included."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name in parentheses may hold anything, spaces and parentheses too.
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                )
    found: set[int] = set()
    wave = {root}
    while wave:
        wave = {process for process, parent in parents.items() if parent in wave} - found
        found |= wave
    return found


def processes_of(user: int) -> list[int]:
    """Return the processes of a user, by its number."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and owner(entry) == user]


def owner(path: Path) -> int:
    """Return the number of a file's or a process's user; -1 where it is gone."""
    try:
        return path.lstat().st_uid
    except OSError:
        return -1
