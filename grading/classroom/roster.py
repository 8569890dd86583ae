"""Who handed something in: one entry of a folder is one submission.

Gradescope's export names its folders ``submission_300000`` and says in ``submission_metadata.yml`` who that is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

#: Bytes of Gradescope's file that are read; the longest export of a class stays below.
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Handed:
    """One submission of a class."""

    #: The student, or the group: as Gradescope's file tells, else the entry's name without ``.zip``.
    student: str
    #: Folder or zip. It is only read, and a link is not followed.
    path: Path
    #: Names of other entries that belong to the same student; nobody can say which of them counts.
    beside: tuple[str, ...] = ()
    #: Where feedback goes; empty where nobody says.
    emails: tuple[str, ...] = ()
    #: Submissions up to this one, where Gradescope counts them.
    attempts: int | None = None

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
        ValueError: Gradescope's file is there and cannot be read; the message says so.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: name the folder that holds one folder or zip for each student")
    people = _submitters(folder / "submission_metadata.yml")
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        is_zip = entry.name.lower().endswith(".zip")
        if entry.name.startswith(".") or entry.is_symlink() or not (entry.is_dir() or (entry.is_file() and is_zip)):
            continue
        name = entry.name[: -len(".zip")] if is_zip else entry.name
        found.setdefault(people[name].student if name in people else name, []).append(entry)
    if not found:
        raise FileNotFoundError(f"{folder} holds neither folders nor zips: one for each student is expected")
    known = {each.student: each for each in people.values()}
    return [
        replace(known.get(student, Handed(student, one)), path=one, beside=tuple(other.name for other in more))
        for student, (one, *more) in found.items()
    ]


def _submitters(path: Path) -> dict[str, Handed]:
    """Return who is behind each entry of Gradescope's export; empty where it is none."""
    import yaml

    if not path.is_file() or path.is_symlink():
        return {}
    try:
        with path.open("rb") as file:
            # libyaml reads a class's file in a second, PyYAML's own reader takes half a minute.
            values = yaml.load(file.read(_MOST_BYTES), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(
            f"{path} cannot be read ({type(error).__name__}), so nobody knows whose submissions these are. Way out: "
            "export the submissions from Gradescope once more, or delete the file to grade by its folders' names"
        ) from error
    found = {}
    for name, entry in values.items() if isinstance(values, dict) else ():
        if not isinstance(entry, dict):
            continue
        people = [one for one in entry.get(":submitters") or () if isinstance(one, dict)]
        emails = tuple(text for one in people if (text := _plain(one.get(":email"))))
        # An address belongs to one student; two may share a name.
        names = [_plain(one.get(":email")) or _plain(one.get(":sid")) or _plain(one.get(":name")) for one in people]
        history = entry.get(":history")
        attempts = len(history) + 1 if isinstance(history, list) else None
        if all(names) and names:
            found[str(name)] = Handed(" and ".join(sorted(names)), path, (), emails, attempts)
    return found


def _plain(value: object) -> str:
    """Return a value of the file as one line of text, of a length that fits a file's name."""
    return " ".join(str(value).split())[:80] if isinstance(value, str | int) else ""
