"""Taking pictures out of a zip or tar from somewhere else, and nothing but pictures.

An archive's own paths never become paths on this disk: the caller says for each picture where it goes. Everything
an archive can do besides holding files (links, devices, paths that climb out, endless content) is refused, since a
data set has no use for it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from labs.assets.errors import IntegrityError, UnsafeFileError
from labs.assets.fetch import Progress
from labs.assets.space import require_room
from labs.dataset import IMAGE_SUFFIXES

_CHUNK_BYTES = 1 << 18
_MAX_TAR_HEADER_BYTES = 1 << 20
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_COMPRESSIONS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}

#: Decides where a picture goes, as a path under the target folder; None leaves the picture out.
Place = Callable[[PurePosixPath], PurePosixPath | None]


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold; the real Food-11 has 16,643 pictures in 1.2 GB."""

    #: Most entries of any kind.
    max_entries: int = 60_000
    #: Largest single entry after unpacking, in bytes.
    max_file_bytes: int = 32 << 20
    #: All entries together after unpacking, in bytes.
    max_total_bytes: int = 6 << 30
    #: Room that must stay free on the disk, in bytes.
    reserve_bytes: int = 256 << 20


@dataclass(frozen=True)
class _Entry:
    """One file in an archive."""

    #: Its path as the archive gives it, checked.
    path: PurePosixPath
    #: Its size after unpacking as the archive states it, in bytes.
    size_bytes: int
    #: Opens its content.
    open: Callable[[], IO[bytes]]


def unpack_pictures(
    archive: Path, folder: Path, place: Place, limits: Limits = Limits(), progress: Progress | None = None
) -> int:
    """Write an archive's pictures to where the caller wants them and return how many there were.

    Args:
        archive: A zip, or a tar that is plain or compressed with gzip, bzip2 or xz.
        folder: Folder that the pictures go under; made if missing. What is there after an error is unfinished.
        place: Says where each picture goes.
        limits: How much is accepted.
        progress: Told about the bytes unpacked; the total is not known.

    Returns:
        Number of pictures written.

    Raises:
        UnsafeFileError: A link, a device, a path that climbs out, too many or too large files, or a file that is
            no picture behind a picture's name.
        IntegrityError: The archive is damaged or is none, or two pictures would get one name.
        SpaceError: The disk is too full.
    """
    count = total_bytes = 0
    with _entries(archive, limits) as entries:
        for entry in entries:
            total_bytes += entry.size_bytes
            if entry.size_bytes > limits.max_file_bytes or total_bytes > limits.max_total_bytes:
                raise UnsafeFileError(
                    f"{entry.path} makes {archive.name} larger than any picture collection is expected"
                )
            target = place(entry.path) if entry.path.suffix.lower() in IMAGE_SUFFIXES else None
            if target is None:
                continue
            _write(entry, folder / target, limits)
            count += 1
            if progress is not None:
                progress(total_bytes, None)
    return count


def _write(entry: _Entry, path: Path, limits: Limits) -> None:
    """Write one picture, with the sizes that really come rather than those that were promised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    require_room(path.parent, entry.size_bytes + limits.reserve_bytes)
    try:
        target = path.open("xb")
    except FileExistsError:
        raise IntegrityError(f"two pictures would both become {path.name} in {path.parent.name}") from None
    written_bytes = 0
    with target, entry.open() as source:
        while chunk := source.read(_CHUNK_BYTES):
            if not written_bytes and not chunk.startswith(_SIGNATURES):
                raise UnsafeFileError(f"{entry.path} is named like a picture but is neither JPEG nor PNG")
            written_bytes += len(chunk)
            if written_bytes > entry.size_bytes:
                raise UnsafeFileError(f"{entry.path} is larger than the archive says")
            target.write(chunk)
    if written_bytes != entry.size_bytes or not written_bytes:
        raise IntegrityError(f"{entry.path} ends after {written_bytes} of {entry.size_bytes} bytes")


@contextmanager
def _entries(archive: Path, limits: Limits) -> Iterator[Iterator[_Entry]]:
    """Open an archive of either kind and give its checked entries."""
    damaged = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile)
    try:
        with archive.open("rb") as file:
            start = file.read(6)
        if start.startswith(b"PK"):
            with zipfile.ZipFile(archive) as opened:
                yield _entries_of_zip(opened, limits)
        else:
            opener = next((opener for magic, opener in _COMPRESSIONS.items() if start.startswith(magic)), None)
            with opener(archive) if opener else archive.open("rb") as raw, tarfile.open(fileobj=_Bounded(raw)) as tar:
                yield _entries_of_tar(tar, limits)
    except damaged as error:
        raise IntegrityError(
            f"{archive.name} is damaged, or is neither a zip nor a tar ({error}); delete it and fetch it again"
        ) from error


def _entries_of_zip(archive: zipfile.ZipFile, limits: Limits) -> Iterator[_Entry]:
    """Yield a zip's files."""
    if len(archive.infolist()) > limits.max_entries:
        raise UnsafeFileError(f"the archive holds more than {limits.max_entries} entries")
    for info in archive.infolist():
        path = _checked_path(info.orig_filename)
        # The upper half holds Unix's kind of file; 0 when the archive was made elsewhere.
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeFileError(f"{path} is a link or a device; a picture archive has no need of those")
        if info.flag_bits & 1:
            raise UnsafeFileError(f"{path} is encrypted")
        if not info.is_dir():
            yield _Entry(path, info.file_size, lambda info=info: archive.open(info))


def _entries_of_tar(archive: tarfile.TarFile, limits: Limits) -> Iterator[_Entry]:
    """Yield a tar's files."""
    for count, info in enumerate(archive, start=1):
        if count > limits.max_entries:
            raise UnsafeFileError(f"the archive holds more than {limits.max_entries} entries")
        path = _checked_path(info.name)
        if not (info.isreg() or info.isdir()) or info.issparse():
            raise UnsafeFileError(f"{path} is a link, a device or has holes; a picture archive has no need of those")
        if not info.isdir():
            yield _Entry(path, info.size, lambda info=info: archive.extractfile(info))


def _checked_path(name: str) -> PurePosixPath:
    """Return an entry's path when it is a plain relative one."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\\\0:]", name):
        raise UnsafeFileError(
            f"the archive holds the path {name!r}, which leads out of its folder; nothing is unpacked"
        )
    return path


class _Bounded(io.RawIOBase):
    """A tar's bytes, where no single read may be large: tarfile reads a header of any stated size in one go."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_TAR_HEADER_BYTES:
            raise UnsafeFileError("the archive has a header of an impossible size")
        return self._raw.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readable(self) -> Literal[True]:
        return True

    def seekable(self) -> Literal[True]:
        return True
