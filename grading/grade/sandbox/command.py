"""One command in the sandbox:
``timeout → bubblewrap → prlimit → system_calls → setpriv → env -i → command``.

Where the host has no bubblewrap (a container that forbids namespaces), the other limits stand
alone.
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

from grading.grade.sandbox import control_group, usage, visible
from grading.grade.sandbox.abilities import (
    FILTERED,
    FIRST_USER,
    USERS,
    Abilities,
    abilities,
    privileges,
)
from grading.grade.sandbox.control_group import ControlGroup
from grading.grade.sandbox.usage import SandboxUsage
from labs.workspace import PROJECT_DIR

#: Where every user may write, and a command could leave something for the next one.
OPEN_TO_ALL = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))

#: Seconds between two looks at what a command uses; a short one is never looked at. A processor
#: makes some ten thousand empty files in this time.
LOOK_S = 0.2

#: Seconds that the grader waits until a sandbox's files are removed. What is left then is removed
#: meanwhile.
CLEAN_UP_S = 5

#: Seconds that the outer watch waits beyond timeout(1), which may itself have been stopped.
GRACE_S = 5


@dataclass(frozen=True)
class SandboxLimits:
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
    #: All files that it made together, in bytes.
    folder_bytes: int = 256 << 20
    #: Files and folders that it made, empty ones too.
    folder_entries: int = 10_000
    #: Processes and threads at once.
    processes: int = 96
    #: Open files of each process.
    open_files: int = 256
    #: Open files of all its processes together. A socket's buffer is memory, 208 KiB by the
    #: kernel's default.
    together_open_files: int = 1_024
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

    def are_exceeded_by(self, held: SandboxUsage) -> bool:
        """Return whether what a command and its processes hold together is more than they may."""
        return (
            held.memory_bytes > self.together_bytes
            or held.disk_bytes > self.folder_bytes
            or held.entries > self.folder_entries
            or held.open_files > self.together_open_files
        )


#: Default limits of a command.
DEFAULT_LIMITS = SandboxLimits()


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    #: Exit status; negative for a signal, 124 or 137 where the time limit struck.
    returncode: int
    timed_out: bool
    #: First bytes of its output and of its error output.
    output: str
    errors: str
    wall_s: float


class Sandbox:
    """A folder that a command may write to, and the walls around it; use it as a context."""

    def __init__(self, can: Abilities | None = None) -> None:
        """Prepare a sandbox with the host's abilities, which are found out when None."""
        self.can = can or abilities()
        self.user: int | None = None
        if self.can.own_user:
            self.user = FIRST_USER + random.SystemRandom().randrange(USERS)
        self._group: ControlGroup | None = None

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
            remove_of(self.user)

    def run(
        self,
        command: Sequence[str],
        *,
        limits: SandboxLimits = DEFAULT_LIMITS,
        variables: dict[str, str] | None = None,
    ) -> Outcome:
        """Run a command, its paths whole, in the folder and return how it ended; nothing that it
        started is left.

        Args:
            variables: Environment variables beyond the few that Python needs.
        """
        begin_s = time.monotonic()
        output_path = self.temporary / "output"
        errors_path = self.temporary / "errors"
        # Other users of this machine must not read the output of a student's code.
        private = partial(os.open, mode=0o600)
        with (
            open(output_path, "wb", opener=private) as output,
            open(errors_path, "wb", opener=private) as errors,
        ):
            process = self._start(
                command,
                limits,
                variables or {},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        end_s = begin_s + limits.wall_s + GRACE_S
        try:
            was_late = not self._watched_to_its_end(process, limits, end_s)
        finally:
            # Whatever happened, and also when the command ended by itself and left something
            # running.
            self._kill(process)
            process.wait()
        wall_s = time.monotonic() - begin_s
        was_killed = process.returncode in (124, 137, -9)
        return Outcome(
            returncode=process.returncode,
            timed_out=was_late or (was_killed and wall_s >= limits.wall_s),
            output=_beginning(output_path, limits),
            errors=_beginning(errors_path, limits),
            wall_s=wall_s,
        )

    @contextlib.contextmanager
    def conversation(
        self, command: Sequence[str], *, limits: SandboxLimits = DEFAULT_LIMITS
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a command in the folder and yield it with pipes at both ends; nothing that it
        starts is left.
        """
        process = self._start(
            command,
            limits,
            {},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        end_s = time.monotonic() + limits.wall_s + GRACE_S
        watch = threading.Thread(target=self._watched_to_its_end, args=(process, limits, end_s))
        watch.start()
        try:
            yield process
        finally:
            self._kill(process)
            watch.join()
            process.wait()
            for end in filter(None, (process.stdin, process.stdout)):
                with contextlib.suppress(OSError):  # unread input is not written any more
                    end.close()

    def _watched_to_its_end(
        self, process: subprocess.Popen[bytes], limits: SandboxLimits, end_s: float
    ) -> bool:
        """Wait for a command; end one whose processes hold more together than they may.

        Returns:
            Whether it ended before its time was over.
        """
        # It is readable once the process has ended. A wait with a limit would look every 50 ms.
        ended = os.pidfd_open(process.pid)
        try:
            while not select.select([ended], [], [], LOOK_S)[0]:
                if time.monotonic() > end_s:
                    return False
                if limits.are_exceeded_by(self._held(process.pid, limits)):
                    self._kill(process)
            return True
        finally:
            os.close(ended)

    def _held(self, root: int, limits: SandboxLimits) -> SandboxUsage:
        """Return what a command's processes and its files hold now."""
        mine = usage.below(root) if self.user is None else usage.processes_of(self.user)
        held = usage.of_processes(mine)
        for folder in (self.folder, *self._left_outside()):
            held += usage.of_folder(folder, limits.folder_entries)
        return held

    def _left_outside(self) -> Iterator[Path]:
        """Yield what the sandbox's user has made where everybody may write. Bubblewrap shows no
        such place.
        """
        if self.user is None or self.can.bubblewrap:
            return
        for folder in OPEN_TO_ALL:
            with contextlib.suppress(OSError):
                yield from (path for path in folder.iterdir() if usage.owner(path) == self.user)

    def _start(
        self, command: Sequence[str], limits: SandboxLimits, variables: dict[str, str], **ends: Any
    ) -> subprocess.Popen[bytes]:
        """Give the folder and all in it to the sandbox's user, and start a command there; ``ends``
        are Popen's.
        """
        self._give_folder()
        inner = ["prlimit", *limits.prlimit(), "--"]
        # Before the user changes, since Python may lie where only the grader's user reaches it.
        if self.can.filters:
            inner += FILTERED
        # Of an ordinary user, bubblewrap has left nothing to give up.
        if self.user is not None or not self.can.bubblewrap:
            inner += ["setpriv", *privileges(self.user)]
        stated = {**self.variables(self.folder), **variables}
        inner += ["env", "-i"]
        inner += [f"{name}={value}" for name, value in stated.items()]
        inner += command
        if self.can.bubblewrap:
            inner = ["bwrap", *visible.arguments(self.folder), "--", *inner]
        # Where memory runs out all the same, the kernel takes this process first and not the
        # grader.
        script = f"echo 900 2>/dev/null >/proc/self/oom_score_adj; exec {shlex.join(inner)}"
        base = control_group.handed_over() if self.can.control_group else None
        if base is not None:
            # Its folder may be in a tmpfs, whose files are memory.
            self._group = ControlGroup(base, limits.together_bytes + limits.folder_bytes)
            members = shlex.quote(str(self._group.processes))
            script = f"echo $$ >{members} || exit 125; {script}"
        line = ["timeout", "--kill-after=1", str(limits.wall_s), "sh", "-c", script]
        return subprocess.Popen(line, cwd=self.folder, start_new_session=True, **ends)

    def _give_folder(self) -> None:
        """Give the folder and all in it to the sandbox's user."""
        if self.user is None:
            return
        for root, folders, files in os.walk(self.folder):
            for name in (".", *folders, *files):
                os.chown(f"{root}/{name}", self.user, self.user, follow_symlinks=False)

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
            # One thread each: half a processor is all there is, and each thread's arena counts as
            # memory.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
            # There is no network to send it through; and it is a thread, behind which nothing can
            # be forked.
            "ORT_DISABLE_TELEMETRY": "1",
        }

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a command and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # The watch's thread and the caller may both come here.
        group, self._group = self._group, None
        if group is not None:
            group.close()
        self.kill_leftovers()

    def kill_leftovers(self) -> None:
        """Kill all processes of the sandbox's user, repeatedly, because a daemon may be forking."""
        if self.user is None:
            return
        for _ in range(50):
            left = usage.processes_of(self.user)
            if not left:
                return
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.02)


