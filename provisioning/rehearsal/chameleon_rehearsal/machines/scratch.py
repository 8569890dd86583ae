"""A machine's scratch folder: where a rehearsed node or container keeps its files and runs its
commands.

The folder plays the machine's root (`/`). Commands run as the current user with a short
environment, the scratch home as `$HOME` and as working directory, and on PATH what the machine's
image brings. That keeps a rehearsal tidy; it is no prison: a command that names a path outside its
home reaches that path of this computer.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tarfile
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import psutil

from chameleon_rehearsal.machines import shim, util_linux
from chameleon_rehearsal.machines.conditions import worsen

if TYPE_CHECKING:
    from chameleon_rehearsal.world.world import World

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"
# This computer's variables with which a command reaches package indexes and git's hosts, or their
# mirrors; none of them holds a token of OpenStack.
_PASSED_ON = re.compile(
    r"(PIP_\w+|UV_\w+|GIT_CONFIG_\w+|(https?|no|all)_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|LANG|TZ)",
    re.I,
)


class Scratch:
    """The scratch folder of one machine."""

    def __init__(
        self,
        world: "World",
        root: Path,
        home: str,
        machine: str,
        image: str,
        conditions: Mapping[str, float | None] = MappingProxyType({}),
    ) -> None:
        """Name the folder, without making it; `prepare` makes it.

        Args:
            world: The world whose journal and software the machine uses.
            root: The folder on this computer that plays the machine's `/`.
            home: The machine's home, for example `/home/cc`.
            machine: The machine's name, for the prompt and the journal.
            image: The machine's image. The machine has only this image's commands, not this
                computer's others.
            conditions: The machine's faults, as `conditions.worsen` takes them.
        """
        self.root = root
        self.virtual_home = PurePosixPath(home)
        self.home = self.inside(home)
        self.machine = machine
        self._world = world
        self._image = image
        self._conditions = conditions

    @property
    def commands(self) -> Path:
        """The folder of the machine's commands, which is its PATH."""
        return _commands(self.root)

    def inside(self, path: str) -> Path:
        """Return the path on this computer of a machine's path; `..` cannot leave the folder."""
        parts: list[str] = []
        for part in PurePosixPath("/", self.virtual_home, path).parts[1:]:
            if part == "..":
                del parts[-1:]
            else:
                parts.append(part)
        return self.root.joinpath(*parts)

    def prepare(self) -> None:
        """Make the home, a temporary folder and the image's commands; a folder that is there is
        left alone.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        (self.root / "tmp").mkdir(exist_ok=True)
        offer(self.commands, self._world.software.commands(self._image))
        worsen(self.commands, self._conditions)

    def environment(self, user: str, **extra: str) -> dict[str, str]:
        """Return the environment of a command: PATH with the image's commands, HOME, and little
        else.
        """
        passed = {
            name: value
            for name, value in os.environ.items()
            if _PASSED_ON.fullmatch(name) or name in self._world.software.variables
        }
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        # uv's cache is this computer's: a machine's packages are fetched once, however often it is
        # made.
        variables = {"UV_CACHE_DIR": str(cache / "uv")} | passed
        path = f"{_commands(self.root)}:{self.home / '.local/bin'}"
        temporary = str(self.root / "tmp")
        variables |= {
            "PATH": path,
            "HOME": str(self.home),
            "USER": user,
            "LOGNAME": user,
            "HOSTNAME": self.machine,
            "SHELL": "/bin/bash",
            "TMPDIR": temporary,
            "PS1": rf"[rehearsed] {user}@{self.machine}:\W\$ ",
        }
        variables |= {
            "REHEARSAL_MACHINE": self.machine,
            "REHEARSAL_JOURNAL": str(self._world.journal),
            "REHEARSAL_COMMANDS": str(_commands(self.root)),
            "REHEARSAL_SOFTWARE": str(self._world.software_file),
        }
        return variables | extra

    def localise(self, command: str) -> str:
        """Return a shell command in which the machine's home, spelled out, is the scratch home.

        Only whole paths are replaced: `/home/cc/x` is, `/backup/home/cc` is not.
        """
        pattern = rf"(?<![\w./-]){re.escape(str(self.virtual_home))}(?=$|[^\w.-])"
        return re.sub(pattern, lambda _: str(self.home), command)


def _commands(root: Path) -> Path:
    return root / ".commands"


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive safely: all its files stay inside a folder.

    Raises:
        tarfile.TarError: An entry points outside, or is no file and no folder.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    for member in archive:  # Debian 12's Python 3.11.2 knows no filters
        path = PurePosixPath(member.name)
        is_plain = member.isfile() or member.isdir()
        if not is_plain or path.is_absolute() or ".." in path.parts:
            raise tarfile.ExtractError(
                f"{member.name!r} points outside the folder, or is no plain file"
            )
        archive.extract(member, folder)


def offer(folder: Path, names: Iterable[str], *, stand_ins: bool = False) -> None:
    """Make a folder of commands: this computer's own, and a shim for each one that it lacks or must
    not run.

    Args:
        folder: A folder that exists is left as it is.
        names: The names of the commands.
        stand_ins: Take the rehearsal's util-linux although this computer has one; a Mac has none.
    """
    if folder.exists():
        return
    folder.mkdir(parents=True)
    for name in names:
        own = shutil.which(name, path=_SYSTEM_PATH)
        if name in ("python", "python3"):
            # The system's, and not that of this process's environment: an image has no packages.
            # Through a link it would look for its library beside the link, and what pip installs
            # goes to the machine's home.
            shim.make(
                folder,
                name,
                "/usr/bin/env",
                "PIP_USER=1",
                getattr(sys, "_base_executable", sys.executable),
            )
        elif name in util_linux.COMMANDS and (stand_ins or own is None):
            shim.make(folder, name, sys.executable, "-S", "-E", util_linux.__file__, name)
        elif name in shim.COMMANDS or own is None:
            shim.make(folder, name)
        else:
            (folder / name).symlink_to(own)


def _processes_of(root: Path) -> Iterator[psutil.Process]:
    """Yield the processes that run in a machine."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # another user's, or over
            if process.environ().get("REHEARSAL_COMMANDS") == str(_commands(root)):
                yield process


