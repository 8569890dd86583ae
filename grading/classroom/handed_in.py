"""Who handed something in: one entry of a folder is one submission; an export or the roster says
whose it is.
"""

import hashlib
import re
from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from labs.course.roster import Student, plain, short_name

#: File of an export with the names of the students, and its number of bytes that are read.
METADATA_NAME = "submission_metadata.yml"
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Handed:
    """One submission of a class."""

    #: The student, or the group: their names where an export tells them, else the entry's name
    #: without ``.zip``.
    student: str
    #: Folder or zip. It is only read, and a link is not followed.
    path: Path
    #: Who they are, as an export or the roster tells; empty if neither does.
    people: tuple[Student, ...] = ()
    #: When it was handed in, with time zone; None if nothing tells.
    at: datetime | None = None

    @property
    def members(self) -> tuple[Student, ...]:
        """The people; if they are unknown, one person with the submission's name."""
        email = self.student if "@" in self.student else ""
        return self.people or (_student(self.student, self.student, "", email),)

    @property
    def slug(self) -> str:
        """A name that is safe as a file name and belongs to this student alone."""
        words = re.sub(r"[^A-Za-z0-9_-]+", "-", self.student).strip("-")
        digest = hashlib.sha256(self.student.encode(errors="surrogateescape")).hexdigest()
        return f"{words[:40] or 'student'}-{digest[:8]}"


#: Folders and files that version control, Jupyter, editors, file managers and macOS's unpacker
#: make.
_NO_SUBMISSIONS = re.compile(
    r"\.git|\.ipynb_checkpoints|\.vscode|\.idea|\.venv|\.cache|\.Trash(es|-\d+)?|\.DS_Store"
    r"|\.Spotlight-V100|\._.*"
)


