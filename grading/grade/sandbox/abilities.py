"""What this host lets the grader do to keep a command apart, found out by trying."""

import functools
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from grading.grade.sandbox import no_network
from grading.grade.sandbox.visible import CLOSED
from labs.workspace import PROJECT_DIR

#: Users that no account has, one for each sandbox: a limit on processes counts a user's, and cleaning up kills a
#: user's.
FIRST_USER, USERS = 210_000, 40_000

#: Set by Gradescope's ``run_autograder`` alone: its container holds one hand-in, and no solution.
ALONE_VARIABLE = "GRADER_ALONE"

#: What a command is put behind so that it can open no network socket.
WITHOUT_NETWORK = (sys.executable, "-I", "-S", str(Path(no_network.__file__)))


@dataclass(frozen=True)
class Abilities:
    """The walls that can be built here."""

    #: Whether bubblewrap works: a command sees the files that are named for it and nothing else, no network, and no
    #: processes but its own.
    bubblewrap: bool
    #: Whether commands can run as a user of their own.
    own_user: bool
    #: Whether such a user can reach Python and the course where they lie.
    in_reach: bool = True
    #: Whether the kernel refuses network sockets to a process that asks for it.
    filters: bool = False
    #: Whether one hand-in is alone on this machine, as in Gradescope's containers, which forbid namespaces.
    alone: bool = False

    @property
    def network(self) -> bool:
        """Whether the network can be taken away."""
        return self.bubblewrap or self.filters

    @property
    def apart(self) -> bool:
        """Whether a command can be kept from the grader's files and other hand-ins: else, no code of a student runs."""
        return self.bubblewrap or (self.alone and self.own_user and self.in_reach)

    @property
    def refusal(self) -> str:
        """Why no student's code is run here and what would help, in one sentence; empty if it is run."""
        if self.apart:
            return ""
        return (
            "students' code is not run here, since without bubblewrap it could read other hand-ins and the course's "
            "solutions: grade on a Linux machine with bubblewrap (Debian, Ubuntu: apt install bubblewrap), as any "
            "virtual machine of your own can be, or on Gradescope"
        )

    def missing(self) -> list[str]:
        """Return, in words, what could not be done here."""
        told = {
            "no bubblewrap (Debian, Ubuntu: apt install bubblewrap; many containers forbid it): sandboxed code can "
            "read what every user of this machine can read": self.bubblewrap,
            "neither bubblewrap nor a filter: sandboxed code can reach the network": self.network,
            "no user of its own (the grader is not root): processes are not counted by sandbox": self.own_user,
        }
        return [*filter(None, [self.refusal]), *(words for words, there in told.items() if not there)]


@functools.lru_cache(maxsize=1)
def abilities() -> Abilities:
    """Return what works here, tried once a process."""
    tools = all(shutil.which(tool) for tool in ("timeout", "prlimit", "setpriv", "env"))
    own_user = os.geteuid() == 0 and tools and _works("setpriv", *privileges(FIRST_USER), "true")
    walls = ("--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *CLOSED)
    bubblewrap = tools and _works("bwrap", *walls, "true")
    filters = no_network.is_known() and _works(*WITHOUT_NETWORK, "true")
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), PROJECT_DIR.resolve()}
    folders = {folder for path in needed for folder in (path, *path.parents)}
    in_reach = all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
    return Abilities(bubblewrap, own_user, in_reach, filters, bool(os.environ.get(ALONE_VARIABLE)))


def privileges(user: int | None) -> list[str]:
    """Return setpriv's arguments that give up everything; without a user, the present one without its capabilities."""
    become = [] if user is None else [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return [*become, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
