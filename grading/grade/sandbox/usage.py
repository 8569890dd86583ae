"""The content of a sandbox: its processes, their memory and open files, and the files in its
folders.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Bytes of a block in ``stat``'s count of them, whatever the file system's own block is.
_BLOCK_BYTES = 512


@dataclass(frozen=True)
class SandboxUsage:
    """Sums over processes or folders."""

    memory_bytes: int = 0
    #: Files and folders. Infinite where not all of them can be counted.
    entries: float = 0
    #: Bytes on the disk, of deleted files too as long as a process has them open.
    disk_bytes: int = 0
    #: Open files of all processes, sockets and pipes among them.
    open_files: int = 0

    def __add__(self, other: SandboxUsage) -> SandboxUsage:
        memory_bytes = self.memory_bytes + other.memory_bytes
        entries = self.entries + other.entries
        disk_bytes = self.disk_bytes + other.disk_bytes
        open_files = self.open_files + other.open_files
        return SandboxUsage(memory_bytes, entries, disk_bytes, open_files)


def of_folder(folder: Path, most_entries: int) -> SandboxUsage:
    """Count a file, or a folder and all that is in it; stop at a number of entries, since counting
    costs time too.

    A folder that cannot be read counts as one with infinitely many entries: its modes are closed,
    or it is nested so deep that it has no path.
    """
    try:
        disk_bytes = _disk_bytes(folder.lstat())
    except OSError:
        return SandboxUsage()
    entries = 1
    waiting = [str(folder)] if folder.is_dir() and not folder.is_symlink() else []
    while waiting and entries <= most_entries:
        try:
            with os.scandir(waiting.pop()) as inside:
                for entry in inside:
                    entries += 1
                    disk_bytes += _disk_bytes(entry.stat(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if entries > most_entries:
                        break
        except FileNotFoundError:  # removed while it was counted
            continue
        except OSError:
            return SandboxUsage(entries=math.inf, disk_bytes=disk_bytes)
    return SandboxUsage(entries=entries, disk_bytes=disk_bytes)


def of_processes(processes: Iterable[int]) -> SandboxUsage:
    """Count the memory and the open files of some processes, by number; ended ones count 0."""
    memory_bytes = open_files = 0
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    deleted: dict[tuple[int, int], int] = {}
    for number in processes:
        with contextlib.suppress(OSError, IndexError):
            pages = Path(f"/proc/{number}/statm").read_text().split()
            memory_bytes += int(pages[1]) * page_bytes
            for descriptor in Path(f"/proc/{number}/fd").iterdir():
                open_files += 1
                with contextlib.suppress(OSError):
                    file = descriptor.stat()
                    if stat.S_ISREG(file.st_mode) and file.st_nlink == 0:
                        deleted[file.st_dev, file.st_ino] = _disk_bytes(file)
    return SandboxUsage(
        memory_bytes=memory_bytes, disk_bytes=sum(deleted.values()), open_files=open_files
    )


def _disk_bytes(file: os.stat_result) -> int:
    return file.st_blocks * _BLOCK_BYTES


def below(root: int) -> set[int]:
    """Return the descendants of the process ``root``."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name in parentheses may hold anything, spaces and parentheses too.
                text = (entry / "stat").read_text(errors="replace").rpartition(")")[2]
                parents[int(entry.name)] = int(text.split()[1])
    descendants: set[int] = set()
    wave = {root}
    while wave:
        children = {process for process, parent in parents.items() if parent in wave}
        wave = children - descendants
        descendants |= wave
    return descendants


def processes_of(user: int) -> list[int]:
    """Return the processes of a user, by its number."""
    processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [int(entry.name) for entry in processes if owner(entry) == user]


def owner(path: Path) -> int:
    """Return the number of a file's or a process's user; -1 where it is gone."""
    try:
        return path.lstat().st_uid
    except OSError:
        return -1
