"""The shell commands that make a sandbox's view of the files, run inside its mount namespace before privileges go.

Secrets become empty folders, Python is shown to a user who could not reach it, and everything but the command's own
folder becomes read-only: a user's own files too, where the grader is an ordinary user and cannot become another one.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from grading.sandbox.abilities import Abilities
from labs.workspace import PROJECT_DIR

#: Folders without which nothing runs; whoever wants them hidden is not obeyed.
NEEDED = (PROJECT_DIR.resolve(), Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())

#: Where every user may write, and a command could leave something for the next one.
OPEN_TO_ALL = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))

#: Flags that a mount must keep when it becomes read-only; without privileges, dropping one is refused.
_KEPT_FLAGS = frozenset({"nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime"})

#: The kernel's own, which file permissions guard already.
_KERNELS = ("/proc", "/sys", "/dev")


def script(can: Abilities, temporary: Path, work: Path, hide: Sequence[Path]) -> str:
    """Return the commands, each of which ends the run when it fails.

    Args:
        can: What the host allows.
        temporary: The sandbox's own folder, for mounts that are kept aside.
        work: The command's folder, the only one that stays writable.
        hide: Folders to be emptied.
    """
    if not can.mounts:
        return ""
    lines = [*_shown(can, temporary), *_hidden(temporary, hide), f"mount --bind {work} {work}", *_read_only(can)]
    # cd again: the shell's folder may lie on what was mounted over.
    return "".join(f"{line} || exit 97; " for line in [*lines, f"cd {work}"])


def _shown(can: Abilities, temporary: Path) -> list[str]:
    """Return commands that put what is needed into closed folders that a foreign user may pass."""
    lines = []
    for number, (folder, needed) in enumerate(can.blocked):
        aside = []
        for index, path in enumerate(needed):
            place = temporary / f"aside-{number}-{index}"
            place.mkdir(exist_ok=True)
            aside.append((place, shlex.quote(str(path))))
        lines += [f"mount --bind {path} {place}" for place, path in aside]
        lines.append(f"mount -t tmpfs -o mode=755,size=64k tmpfs {shlex.quote(str(folder))}")
        # Whatever the grader keeps to itself by its own umask.
        lines += [f"(umask 022 && mkdir -p {path}) && mount --bind {place} {path}" for place, path in aside]
    return lines


def _hidden(temporary: Path, hide: Sequence[Path]) -> list[str]:
    kept = (temporary, *NEEDED)
    hidden = [path for path in hide if path.is_dir() and not any(one.is_relative_to(path) for one in kept)]
    return [f"mount -t tmpfs -o ro,mode=755,size=4k tmpfs {shlex.quote(str(path))}" for path in hidden]


def _read_only(can: Abilities) -> list[str]:
    """Return commands that make mounts read-only: all of them, or, for a user of its own, where everybody may write."""
    mounts = _mounts()
    wanted = set(mounts)
    if can.own_user:
        wanted = {max((m for m in mounts if path.is_relative_to(m)), key=len) for path in OPEN_TO_ALL if path.is_dir()}
    lines = []
    for place in sorted(wanted):
        flags = ",".join(["remount", "bind", "ro", *sorted(_KEPT_FLAGS & mounts[place])])
        lines.append(f"mount -o {flags} {shlex.quote(place)}")
    return lines


def _mounts() -> dict[str, set[str]]:
    """Return the options of what is mounted, by place; the newest where several are on top of each other."""
    found: dict[str, set[str]] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, _, options, *_ = line.split(" ")
        place = place.encode().decode("unicode_escape")
        if place == "/dev/shm" or not any(place == one or place.startswith(f"{one}/") for one in _KERNELS):
            found[place] = set(options.split(","))
    return found
