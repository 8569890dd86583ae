"""A machine's scratch folder: where a rehearsed node or container keeps its files and runs its commands.

The folder plays the machine's root (`/`). Commands run as the current user with a short environment, the scratch
home as `$HOME` and as working directory, and on PATH what the machine's image brings. That keeps a rehearsal tidy; it
is no prison: a command that names a path outside its home reaches that path of this computer.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import psutil

from provisioning.rehearsal.machines import shim, util_linux
from provisioning.sites import images

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"
# What a command needs from this computer to reach package indexes and git's hosts, or the mirrors that stand for them;
# nothing that holds a token of OpenStack.
_PASSED_ON = re.compile(
    r"(PIP_\w+|UV_\w+|GIT_CONFIG_\w+|(https?|no|all)_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|LANG|TZ|REHEARSAL_PINNED)",
    re.I,
)


class Scratch:
    """The scratch folder of one machine."""

    def __init__(self, root: Path, home: str, machine: str, journal: Path, image: str) -> None:
        """Name the folder; `prepare` makes it.

        Args:
            root: The folder on this computer that plays the machine's `/`.
            home: The machine's home, for example `/home/cc`.
            machine: The machine's name, for the prompt and the journal.
            journal: The file to which shims add a line.
            image: What it was started from: its commands are the machine's, and no others of this computer.
        """
        self.root = root
        self.virtual_home = PurePosixPath(home)
        self.home = self.inside(home)
        self.machine = machine
        self.journal = journal
        self.image = image

    def inside(self, path: str) -> Path:
        """Return where a path of the machine lies on this computer; `..` cannot leave the folder."""
        parts: list[str] = []
        for part in PurePosixPath("/", self.virtual_home, path).parts[1:]:
            if part == "..":
                del parts[-1:]
            else:
                parts.append(part)
        return self.root.joinpath(*parts)

    def prepare(self) -> None:
        """Make the home, a temporary folder and the image's commands; a folder that is there is left alone."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.root / "tmp").mkdir(exist_ok=True)
        offer(_commands(self.root), images.commands(self.image))

    def environment(self, user: str, **extra: str) -> dict[str, str]:
        """Return the environment of a command: PATH with the image's commands, HOME, and little else."""
        passed = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        # uv's cache is this computer's: a machine's packages are fetched once, however often it is made.
        return (
            {"UV_CACHE_DIR": str(cache / "uv")}
            | passed
            | {
                "PATH": f"{_commands(self.root)}:{self.home / '.local/bin'}",
                "HOME": str(self.home),
                "USER": user,
                "LOGNAME": user,
                "HOSTNAME": self.machine,
                "SHELL": "/bin/bash",
                "TMPDIR": str(self.root / "tmp"),
                "PS1": rf"[rehearsed] {user}@{self.machine}:\W\$ ",
                "REHEARSAL_MACHINE": self.machine,
                "REHEARSAL_JOURNAL": str(self.journal),
                "REHEARSAL_COMMANDS": str(_commands(self.root)),
                **extra,
            }
        )

    def localise(self, command: str) -> str:
        """Return a shell command in which the machine's home, spelled out, is the scratch home.

        Only whole paths are replaced: `/home/cc/x` is, `/backup/home/cc` is not.
        """
        pattern = rf"(?<![\w./-]){re.escape(str(self.virtual_home))}(?=$|[^\w.-])"
        return re.sub(pattern, lambda _: str(self.home), command)


def _commands(root: Path) -> Path:
    return root / ".commands"


def offer(folder: Path, names: Iterable[str]) -> None:
    """Make a folder of commands: this computer's own, and a shim for what it lacks or must not run for a machine."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    for name in names:
        own = shutil.which(name, path=_SYSTEM_PATH)
        if name in ("python", "python3"):
            # The system's, and not that of this process's environment: an image has no packages. Through a link it
            # would look for its library beside the link, and what pip installs goes to the machine's home.
            shim.make(
                folder,
                name,
                "/usr/bin/env",
                "PIP_USER=1",
                getattr(sys, "_base_executable", sys.executable),
            )
        elif name in util_linux.COMMANDS and own is None:
            shim.make(folder, name, sys.executable, "-S", "-E", util_linux.__file__, name)
        elif name in shim.COMMANDS or own is None:
            shim.make(folder, name)
        else:
            (folder / name).symlink_to(own)


class Processes:
    """Starts commands in machines, each in a process group of its own; all that they start ends with their machine."""

    def __init__(self) -> None:
        self._roots: set[Path] = set()

    async def start(
        self, scratch: Scratch, command: list[str], environment: dict[str, str], **streams: Any
    ) -> Process:
        """Start a command in the machine's home; three pipes lead to it unless `streams` say otherwise.

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
    ) -> tuple[str, int]:
        """Run a command to its end, for at most some seconds.

        Returns:
            What it wrote to stdout and stderr, and its exit code: 128 plus the signal's number when a signal ended it,
            127 when there is no such program, 124 when the limit was reached.
        """
        try:
            process = await self.start(scratch, command, environment, stdin=DEVNULL, stderr=STDOUT)
        except (FileNotFoundError, PermissionError):
            why = "executable file not found in $PATH"
            return f'OCI runtime exec failed: exec: "{command[0]}": {why}: unknown\n', 127
        try:
            output, _ = await asyncio.wait_for(process.communicate(), limit_s)
        except TimeoutError:
            self.end_one(process.pid)
            return f"ended after {limit_s:.0f} s, the longest a command may run here\n", 124
        code = process.returncode or 0
        return output.decode(errors="replace"), code if code >= 0 else 128 - code

    def end(self, root: Path) -> None:
        """End everything that was started in a machine, its jobs in sessions of their own included."""
        self._roots.discard(root)
        for _ in range(100):  # one of them may just be starting another
            killed = False
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):  # another user's, or over
                    if process.environ().get("REHEARSAL_COMMANDS") == str(_commands(root)):
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
