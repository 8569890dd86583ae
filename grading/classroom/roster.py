"""Who handed something in: one entry of a folder is one submission, and an export of Gradescope's says whose."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

#: File of an export with the names of whoever handed in, and the bytes of it that are read.
METADATA_NAME = "submission_metadata.yml"
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Person:
    """Whoever handed in, as Gradescope knows them; what it does not tell is empty."""

    name: str = ""
    #: The university's number.
    sid: str = ""
    email: str = ""


@dataclass(frozen=True)
class Handed:
    """One submission of a class."""

    #: The student, or the group: their names where an export tells them, else the entry's name without ``.zip``.
    student: str
    #: Folder or zip. It is only read, and a link is not followed.
    path: Path
    #: Who they are; empty where nobody says.
    people: tuple[Person, ...] = ()
    #: When it was handed in, with time zone; None where nobody says.
    at: datetime | None = None

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
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        is_zip = entry.name.lower().endswith(".zip")
        if entry.name.startswith(".") or entry.is_symlink() or not (entry.is_dir() or (entry.is_file() and is_zip)):
            continue
        # A zip beside the folder that it was unpacked to is a row of its own, and the two make a pair.
        name = entry.name[: -len(".zip")] if is_zip else entry.name
        found[entry.name if name in found else name] = entry
    if not found:
        raise FileNotFoundError(f"{folder} holds neither folders nor zips: one for each student is expected")
    people, times = _told(folder / METADATA_NAME)
    names = {entry: ", ".join(filter(None, (one.name for one in people.get(entry, ())))) or entry for entry in found}
    # Somebody may be named as another becomes. Each round lengthens all that share a name, so there is a last one.
    while shared := {name for name, count in Counter(names.values()).items() if count > 1}:
        names = {entry: f"{name} ({entry})" if name in shared else name for entry, name in names.items()}
    return [Handed(names[entry], path, people.get(entry, ()), times.get(entry)) for entry, path in found.items()]


def _told(path: Path) -> tuple[dict[str, tuple[Person, ...]], dict[str, datetime]]:
    """Return who handed in and when, by the entry's name; of a damaged export, nobody.

    Source: an export's ``submission_metadata.yml``: for each folder ``:created_at``, and ``:submitters``, each with
    ``:name``, ``:sid`` and ``:email``.
    """
    try:
        with path.open("rb") as file:
            # libyaml reads a class's file in a second, PyYAML's own reader takes half a minute.
            told = yaml.load(file.read(_MOST_BYTES), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}, {}
    found, times = {}, {}
    for entry, about in told.items() if isinstance(told, dict) else ():
        submitters = about.get(":submitters") if isinstance(about, dict) else None
        known = [one for one in submitters if isinstance(one, dict)] if isinstance(submitters, list) else []
        at = about.get(":created_at") if isinstance(about, dict) else None
        if isinstance(at, datetime):
            times[str(entry)] = at if at.tzinfo else at.replace(tzinfo=UTC)
        found[str(entry)] = tuple(
            Person(*(str(one.get(f":{field}") or "").strip()[:200] for field in ("name", "sid", "email")))
            for one in known
        )
    return found, times