async def _read(process: Process, output: bytearray) -> None:
    """Add to the output what a process writes, until it closes its stdout."""
    assert process.stdout is not None
    while chunk := await process.stdout.read(65_536):
        output += chunk


class Processes:
    """Starts commands in machines, each in a separate process group; all their processes end with
    their machine.
    """

    def __init__(self) -> None:
        self._roots: set[Path] = set()
        self._unfinished: set[asyncio.Task[None]] = set()

    async def start(
        self, scratch: Scratch, command: list[str], environment: dict[str, str], **streams: Any
    ) -> Process:
        """Start a command in the machine's home; three pipes lead to it unless `streams` say
        otherwise.

        Raises:
            FileNotFoundError: There is no such program.
            PermissionError: It is none that can be run.
        """
        scratch.prepare()
        pipes = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE} | streams
        self._roots.add(scratch.root)
        return await asyncio.create_subprocess_exec(
            *command, cwd=scratch.home, env=environment, start_new_session=True, **pipes
        )

    async def run(
        self, scratch: Scratch, command: list[str], environment: dict[str, str], limit_s: float
    ) -> tuple[str, int | None]:
        """Run a command, and wait for its end for at most some seconds.

        Returns:
            Its output on stdout and stderr, and its exit code. The code is 128 plus the signal's
            number if a signal ended it, -1 if there is no such program, and None if it did not end
            within the limit. It then continues, and its further output is lost.
        """
        try:
            process = await self.start(scratch, command, environment, stdin=DEVNULL, stderr=STDOUT)
        except (FileNotFoundError, PermissionError):
            return "Malformed command, or binary not found in container", -1
        output = bytearray()
        reading = asyncio.create_task(_read(process, output))
        ended, _ = await asyncio.wait([reading], timeout=limit_s)
        if not ended:
            # The loop itself holds tasks weakly.
            self._unfinished.add(reading)
            reading.add_done_callback(self._unfinished.discard)
            return output.decode(errors="replace"), None
        code = await process.wait()
        return output.decode(errors="replace"), code if code >= 0 else 128 - code

    def usage(self, root: Path) -> tuple[int, int]:
        """Return what a machine's processes use: billionths of a core, each on average since it
        began, and KiB of memory.
        """
        nanocores, memory_kib = 0, 0
        for process in _processes_of(root):
            with contextlib.suppress(psutil.Error):
                times, age_s = process.cpu_times(), time.time() - process.create_time()
                nanocores += round((times.user + times.system) / max(age_s, 0.1) * 1e9)
                memory_kib += process.memory_info().rss // 1024
        return nanocores, memory_kib

    def end(self, root: Path) -> None:
        """End all processes of a machine, including its jobs in other sessions."""
        self._roots.discard(root)
        for _ in range(100):  # one of them may just be starting another
            killed = False
            for process in _processes_of(root):
                with contextlib.suppress(psutil.Error):
                    process.kill()
                    killed = True
            if not killed:
                return
            time.sleep(0.02)

    @staticmethod
    def end_one(group: int) -> None:
        """End one process group of a machine, when the session that started it was cut."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)

    def end_all(self) -> None:
        """End everything that was started in any machine."""
        for root in list(self._roots):
            self.end(root)
