"""What this host lets the grader do to keep a command apart, found out by trying."""

from __future__ import annotations

import functools
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from grading.sandbox import no_network
from labs.workspace import PROJECT_DIR

#: Users that no account has, one for each sandbox: a limit on processes counts a user's, and cleaning up kills a
#: user's.
FIRST_USER, USERS = 210_000, 40_000

#: What a command is put behind so that it can open no network socket.
WITHOUT_NETWORK = (sys.executable, "-I", "-S", str(Path(no_network.__file__)))

#: Namespaces, the most wanted combination first.
_NAMESPACES = (
    ("--net", "--ipc", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"),
    ("--net", "--pid", "--fork", "--kill-child"),
    ("--pid", "--fork", "--kill-child"),
    ("--net",),
)


@dataclass(frozen=True)
class Abilities:
    """The walls that can be built here."""

    #: Arguments of unshare(1) that work; none when namespaces are forbidden.
    unshare: tuple[str, ...]
    #: Whether commands can run as a user of their own.
    own_user: bool
    #: Folders that a foreign user cannot pass on its way to Python or to the course, and what has to be shown below.
    blocked: tuple[tuple[Path, tuple[Path, ...]], ...]
    #: Whether the kernel refuses network sockets to a process that asks for it.
    filters: bool = False

    @property
    def network(self) -> bool:
        """Whether the network can be taken away, by a namespace or by a filter."""
        return "--net" in self.unshare or self.filters

    @property
    def processes(self) -> bool:
        """Whether a command sees no process but its own, and all of them end with it."""
        return "--pid" in self.unshare

    @property
    def mounts(self) -> bool:
        """Whether folders can be hidden from a command."""
        return "--mount" in self.unshare

    @property
    def apart(self) -> bool:
        """Whether a command can be kept from the grader's own processes and files: else, no student code is run."""
        return (self.own_user and (self.mounts or not self.blocked)) or (self.mounts and self.processes)

    def missing(self) -> list[str]:
        """Return, in words, what could not be done here."""
        told = {
            "neither network namespace nor filter: sandboxed code can reach the network": self.network,
            "no process namespace: processes are cleaned up by their user instead": self.processes,
            "no user of its own (the grader is not root): files are kept apart by mounts only": self.own_user,
            "no mount namespace: the course's folders can be read by sandboxed code": self.mounts,
        }
        return [words for words, there in told.items() if not there]


@functools.lru_cache(maxsize=1)
def abilities() -> Abilities:
    """Return what works here, tried once a process."""
    root = os.geteuid() == 0
    tools = all(shutil.which(tool) for tool in ("timeout", "prlimit", "setpriv", "env"))
    own_user = root and tools and _works("setpriv", *privileges(FIRST_USER), "true")
    user_namespace = () if root else ("--user", "--map-root-user")
    unshare: tuple[str, ...] = ()
    if shutil.which("unshare"):
        tries = ((*user_namespace, *some) for some in _NAMESPACES)
        unshare = next((some for some in tries if _works("unshare", *some, "true")), ())
    filters = no_network.is_known() and _works(*WITHOUT_NETWORK, "true")
    return Abilities(unshare, own_user, _blocked() if own_user else (), filters)


def privileges(user: int | None) -> list[str]:
    """Return setpriv's arguments that give up everything.

    Args:
        user: Number of the user to become; None keeps the present one, without its capabilities.
    """
    become = [] if user is None else [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return [*become, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _blocked() -> tuple[tuple[Path, tuple[Path, ...]], ...]:
    """Return the folders closed to other users above what a sandbox needs, with what it needs of each."""
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), PROJECT_DIR.resolve()}
    found: dict[Path, list[Path]] = {}
    for path in sorted(needed):
        for folder in (*reversed(path.parents), path):
            if not folder.stat().st_mode & stat.S_IXOTH:
                found.setdefault(folder, []).append(path)
                break
    return tuple((folder, tuple(paths)) for folder, paths in found.items())
