"""Which processes there are: below one, or of a user.

Source: proc_pid_stat(5).
"""

from __future__ import annotations

import contextlib
from pathlib import Path


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