def remove(path: Path) -> None:
    """Remove a folder, however deep it is nested and whatever modes it was given."""
    # Python's own way stops at a thousand folders in each other.
    _clean_up(["sh", "-c", 'chmod -R u+rwX -- "$1"; exec rm -rf -- "$1"', "sh", str(path)])


def remove_of(user: int) -> None:
    """Remove what a user has made where everybody may write."""
    places = [str(folder) for folder in OPEN_TO_ALL if folder.is_dir()]
    mine = ["-mindepth", "1", "-maxdepth", "1", "-user", str(user)]
    # A link's mode is its target's, which must not change.
    open_modes = ["(", "-type", "l", "-o", "-exec", "chmod", "-R", "u+rwX", "--", "{}", "+", ")"]
    _clean_up(["find", *places, *mine, *open_modes, "-exec", "rm", "-rf", "--", "{}", "+"])


def _clean_up(command: Sequence[str]) -> None:
    """Run a command that removes files, and wait ``CLEAN_UP_S`` for it; if it takes longer, it
    continues in the background.
    """
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, start_new_session=True, stdin=nothing, stdout=nothing, stderr=nothing
    )
    try:
        process.wait(CLEAN_UP_S)
    except subprocess.TimeoutExpired:
        # A thread waits for it, so that no zombie is left and its end delays no one.
        threading.Thread(target=process.wait, daemon=True).start()


def _beginning(path: Path, limits: SandboxLimits) -> str:
    """Return the beginning of the output; the file itself cannot outgrow the limit on files."""
    with path.open("rb") as file:
        return file.read(limits.output_bytes).decode("utf-8", errors="replace")
