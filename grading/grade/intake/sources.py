"""Where files are read from: a folder of which nothing is followed, or a zip of which nothing is extracted blindly."""

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from labs.course.limits import Limits

#: What Python's own reader of zips raises where one is damaged: it trusts names, lengths and flags.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, MemoryError),
)

#: Folders within each other that are looked into.
_DEEPEST = 6


class RefusedError(ValueError):
    """A file, or a whole submission, is not read; the message is a sentence for the student."""


@dataclass
class Source:
    """A submission before anything is known about it."""

    #: How each file is opened for reading, by its path with forward slashes; raises ``RefusedError``.
    files: dict[str, Callable[[], contextlib.AbstractContextManager[IO[bytes]]]] = field(
        default_factory=dict
    )
    faults: list[str] = field(default_factory=list)


@contextlib.contextmanager
def open_source(submission: Path, limits: Limits) -> Iterator[Source]:
    """Open a folder or zip; what cannot be opened at all is an empty submission that says why.

    A folder that holds nothing but one zip is read as that zip.
    """
    with contextlib.ExitStack() as stack:
        try:
            source = _source_of(submission, limits, stack)
        except RefusedError as error:
            source = Source(faults=[str(error)])
        except _DAMAGE as error:
            source = Source(faults=[f"Neither a folder nor a whole zip file: {error}"])
        yield source


def _source_of(path: Path, limits: Limits, stack: contextlib.ExitStack) -> Source:
    if path.is_dir() and not path.is_symlink():
        inside = sorted(entry.name for entry in os.scandir(path) if not entry.name.startswith("."))
        if len(inside) != 1 or not inside[0].lower().endswith(".zip"):
            return _of_folder(path, limits)
        path = path / inside[0]
    file = stack.enter_context(Sparing(io.FileIO(open_regular(path))))
    file.most_bytes = limits.directory_bytes
    archive, found = stack.enter_context(zipfile.ZipFile(file)), Source()
    # Members are read one by one, and never by the paths that they claim. One without a name is none; Python's reader
    # stumbles over it. Some packers write backslashes.
    members = {
        info.filename.replace("\\", "/"): info for info in archive.infolist() if info.filename
    }
    for name, info in itertools.islice(members.items(), limits.files):
        if not name.endswith("/"):
            found.files[name] = partial(_open_member, archive, info)
    return found if len(members) <= limits.files else _cut(found, limits)


def _of_folder(root: Path, limits: Limits) -> Source:
    """Return what lies below a folder, links and pipes included: opening them says no to them by name."""
    found, folders, count = Source(), [""], 0
    # It grows while it is gone through.
    for prefix in folders:
        with os.scandir(root / prefix) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            count += 1
            if count > limits.files:
                return _cut(found, limits)
            name = f"{prefix}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                found.files[name] = partial(_open_file, root, name)
            elif name.count("/") < _DEEPEST and not entry.name.startswith("."):
                folders.append(f"{name}/")
    return found


def _cut(found: Source, limits: Limits) -> Source:
    found.faults.append(f"More than {limits.files} files: the rest was not looked at.")
    return found


@contextlib.contextmanager
def _open_file(root: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a regular file; no part of its path may be a link."""
    folder = root
    for part in Path(name).parts[:-1]:
        folder = folder / part
        if folder.is_symlink():
            raise RefusedError("Its folder is a link: it was left.")
    with os.fdopen(open_regular(root / name), "rb") as file:
        yield file


@contextlib.contextmanager
def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Open a member that is a plain file."""
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise RefusedError("A link or device in the zip: it was left.")
    if info.flag_bits & 1:
        raise RefusedError("Encrypted: it cannot be read.")
    try:
        with archive.open(info) as file:
            yield file
    except RefusedError:
        raise
    except _DAMAGE as error:
        raise RefusedError(f"Damaged in the zip: {error}") from None


class Sparing(io.BufferedReader):
    """A zip's file, of which nothing large is read at once: of its members' contents it never is."""

    most_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            RefusedError: There are too many: of a zip, only the list of its members is read like that.
        """
        if size is not None and size > self.most_bytes:
            raise RefusedError(
                "The zip lists far more files than a submission has: hand in only what is asked for."
            )
        return super().read(size)


def encoding_of(path: Path) -> str:
    """Return a text's encoding: UTF-8, with or without a mark at its beginning, or UTF-16, as some editors save it."""
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
