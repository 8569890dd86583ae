"""A machine's scratch folder: where a rehearsed node or container keeps its files and runs its commands.

The folder plays the machine's root (`/`). Commands run as the current user with a short environment, the scratch
home as `$HOME` and as working directory, and the shims first on PATH. That keeps a rehearsal tidy; it is no prison:
a command that names a path outside its home reaches that path of this computer.
"""

import os
import re
import shlex
import sys
from pathlib import Path, PurePosixPath

from provisioning.rehearsal.machines import shim

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"
# What a command needs from this computer to reach package indexes; nothing that holds a token of OpenStack.
_PASSED_ON = re.compile(
    r"(PIP_\w+|UV_\w+|(https?|no|all)_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|LANG|TZ|REHEARSAL_PINNED)", re.I
)


class Scratch:
    """The scratch folder of one machine."""

    def __init__(self, root: Path, home: str, machine: str, journal: Path) -> None:
        """Name the folder; `prepare` makes it.

        Args:
            root: The folder on this computer that plays the machine's `/`.
            home: The machine's home, for example `/home/cc`.
            machine: The machine's name, for the prompt and the journal.
            journal: The file to which shims add a line.
        """
        self.root = root
        self.virtual_home = PurePosixPath(home)
        self.home = self.inside(home)
        self.machine = machine
        self.journal = journal

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
        """Make the home, a temporary folder and the shims; a folder that is there is left alone."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.root / "tmp").mkdir(exist_ok=True)
        shims = self.root / ".shims"
        if shims.exists():
            return
        shims.mkdir()
        program = f"{shlex.quote(sys.executable)} -S -E {shlex.quote(shim.__file__)}"
        for name in shim.COMMANDS:
            script = shims / name
            script.write_text(f'#!/bin/sh\nexec {program} {shlex.quote(name)} "$@"\n', encoding="utf-8")
            script.chmod(0o755)

    def environment(self, user: str, **extra: str) -> dict[str, str]:
        """Return the environment of a command: PATH with the shims first, HOME, and little else.

        Args:
            user: The user name the machine shows, for example `cc`.
            extra: More variables, for example those a container was started with.
        """
        passed = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
        python = Path(sys.base_prefix) / "bin"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        # uv's cache is this computer's: a machine's packages are fetched once, however often it is made.
        return (
            {"UV_CACHE_DIR": str(cache / "uv")}
            | passed
            | {
                "PATH": f"{self.root / '.shims'}:{self.home / '.local/bin'}:{_SYSTEM_PATH}:{python}",
                "HOME": str(self.home),
                "USER": user,
                "LOGNAME": user,
                "HOSTNAME": self.machine,
                "SHELL": "/bin/bash",
                "TMPDIR": str(self.root / "tmp"),
                "PS1": rf"[rehearsed] {user}@{self.machine}:\W\$ ",
                "REHEARSAL_MACHINE": self.machine,
                "REHEARSAL_JOURNAL": str(self.journal),
                **extra,
            }
        )

    def localise(self, command: str) -> str:
        """Return a shell command in which the machine's home, spelled out, is the scratch home.

        Only whole paths are replaced: `/home/cc/x` is, `/backup/home/cc` is not.
        """
        pattern = rf"(?<![\w./-]){re.escape(str(self.virtual_home))}(?=$|[^\w.-])"
        return re.sub(pattern, lambda _: str(self.home), command)
