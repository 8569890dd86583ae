"""Who handed something in: one entry of a folder is one submission; an export or the roster says whose it is."""

import hashlib
import re
from collections import ChainMap, Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from provisioning.classroom.roster import Student, plain, short_name

#: File of an export with the names of whoever handed in, and the bytes of it that are read.
METADATA_NAME = "submission_metadata.yml"
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Handed:
    """One submission of a class."""

    #: The student, or the group: their names where an export tells them, else the entry's name without ``.zip``.
    student: str
    #: Folder or zip. It is only read, and a link is not followed.
    path: Path
    #: Who they are, as an export or the roster tells; empty if neither does.
    people: tuple[Student, ...] = ()
    #: When it was handed in, with time zone; None if nothing tells.
    at: datetime | None = None

    @property
    def members(self) -> tuple[Student, ...]:
        """Who they are; if nothing tells, somebody who is called as the submission is."""
        email = self.student if "@" in self.student else ""
        return self.people or (_told_of(self.student, self.student, "", email),)

    @property
    def slug(self) -> str:
        """A name that is safe as a file name and belongs to this student alone."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", self.student).strip("-")[:40] or "student"
        return f"{plain}-{hashlib.sha256(self.student.encode(errors='surrogateescape')).hexdigest()[:8]}"


#: Folders and files that version control, Jupyter, editors, file managers and macOS's unpacker make.
_NO_SUBMISSIONS = re.compile(
    r"\.git|\.ipynb_checkpoints|\.vscode|\.idea|\.venv|\.cache|\.Trash(es|-\d+)?|\.DS_Store|\.Spotlight-V100|\._.*"
)


def handed_in(folder: Path) -> list[Handed]:
    """Return the submissions of a folder that holds a folder or a zip for each student, by name.

    A name may begin with a dot. Left out are what programs put beside them (``_NO_SUBMISSIONS``).

    Raises:
        FileNotFoundError: There is no such folder, or nothing in it looks like a submission.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is no folder: name the folder that holds one folder or zip for each student"
        )
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        is_zip = entry.name.lower().endswith(".zip")
        if _NO_SUBMISSIONS.fullmatch(entry.name) or entry.is_symlink():
            continue
        if not (entry.is_dir() or (entry.is_file() and is_zip)):
            continue
        # A zip beside the folder that it was unpacked to is a row of its own, and the two make a pair.
        name = entry.name[: -len(".zip")] if is_zip else entry.name
        found[entry.name if name in found else name] = entry
    if not found:
        raise FileNotFoundError(
            f"{folder} holds neither folders nor zips: one for each student is expected"
        )
    people, times = _told(folder / METADATA_NAME)
    names = {
        entry: ", ".join(person.full_name for person in people.get(entry, ())) or entry
        for entry in found
    }
    # Somebody may be named as another becomes. Each round lengthens all that share a name, so there is a last one.
    while shared := {name for name, count in Counter(names.values()).items() if count > 1}:
        names = {
            entry: f"{name} ({entry})" if name in shared else name for entry, name in names.items()
        }
    return [
        Handed(names[entry], path, people.get(entry, ()), times.get(entry))
        for entry, path in found.items()
    ]


class People:
    """The people of a class, each found by what a folder, a platform or a table calls them."""

    def __init__(self, students: Iterable[Student]) -> None:
        """Take the people in: a roster's, or those whom the submissions tell of."""
        self.students = tuple(students)
        self._by_id: dict[str, dict[str, Student]] = {}
        self._by_name: dict[str, dict[str, Student]] = {}
        for student in self.students:
            for id in (student.name, student.account, student.email, student.login, student.sid):
                self._by_id.setdefault(plain(id), {})[student.name] = student
            words = re.split(r"[\s,]+", student.full_name)
            for turned in (words, words[-1:] + words[:-1], words[1:] + words[:1]):
                self._by_name.setdefault(plain("".join(turned)), {})[student.name] = student

    def find(self, *ids: str, full_name: str = "") -> Student:
        """Return somebody of the class by address, login, number, name, or a folder's name, as platforms make it.

        Raises:
            ValueError: They are nobody's, or several people's; the message names them.
        """
        # Platforms put numbers of their own beside a name: 'lovelaceada_12345_67890_x', '123-456 - Ada Lovelace - …'.
        pieces = [
            piece
            for text in ids
            for piece in re.split(r" - |_", text)
            if re.search(r"_\d{4}|\d - ", text)
        ]
        pieces = [piece for piece in pieces if not plain(piece).isdigit()]
        for index, texts in (
            (self._by_id, ids),
            (self._by_name, (*ids, full_name)),
            (ChainMap(self._by_id, self._by_name), pieces),
        ):
            students = {
                name: one
                for text in texts
                if plain(text)
                for name, one in index.get(plain(text), {}).items()
            }
            if len(students) == 1:
                return next(iter(students.values()))
            if students:
                raise ValueError(
                    f"{' '.join(filter(None, (full_name, *ids)))} may be {' or '.join(students)}"
                )
        raise ValueError(f"{' '.join(filter(None, (full_name, *ids)))} is nobody of the class")


def of_roster(submissions: Sequence[Handed], people: People) -> list[Handed]:
    """Return submissions with the roster's people in place of what an export or a folder's name says.

    Raises:
        ValueError: Some are nobody's, several people's, or the second of one person; the message names all of them.
    """
    resolved, faults = [], []
    owners: dict[str, Handed] = {}
    for one in submissions:
        try:
            students = [
                people.find(who.email, who.sid, full_name=who.full_name) for who in one.people
            ]
            students = students or [people.find(re.sub(r"(?i)\.zip$", "", one.path.name))]
        except ValueError as error:
            faults.append(f"{one.path.name}: {error}")
            continue
        second = [
            student.name for student in students if owners.setdefault(student.name, one) is not one
        ]
        faults += [
            f"{one.path.name}: {name} handed in {owners[name].path.name} too; keep one of them"
            for name in second
        ]
        resolved.append(replace(one, people=tuple(students)))
    if faults:
        raise ValueError(
            "The roster does not tell whose these are. Mend a folder's name, or the roster, where `left` is yes for "
            "somebody who is not to be in the gradebook:\n" + "\n".join(faults)
        )
    return resolved


def _told_of(entry: str, full_name: str, sid: str, email: str) -> Student:
    """Return somebody whom an export tells of."""
    name = full_name or email or sid
    return Student(
        short_name(f"{entry} {email or name}"),
        name,
        sid=sid,
        login=email.partition("@")[0],
        email=email,
    )


def _told(path: Path) -> tuple[dict[str, tuple[Student, ...]], dict[str, datetime]]:
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
        named = (
            [one for one in submitters if isinstance(one, dict)]
            if isinstance(submitters, list)
            else []
        )
        known = [
            [str(one.get(f":{field}") or "").strip()[:200] for field in ("name", "sid", "email")]
            for one in named
        ]
        at = about.get(":created_at") if isinstance(about, dict) else None
        if isinstance(at, datetime):
            times[str(entry)] = at if at.tzinfo else at.replace(tzinfo=UTC)
        found[str(entry)] = tuple(_told_of(str(entry), *cells) for cells in known if any(cells))
    return found, times