def handed_in(folder: Path) -> list[Handed]:
    """Return the submissions of a folder that holds a folder or a zip for each student, by name.

    A name may begin with a dot. Files that programs put beside them are left out
    (``_NO_SUBMISSIONS``).

    Raises:
        FileNotFoundError: There is no such folder, or nothing in it looks like a submission.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is no folder: name the folder that holds one folder or zip for each student"
        )
    entries = _entries(folder)
    if not entries:
        raise FileNotFoundError(
            f"{folder} holds no folders or zips: it must have one for each student"
        )
    people, times = _read_export(folder / METADATA_NAME)
    names = {}
    for entry in entries:
        names[entry] = ", ".join(person.full_name for person in people.get(entry, ())) or entry
    names = _distinct(names)
    return [
        Handed(names[entry], path, people.get(entry, ()), times.get(entry))
        for entry, path in entries.items()
    ]


def _entries(folder: Path) -> dict[str, Path]:
    """Return what looks like a submission, by its name without ``.zip``."""
    entries: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        is_zip = path.name.lower().endswith(".zip")
        if _NO_SUBMISSIONS.fullmatch(path.name) or path.is_symlink():
            continue
        if not (path.is_dir() or (path.is_file() and is_zip)):
            continue
        # A zip beside its unpacked folder is a separate row, and the two make a pair.
        name = path.name[: -len(".zip")] if is_zip else path.name
        entries[path.name if name in entries else name] = path
    return entries


def _distinct(names: dict[str, str]) -> dict[str, str]:
    """Return each entry's name, with the entry behind it where several have the name.

    Somebody may be named as another becomes. Each round lengthens all that share a name, so there
    is a last one.
    """
    distinct = dict(names)
    while True:
        counts = Counter(distinct.values())
        shared = [entry for entry, name in distinct.items() if counts[name] > 1]
        if not shared:
            return distinct
        for entry in shared:
            distinct[entry] += f" ({entry})"


class People:
    """The people of a class, each found by the name in a folder, a platform or a table."""

    def __init__(self, students: Iterable[Student]) -> None:
        """Collect the people: the roster's, or without a roster the submissions'."""
        self.students = tuple(students)
        self._by_id: dict[str, dict[str, Student]] = {}
        self._by_name: dict[str, dict[str, Student]] = {}
        for student in self.students:
            for id in (student.name, student.account, student.email, student.login, student.sid):
                self._by_id.setdefault(plain(id), {})[student.name] = student
            words = re.split(r"[\s,]+", student.full_name)
            last_first = words[-1:] + words[:-1]
            first_last = words[1:] + words[:1]
            for order in (words, last_first, first_last):
                self._by_name.setdefault(plain("".join(order)), {})[student.name] = student

    def find(self, *ids: str, full_name: str = "") -> Student:
        """Return a person of the class by address, login, number, name, or a platform's folder
        name.

        Raises:
            ValueError: They match no person, or several people; the message names them.
        """
        # Platforms add numbers to a name: 'lovelaceada_12345_67890_x', '123-456 - Ada Lovelace -
        # …'.
        pieces: list[str] = []
        for text in ids:
            if re.search(r"_\d{4}|\d - ", text):
                pieces += re.split(r" - |_", text)
        words = [piece for piece in pieces if not plain(piece).isdigit()]
        whole = " ".join(filter(None, (full_name, *ids)))
        ways = (
            (self._by_id, ids),
            (self._by_name, (*ids, full_name)),
            (ChainMap(self._by_id, self._by_name), words),
        )
        for index, texts in ways:
            students: dict[str, Student] = {}
            for key in filter(None, map(plain, texts)):
                students |= index.get(key, {})
            if len(students) == 1:
                (student,) = students.values()
                return student
            if students:
                raise ValueError(f"{whole} may be {' or '.join(students)}")
        raise ValueError(f"{whole} is nobody of the class")


def of_roster(submissions: Sequence[Handed], people: People) -> list[Handed]:
    """Return submissions with the roster's people instead of the names in exports or folders.

    Raises:
        ValueError: Some match no person or several people, or are a person's second one; the
            message names all of them.
    """
    resolved = []
    faults = []
    owners: dict[str, Handed] = {}
    for hand_in in submissions:
        entry = hand_in.path.name
        try:
            students = _found_in(people, hand_in)
        except ValueError as error:
            faults.append(f"{entry}: {error}")
            continue
        for student in students:
            first = owners.setdefault(student.name, hand_in)
            if first is not hand_in:
                faults.append(
                    f"{entry}: {student.name} handed in {first.path.name} too; keep one of them"
                )
        resolved.append(replace(hand_in, people=tuple(students)))
    if faults:
        raise ValueError(
            "The roster does not tell whose these are. Correct a folder's name, or the roster "
            "(`left` is yes for a person who must not be in the gradebook):\n" + "\n".join(faults)
        )
    return resolved


def _found_in(people: People, hand_in: Handed) -> list[Student]:
    """Return a submission's student, from an export, or otherwise from its folder's name."""
    if hand_in.people:
        return [people.find(who.email, who.sid, full_name=who.full_name) for who in hand_in.people]
    return [people.find(re.sub(r"(?i)\.zip$", "", hand_in.path.name))]


def _student(entry: str, full_name: str, sid: str, email: str) -> Student:
    """Return a person from an export."""
    name = full_name or email or sid
    login, _, _ = email.partition("@")
    return Student(short_name(f"{entry} {email or name}"), name, sid=sid, login=login, email=email)


def _read_export(path: Path) -> tuple[dict[str, tuple[Student, ...]], dict[str, datetime]]:
    """Return who handed in and when, by the entry's name; empty for a damaged export.

    Source: an export's ``submission_metadata.yml``. Each folder has ``:created_at`` and
    ``:submitters``, who have ``:name``, ``:sid`` and ``:email``.
    """
    try:
        with path.open("rb") as file:
            # libyaml reads a class's file in a second, PyYAML's own reader takes half a minute.
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            export = yaml.load(file.read(_MOST_BYTES), loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}, {}
    people: dict[str, tuple[Student, ...]] = {}
    times: dict[str, datetime] = {}
    if not isinstance(export, dict):
        return people, times
    for key, about in export.items():
        entry = str(key)
        facts = about if isinstance(about, dict) else {}
        people[entry] = tuple(_submitters(entry, facts.get(":submitters")))
        at = facts.get(":created_at")
        if isinstance(at, datetime):
            times[entry] = at if at.tzinfo else at.replace(tzinfo=UTC)
    return people, times


def _submitters(entry: str, listed: object) -> Iterator[Student]:
    """Yield the people whom an export names for an entry; no one if this entry is not a list."""
    if not isinstance(listed, list):
        return
    for person in listed:
        if not isinstance(person, dict):
            continue
        name = _text(person.get(":name"))
        sid = _text(person.get(":sid"))
        email = _text(person.get(":email"))
        if name or sid or email:
            yield _student(entry, name, sid, email)


def _text(value: object) -> str:
    return str(value or "").strip()[:200]
