"""Checking a folder of files against recorded hashes, quickly when nothing has changed since the last time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from labs.assets.errors import IntegrityError
from labs.assets.hashes import digest
from labs.assets.places import cache_dir

logger = logging.getLogger(__name__)

_SHOWN = 3


class FileRecord(NamedTuple):
    """What a file must be."""

    #: Length in bytes.
    size_bytes: int
    #: SHA-256 of the content, in lower case.
    sha256: str


def record_files(root: Path) -> dict[str, FileRecord]:
    """Return what each file under a folder is now, by its path relative to the folder.

    Args:
        root: Folder to read.

    Returns:
        A record for each regular file, ordered by path.
    """
    records = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            found = digest(path)
            records[path.relative_to(root).as_posix()] = FileRecord(found.size_bytes, found.sha256)
    return records


def verify_files(
    root: Path, records: Mapping[str, FileRecord], way_out: str, *, thorough: bool = False, strangers: bool = True
) -> None:
    """Check that a folder holds exactly the recorded files.

    A file whose size and time of change are those of its last good check is not read again, so a second call on
    two thousand pictures takes milliseconds.

    Args:
        root: Folder that holds the files.
        records: What each must be, by relative path.
        way_out: What the reader should do when something is wrong; ends the error's message.
        thorough: Read every file, whatever was found before.
        strangers: Also complain about pictures that nobody recorded: one more changes the accuracy.

    Raises:
        IntegrityError: Files are missing, changed or too many; the message names the first few.
    """
    identity = "\0".join((str(root.resolve()), *records))
    stamp_path = cache_dir() / "verified" / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.json"
    known = {} if thorough else _read_stamps(stamp_path)
    stamps: dict[str, list[object]] = {}
    wrong: list[str] = []
    for name, record in records.items():
        path = root / name
        try:
            status = path.stat()
        except OSError:
            wrong.append(f"{name} is missing")
            continue
        stamp: list[object] = [status.st_size, status.st_mtime_ns, record.sha256]
        if status.st_size != record.size_bytes:
            wrong.append(f"{name} has {status.st_size} bytes, not {record.size_bytes}")
        elif known.get(name) != stamp and digest(path).sha256 != record.sha256:
            wrong.append(f"{name} has other content")
        else:
            stamps[name] = stamp
    if strangers:
        wrong += [f"{name} does not belong there" for name in sorted(_names(root) - records.keys())]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise IntegrityError(f"{root} is not as it was recorded: {'; '.join(wrong[:_SHOWN])}{more}. {way_out}")
    if stamps != known:
        _write_stamps(stamp_path, stamps)


def _names(root: Path) -> set[str]:
    """Return the relative paths of all pictures under a folder, as `labs.dataset` would find them."""
    names = set()
    for folder, _, files in os.walk(root):  # half the time of Path.rglob, and this runs at every use
        relative = Path(folder).relative_to(root)
        names.update((relative / file).as_posix() for file in files if _is_picture(file))
    return names


def _is_picture(file: str) -> bool:
    from labs.dataset import IMAGE_SUFFIXES  # brings Pillow, which Chameleon's Jupyter need not have

    return not file.startswith(".") and os.path.splitext(file)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122  as above


def _read_stamps(path: Path) -> dict[str, list[object]]:
    """Return what the last good check saw, or nothing."""
    try:
        stamps = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _write_stamps(path: Path, stamps: dict[str, list[object]]) -> None:
    """Keep what this check saw; a cache that cannot be written only makes the next check slower."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(stamps), "utf-8")
        partial.replace(path)
    except OSError as error:
        logger.debug("the check of %s is not remembered: %s", path, error)
