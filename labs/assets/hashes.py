"""Hashes of files: SHA-256, and the id under which git would store the same bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Digest:
    """What identifies a file's content."""

    #: Length of the file in bytes.
    size_bytes: int
    #: SHA-256 of the content, 64 hexadecimal digits.
    sha256: str
    #: Git's blob id, 40 hexadecimal digits. SHA-1 is broken for files made in pairs by one attacker, not for
    #: finding a second file to a given id, so a published id still pins a file.
    git_blob: str


def digest(path: Path) -> Digest:
    """Return the hashes of a file, read once in pieces.

    Args:
        path: A regular file.

    Returns:
        Size, SHA-256 and git blob id.

    Source:
        A blob id is SHA-1 over `blob SIZE`, a zero byte and the content: Git documentation, 'Git Objects',
        https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    size_bytes = path.stat().st_size
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            sha256.update(chunk)
            blob.update(chunk)
    return Digest(size_bytes, sha256.hexdigest(), blob.hexdigest())
