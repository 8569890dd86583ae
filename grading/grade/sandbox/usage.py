"""What a sandbox holds: its processes, their memory and open files, and the files in its folders."""

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
class Usage:
    """Sums over processes or folders."""

    memory_bytes: int = 0
    #: Files and folders. Infinite where not all of them can be counted.
    entries: float = 0
    #: Bytes on the disk, of deleted files too as long as a process has them open.
    disk_bytes: int = 0
    #: Open files of all processes, sockets and pipes among them.
    open_files: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.memory_bytes + other.memory_bytes,
            self.entries + other.entries,
            self.disk_bytes + other.disk_bytes,
            self.open_files + other.open_files,
        )


def of_folder(folder: Path, most_entries: int) -> Usage:
    """Count a file, or a folder and all that is in it; stop at a number of entries, since counting costs time too.

    A folder that cannot be read counts as one with infinitely many entries: its modes are closed, or it is nested so
    deep that it has no path.
    """
    try:
        disk_bytes = _disk_bytes(folder.lstat())
    except OSError:
        return Usage()
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
            return Usage(entries=math.inf, disk_bytes=disk_bytes)
    return Usage(entries=entries, disk_bytes=disk_bytes)


def of_processes(processes: Iterable[int]) -> Usage:
    """Count the memory and the open files of some processes, by their numbers; those that have ended count nothing."""
    memory_bytes = open_files = 0
    deleted: dict[tuple[int, int], int] = {}
    for number in processes:
        with contextlib.suppress(OSError, IndexError):
            memory_bytes += int(Path(f"/proc/{number}/statm").read_text().split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
            for descriptor in Path(f"/proc/{number}/fd").iterdir():
                open_files += 1
                with contextlib.suppress(OSError):
                    file = descriptor.stat()
                    if stat.S_ISREG(file.st_mode) and file.st_nlink == 0:
                        deleted[file.st_dev, file.st_ino] = _disk_bytes(file)
    return Usage(memory_bytes=memory_bytes, disk_bytes=sum(deleted.values()), open_files=open_files)


def _disk_bytes(file: os.stat_result) -> int:
    return file.st_blocks * _BLOCK_BYTES


def below(root: int) -> set[int]:
    """Return the processes that come from one, itself not included."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name in parentheses may hold anything, spaces and parentheses too.
                words = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                parents[int(entry.name)] = int(words[1])
    found: set[int] = set()
    wave = {root}
    while wave:
        wave = {process for process, parent in parents.items() if parent in wave} - found
        found |= wave
    return found


def processes_of(user: int) -> list[int]:
    """Return the processes of a user, by its number."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and owner(entry) == user
    ]


def owner(path: Path) -> int:
    """Return the number of a file's or a process's user; -1 where it is gone."""
    try:
        return path.lstat().st_uid
    except OSError:
        return -1
