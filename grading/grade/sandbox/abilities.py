"""The host's means of isolating a command, found by trying them."""

import functools
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from grading.grade.sandbox import control_group, system_calls
from grading.grade.sandbox.bubblewrap import why_not
from grading.grade.sandbox.visible import CLOSED
from labs.shell import python
from labs.workspace import PROJECT_DIR

#: Users of sandboxes, one for each: a limit on processes counts a user's, and cleaning up kills a
#: user's. No account, container or service has these numbers:
#:
#: - systemd takes 61184 to 65519 for dynamic users, 524288 to 1879048191 for containers, 2147352576
#:   to 2147418111 for foreign images, and calls 1879048192 to 2147483647 unused beside those
#:   (https://systemd.io/UIDS-GIDS/);
#: - Debian and Ubuntu take sub-uids from 100000 to 600100000 (``SUB_UID_MIN``, ``SUB_UID_MAX`` in
#:   /etc/login.defs);
#: - sssd maps Windows accounts to 200000 to 2000200000 (``ldap_idmap_range_min`` and ``_max`` in
#:   sssd-ldap(5)).
FIRST_USER, USERS = 2_010_000_000, 100_000_000

#: Set by Gradescope's ``run_autograder`` alone: its container holds one hand-in, and no solution.
ALONE_VARIABLE = "GRADER_ALONE"

#: Prefix of a command that makes the kernel filter its system calls.
FILTERED = (sys.executable, "-I", "-S", str(Path(system_calls.__file__)))


@dataclass(frozen=True)
class Abilities:
    """The walls that can be built here."""

    #: Whether bubblewrap works: a command then sees only the files named for it and its own
    #: processes, without a network.
    bubblewrap: bool
    #: Whether commands can run as a separate user.
    own_user: bool
    #: Whether such a user can reach Python and the course where they lie.
    in_reach: bool = True
    #: Whether the kernel filters system calls (``system_calls``).
    filters: bool = False
    #: Whether one hand-in is alone on this machine, as in Gradescope's containers, which forbid
    #: namespaces.
    alone: bool = False
    #: Whether the kernel counts all memory of a command and its processes (``control_group``).
    control_group: bool = False
    #: Why bubblewrap does not work, and how to allow it, in one sentence.
    why_no_bubblewrap: str = ""

    @property
    def network(self) -> bool:
        """Whether the sandbox can block the network."""
        return self.bubblewrap or self.filters

    @property
    def apart(self) -> bool:
        """Whether a command can be kept from the grader's files and other hand-ins: else, no code
        of a student runs.
        """
        return self.bubblewrap or (self.alone and self.own_user and self.in_reach)

    @property
    def refusal(self) -> str:
        """Why students' code cannot run here, with the fix, in one sentence; empty if it can
        run.
        """
        if self.apart:
            return ""
        refused = (
            "students' code is not run here, since without bubblewrap it could read other "
            "hand-ins and the course's solutions."
        )
        elsewhere = (
            "You can also grade on a Linux machine of your own, such as a virtual machine, or "
            "on Gradescope: all that is pending here is judged there."
        )
        return " ".join(filter(None, [refused, self.why_no_bubblewrap, elsewhere]))

    def missing(self) -> list[str]:
        """Return, in words, the limits of this host."""
        missing = [self.refusal] if self.refusal else []
        if not self.bubblewrap:
            reason = self.why_no_bubblewrap if self.apart else ""  # else the refusal says it
            sentence = (
                "no bubblewrap: sandboxed code can read what every user of this machine can read. "
                f"{reason}"
            )
            missing.append(sentence.strip())
        if not self.network:
            missing.append("neither bubblewrap nor a filter: sandboxed code can reach the network")
        if not self.filters:
            missing.append(
                "no filter of system calls: sandboxed code can keep memory where no limit counts "
                "it, and reach the host of a virtual machine"
            )
        if not self.own_user:
            missing.append(
                "no user of its own (the grader is not root): processes are not counted by sandbox"
            )
        if not self.control_group:
            in_own_group = f"systemd-run --scope -p Delegate=yes {python('grading class')} …"
            missing.append(
                f"no control group (systemd hands one over: {in_own_group}; add --user if you are "
                "not root): memory of processes is counted five times a second, and memory of "
                "sockets is bounded by their number alone"
            )
        return missing


@functools.lru_cache(maxsize=1)
def abilities() -> Abilities:
    """Return what works here, tried once a process."""
    tools = all(shutil.which(tool) for tool in ("timeout", "prlimit", "setpriv", "env"))
    own_user = os.geteuid() == 0 and tools
    if own_user:
        own_user = _complaint("setpriv", *privileges(FIRST_USER), "true") is None
    system = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    complaint = _complaint("bwrap", "--unshare-all", *system, *CLOSED, "true")
    filters = system_calls.is_known() and _complaint(*FILTERED, "true") is None
    why_no_bubblewrap = "" if complaint is None else why_not(complaint)
    return Abilities(
        bubblewrap=tools and complaint is None,
        own_user=own_user,
        in_reach=_is_in_reach(),
        filters=filters,
        alone=bool(os.environ.get(ALONE_VARIABLE)),
        control_group=control_group.handed_over() is not None,
        why_no_bubblewrap=why_no_bubblewrap,
    )


def _is_in_reach() -> bool:
    """Return whether every user can reach Python and the course where they lie."""
    folders: set[Path] = set()
    for place in (sys.base_prefix, sys.prefix, PROJECT_DIR):
        path = Path(place).resolve()
        folders |= {path, *path.parents}
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)


def privileges(user: int | None) -> list[str]:
    """Return setpriv's arguments that give up everything; without a user, the present one without
    its capabilities.
    """
    become = [] if user is None else [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return [*become, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]


def _complaint(*command: str) -> str | None:
    """Return the output of a command that fails; empty if it is missing, None if it works."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=10, check=False
        )
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return done.stderr.strip() or f"status {done.returncode}"
