"""Sources of files: a folder whose links are not followed, or a zip that is never extracted
blindly.
"""

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

from labs.course.limits import IntakeLimits

#: What Python's own reader of zips raises where one is damaged: it trusts names, lengths and flags.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    MemoryError,
)

#: Function that opens a file for reading.
Opener = Callable[[], contextlib.AbstractContextManager[IO[bytes]]]

#: Folders within each other that are looked into.
_DEEPEST = 6


class HandInRefusedError(ValueError):
    """A file, or a whole submission, is not read; the message is a sentence for the student."""


@dataclass
class Source:
    """A submission before anything is known about it."""

    #: How each file is opened for reading, by its path with forward slashes; raises
    #: ``HandInRefusedError``.
    files: dict[str, Opener] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@contextlib.contextmanager
def open_source(submission: Path, limits: IntakeLimits) -> Iterator[Source]:
    """Open a folder or zip; one that cannot be opened becomes an empty submission with a reason.

    A folder that holds only one zip is read as that zip.
    """
    with contextlib.ExitStack() as stack:
        try:
            source = _source_of(submission, limits, stack)
        except HandInRefusedError as error:
            source = Source(faults=[str(error)])
        except _DAMAGE as error:
            source = Source(faults=[f"Neither a folder nor a whole zip file: {error}"])
        yield source


def _source_of(path: Path, limits: IntakeLimits, stack: contextlib.ExitStack) -> Source:
    if path.is_dir() and not path.is_symlink():
        visible = [inside for inside in path.iterdir() if not inside.name.startswith(".")]
        is_one_zip = len(visible) == 1 and visible[0].name.lower().endswith(".zip")
        if not is_one_zip:
            return _of_folder(path, limits)
        path = visible[0]
    file = stack.enter_context(Sparing(io.FileIO(open_regular(path))))
    file.most_bytes = limits.directory_bytes
    archive = stack.enter_context(zipfile.ZipFile(file))
    return _of_zip(archive, limits)


def _of_zip(archive: zipfile.ZipFile, limits: IntakeLimits) -> Source:
    """Return a zip's members, which are read one by one, and never by the paths that they claim."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        # One without a name is none; Python's reader stumbles over it.
        if info.filename:
            # Some packers write backslashes.
            members[info.filename.replace("\\", "/")] = info
    source = Source()
    for name, info in itertools.islice(members.items(), limits.files):
        if not name.endswith("/"):
            source.files[name] = partial(_open_member, archive, info)
    if len(members) > limits.files:
        return _cut(source, limits)
    return source


def _of_folder(root: Path, limits: IntakeLimits) -> Source:
    """Return what lies below a folder, links and pipes included: opening them says no to them by
    name.
    """
    source = Source()
    folders = [""]
    count = 0
    # The loop below appends to this list.
    for prefix in folders:
        with os.scandir(root / prefix) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            count += 1
            if count > limits.files:
                return _cut(source, limits)
            name = f"{prefix}{entry.name}"
            depth = name.count("/")
            if not entry.is_dir(follow_symlinks=False):
                source.files[name] = partial(_open_file, root, name)
            elif depth < _DEEPEST and not entry.name.startswith("."):
                folders.append(f"{name}/")
    return source


def _cut(source: Source, limits: IntakeLimits) -> Source:
    source.faults.append(f"More than {limits.files} files: the rest was not looked at.")
    return source


@contextlib.contextmanager
def _open_file(root: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a regular file; no part of its path may be a link."""
    folder = root
    for part in Path(name).parts[:-1]:
        folder = folder / part
        if folder.is_symlink():
            raise HandInRefusedError("Its folder is a link: it was left.")
    with os.fdopen(open_regular(root / name), "rb") as file:
        yield file


@contextlib.contextmanager
def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Open a member that is a plain file."""
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise HandInRefusedError("A link or device in the zip: it was left.")
    if info.flag_bits & 1:
        raise HandInRefusedError("Encrypted: it cannot be read.")
    try:
        with archive.open(info) as file:
            yield file
    except HandInRefusedError:
        raise
    except _DAMAGE as error:
        raise HandInRefusedError(f"Damaged in the zip: {error}") from None


class Sparing(io.BufferedReader):
    """A zip's file that refuses large reads; members' contents are always read in small pieces."""

    most_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            HandInRefusedError: There are too many: of a zip, only the list of its members is read
                like that.
        """
        if size is not None and size > self.most_bytes:
            raise HandInRefusedError(
                "The zip lists far more files than a submission has: hand in only the "
                "required files."
            )
        return super().read(size)


def encoding_of(path: Path) -> str:
    """Return a text's encoding: UTF-8, with or without a mark at its beginning, or UTF-16, as some
    editors save it.
    """
    with path.open("rb") as file:
        first = file.read(2)
    if first in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    # The first character is a bracket, one byte of which is zero.
    if first == b"{\0":
        return "utf-16-le"
    if first == b"\0{":
        return "utf-16-be"
    return "utf-8-sig"


def open_regular(path: Path) -> int:
    """Return a descriptor of a regular file, looked at before and after it was opened.

    Raises:
        HandInRefusedError: It is a link, a pipe, a device or a folder; opening a pipe would wait
            for ever.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise HandInRefusedError("A link, a pipe or a device, not a regular file: it was left.")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise HandInRefusedError(f"It cannot be opened: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise HandInRefusedError("Not a regular file any more: it was left.")
    return descriptor
