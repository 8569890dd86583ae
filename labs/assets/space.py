"""Room on the disk: asked for before a file is written, and missed in words when it runs out all the same."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labs.assets.errors import SpaceError
from labs.assets.places import CACHE_VARIABLE


def free_bytes(folder: Path) -> int:
    """Return the room on the disk that holds a folder, in bytes."""
    return shutil.disk_usage(folder).free


def require_room(folder: Path, needed_bytes: int) -> None:
    """Check that a disk has room for what is about to be written.

    Args:
        folder: An existing folder on that disk.
        needed_bytes: Bytes that will be written, with what should stay free.

    Raises:
        SpaceError: There is less.
    """
    if free_bytes(folder) < needed_bytes:
        raise SpaceError(_message(folder, f"{needed_bytes / 1e6:.0f} MB are needed"))


@contextmanager
def full_disk_in_words(folder: Path) -> Iterator[None]:
    """Turn the system's 'no space left' into a `SpaceError` that says what to do.

    Args:
        folder: An existing folder on the disk that is written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SpaceError(_message(folder, "the disk is full or your quota is used up")) from error


def _message(folder: Path, trouble: str) -> str:
    return (
        f"{trouble}, and {free_bytes(folder) / 1e6:.0f} MB are free at {folder}; make room, or set {CACHE_VARIABLE} to "
        "a folder on another disk. What has arrived of a download is kept"
    )
