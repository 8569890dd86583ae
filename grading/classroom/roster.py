"""Who handed something in: one entry of a folder is one submission."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Handed:
    """One submission of a class."""

    #: The student, or the group: the entry's name without ``.zip``.
    student: str
    #: Folder or zip. It is only read, and a link is not followed.
    path: Path
    #: Names of other entries that belong to the same student; nobody can say which of them counts.
    beside: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """A name that is safe as a file name and belongs to this student alone."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", self.student).strip("-")[:40] or "student"
        return f"{plain}-{hashlib.sha256(self.student.encode(errors='surrogateescape')).hexdigest()[:8]}"


def handed_in(folder: Path) -> list[Handed]:
    """Return the submissions of a folder, by name.

    Args:
        folder: Holds a folder or a zip for each student, as Gradescope's export and a plain download do.

    Raises:
        FileNotFoundError: There is no such folder, or nothing in it looks like a submission.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: name the folder that holds one folder or zip for each student")
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        is_zip = entry.name.lower().endswith(".zip")
        if entry.name.startswith(".") or entry.is_symlink() or not (entry.is_dir() or (entry.is_file() and is_zip)):
            continue
        found.setdefault(entry.name[: -len(".zip")] if is_zip else entry.name, []).append(entry)
    if not found:
        raise FileNotFoundError(f"{folder} holds neither folders nor zips: one for each student is expected")
    return [Handed(student, one, tuple(other.name for other in more)) for student, (one, *more) in found.items()]
