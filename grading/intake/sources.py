"""Where files are read from: a folder of which nothing is followed, or a zip of which nothing is extracted blindly."""

from __future__ import annotations

import codecs
import contextlib
import io
import itertools
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from grading.intake.limits import Limits

#: What Python's own reader of zips raises where one is damaged: it trusts names, lengths and flags.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, MemoryError),
)


class RefusedError(ValueError):
    """A file, or a whole submission, is not read; the message is a sentence for the student."""


class Source(Protocol):
    """A submission before anything is known about it."""

    def names(self) -> Iterator[str]:
        """Yield the paths of its files, with forward slashes; raise ``RefusedError`` at the caps."""

    def open(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """Open one file for reading; raise ``RefusedError`` when it is no regular file."""


@contextlib.contextmanager
def open_source(submission: Path, limits: Limits) -> Iterator[Source]:
    """Open a submission; what cannot be opened at all is an empty one that says why."""
    with contextlib.ExitStack() as stack:
        try:
            source = _source_of(submission, limits, stack)
        except RefusedError as error:
            source = Nothing(str(error))
        except _DAMAGE as error:
            source = Nothing(f"Neither a folder nor a whole zip file: {error}")
        yield source


def _source_of(path: Path, limits: Limits, stack: contextlib.ExitStack) -> Source:
    if path.is_dir() and not path.is_symlink():
        inside = sorted(entry.name for entry in os.scandir(path) if not entry.name.startswith("."))
        if len(inside) != 1 or not inside[0].lower().endswith(".zip"):
            return Folder(path, limits)
        path = path / inside[0]
    file = stack.enter_context(Sparing(io.FileIO(open_regular(path))))
    file.most_bytes = limits.directory_bytes
    return Zip(stack.enter_context(zipfile.ZipFile(file)), limits)


class Sparing(io.BufferedReader):
    """A zip's file, of which nothing large is read at once: of its members' contents it never is."""

    most_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            RefusedError: There are too many: of a zip, only the list of its members is read like that.
        """
        if size is not None and size > self.most_bytes:
            raise RefusedError("The zip lists far more files than a submission has: hand in only what is asked for.")
        return super().read(size)


class Nothing:
    """A submission that cannot be read."""

    def __init__(self, why: str) -> None:
        self.why = why

    def names(self) -> Iterator[str]:
        """Refuse at once."""
        raise RefusedError(self.why)
        yield

    def open(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """There is nothing to open."""
        raise RefusedError(self.why)


class Folder:
    """A folder, as Gradescope lays it out."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.root = root
        self.limits = limits

    def names(self) -> Iterator[str]:
        """Yield paths below the root, links and pipes included: ``open`` says no to them by name."""
        count, folders = 0, [""]
        while folders:
            prefix = folders.pop(0)
            with os.scandir(self.root / prefix) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
            for entry in listed:
                count += 1
                if count > self.limits.files:
                    raise RefusedError(f"More than {self.limits.files} files: the rest was not looked at.")
                name = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if name.count("/") < 6 and not entry.name.startswith("."):
                        folders.append(f"{name}/")
                else:
                    yield name

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a regular file; no part of its path may be a link."""
        folder = self.root
        for part in Path(name).parts[:-1]:
            folder = folder / part
            if folder.is_symlink():
                raise RefusedError("Its folder is a link: it was left.")
        with os.fdopen(open_regular(self.root / name), "rb") as file:
            yield file


class Zip:
    """A zip whose members are read one by one, through caps, and never by the paths that they claim."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.archive = archive
        self.limits = limits
        #: By path. A member without a name is none; Python's reader stumbles over it. Some packers write backslashes.
        self.members = {info.filename.replace("\\", "/"): info for info in archive.infolist() if info.filename}

    def names(self) -> Iterator[str]:
        """Yield the members' paths."""
        for name in itertools.islice(self.members, self.limits.files):
            if not name.endswith("/"):
                yield name
        if len(self.members) > self.limits.files:
            raise RefusedError(f"More than {self.limits.files} files: the rest was not looked at.")

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a member that is a plain file."""
        info = self.members[name]
        mode = info.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise RefusedError("A link or device in the zip: it was left.")
        if info.flag_bits & 1:
            raise RefusedError("Encrypted: it cannot be read.")
        try:
            with self.archive.open(info) as file:
                yield file
        except RefusedError:
            raise
        except _DAMAGE as error:
            raise RefusedError(f"Damaged in the zip: {error}") from None


def encoding_of(path: Path) -> str:
    """Return how a text is encoded: UTF-8, with or without a mark at its beginning, or UTF-16, as some editors save it.

    Args:
        path: A regular file of the grader's own.
    """
    with path.open("rb") as file:
        first = file.read(2)
    if first in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    # The first character is a bracket, one byte of which is zero.
    return {b"{\0": "utf-16-le", b"\0{": "utf-16-be"}.get(first, "utf-8-sig")


def open_regular(path: Path) -> int:
    """Return a descriptor of a regular file, looked at before and after it was opened.

    Raises:
        RefusedError: It is a link, a pipe, a device or a folder; opening a pipe would wait for ever.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise RefusedError("A link, a pipe or a device, not a regular file: it was left.")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise RefusedError(f"It cannot be opened: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RefusedError("Not a regular file any more: it was left.")
    return descriptor
