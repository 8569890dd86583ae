"""The roster: the students of the class, with their possible and preferred times."""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path

from labs.course.tables import LONGEST_BLOCK_H
from labs.errors import CourseError

#: What a roster may hold, each with its headers, as class lists, learning platforms and
#: spreadsheets write them. Capitals, blanks and hyphens do not matter, and other columns are
#: ignored. An accommodation is a longer ``block``, in hours, and a later date, ``due``; whoever has
#: ``left`` keeps the line, so that what the student still holds is found. Sources: exports of
#: Canvas' gradebook (``Student``, ``ID``, ``SIS User ID``, ``SIS Login ID``, ``Section``),
#: Brightspace's (``OrgDefinedId``, ``Username``, ``Last Name``, …) and Gradescope's roster
#: (``SID``, ``Email``, …).
HEADERS = {
    "account": ("username", "user", "account"),
    "email": ("email", "emailaddress", "mail"),
    "login": ("login", "netid", "loginid", "sisloginid"),
    "sid": ("sid", "studentid", "sisuserid", "orgdefinedid", "studentnumber", "idnumber"),
    "lms_id": ("id",),
    "section": ("section", "sections"),
    "full_name": ("name", "fullname", "student", "studentname"),
    "first": ("firstname", "givenname"),
    "last": ("lastname", "surname", "familyname"),
    "prefers": ("prefers",),
    "cannot": ("cannot",),
    "block": ("block",),
    "due": ("due",),
    "left": ("left",),
}
#: Columns that identify a student, the surest first. Leases carry the account's name, and accounts
#: from a university's sign-in have the address as their name.
_NAMED_BY = ("account", "email", "login")

#: Values of the column ``left`` for students who are still in the class.
_STILL_THERE = ("", "no", "n", "false", "0")

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = r"(\d{1,2})(?::(\d\d))?\s*[-–]\s*(\d{1,2})(?::(\d\d))?"
#: The last minute of a day, which ``time`` cannot call 24:00.
DAY_ENDS = time(23, 59)


class RosterError(CourseError):
    """The roster cannot be used as it is."""

    likely = "The file was saved with other column names, or a student is in it twice."
    way_out = "It needs a header line with username, email or login, and one line per student."


@dataclass(frozen=True)
class Times:
    """Hours of a weekday, in the class's time zone."""

    #: 0 for Monday to 6 for Sunday.
    weekday: int
    begins: time = time(0, 0)
    ends: time = DAY_ENDS

    def hold(self, start: datetime, end: datetime) -> bool:
        """Return whether a block, in local time, lies within these hours."""
        on_day = start.weekday() == self.weekday and start.date() == end.date()
        return on_day and self.begins <= start.time() <= end.time() <= self.ends

    def touch(self, start: datetime, end: datetime) -> bool:
        """Return whether a block, in local time, reaches into these hours, on the day on which it
        begins or ends.
        """
        on_first = start.weekday() == self.weekday and start.time() < self.ends
        on_last = end.weekday() == self.weekday and end.time() > self.begins
        return on_first and on_last if start.date() == end.date() else on_first or on_last


@dataclass(frozen=True)
class Student:
    """One person of the class, under every name that a site or a platform has for them; empty where
    nothing tells.
    """

    #: Short name, fit for resource names, unique in the class.
    name: str
    #: As people say it; empty where the roster does not tell.
    full_name: str = ""
    #: When the student would like to work; empty for any time.
    prefers: tuple[Times, ...] = ()
    cannot: tuple[Times, ...] = ()
    #: The account's name as the roster has it.
    account: str = ""
    #: Hours of the student's own block; 0 for the class's.
    hours: int = 0
    #: The student's own date, with time zone; None for the class's.
    due: datetime | None = None
    left: bool = False
    #: The university's number.
    sid: str = ""
    #: The name that the university's sign-in knows, without a domain.
    login: str = ""
    email: str = ""
    #: The learning platform's own number.
    lms_id: str = ""
    section: str = ""

    def can(self, start: datetime, end: datetime) -> bool:
        """Return whether a block, in local time, is free of conflicts."""
        return not any(each.touch(start, end) for each in self.cannot)

    def likes(self, start: datetime, end: datetime) -> bool:
        """Return whether a block, in local time, is as the student asked."""
        return not self.prefers or any(each.hold(start, end) for each in self.prefers)


def owner_name(environ: Mapping[str, str] = os.environ) -> str:
    """Return the student's short name, fit for resource names: lower case letters, digits and
    hyphens.

    Chameleon's Jupyter sets ``OS_USERNAME`` or ``NB_USER``; a laptop has ``USER``. An address keeps
    its domain: the Hub calls the account of ``ada@uni.edu`` ``ada_uni_edu``, and a roster may have
    it in either form.
    """
    for variable in ("LABS_OWNER", "OS_USERNAME", "NB_USER", "USER"):
        raw = environ.get(variable, "")
        name = re.sub(r"[^a-z0-9]+", "-", raw.lower()).strip("-")
        if name:
            return name
    return "student"


def short_name(raw: str) -> str:
    """Return a student's short name as the student's own notebooks make it of the account's
    name.
    """
    return owner_name({"LABS_OWNER": raw})


def plain(text: str) -> str:
    """Return the letters and digits of a text, small and without accents: 'Ana-Li@x.edu' is
    'ana_li_x_edu'.
    """
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", text).casefold() if letter.isalnum()
    )


def read_times(text: str) -> tuple[Times, ...]:
    """Return times as a cell of the roster gives them: ``Tue 14-20; Wed; Thu 9:30-12``.

    Raises:
        ValueError: a piece is no day, or its hours end before they begin; the message names it.
    """
    pieces = [piece.strip() for piece in text.split(";")]
    times = []
    for piece in filter(None, pieces):
        day, _, hours = piece.partition(" ")
        times.append(_times(day, hours))
    return tuple(times)


def _times(day: str, hours: str) -> Times:
    begins, ends = read_hours(hours) if hours.strip() else (time(0, 0), DAY_ENDS)
    return Times(read_weekday(day), begins, ends)


def read_hours(text: str) -> tuple[time, time]:
    """Return hours of a day, such as ``9-21`` or ``9:30-24``.

    Raises:
        ValueError: they cannot be read, or end before they begin.
    """
    match = re.fullmatch(_HOURS, text.strip())
    try:
        if not match:
            raise ValueError(text)
        first, first_min, last, last_min = (int(number or 0) for number in match.groups())
        begins = time(first, first_min)
        is_midnight = (last, last_min) == (24, 0)
        ends = DAY_ENDS if is_midnight else time(last, last_min)
    except ValueError as error:
        raise ValueError(
            f"{text!r} are no hours of a day: write them as 9-21 or 9:30-24"
        ) from error
    if ends <= begins:
        raise ValueError(f"{text!r} end before they begin")
    return begins, ends


def read_weekday(text: str) -> int:
    """Return 0 for Monday to 6 for Sunday.

    Raises:
        ValueError: it is no weekday; the message lists how they are written.
    """
    short = text.strip().lower()[:3]
    if short not in _WEEKDAYS:
        raise ValueError(f"{text!r} is no weekday: write {', '.join(_WEEKDAYS)}")
    return _WEEKDAYS.index(short)


def _due(text: str, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        due = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date and hour: write it as 2027-03-22 23:59") from None
    return due if due.tzinfo else due.replace(tzinfo=zone)


def _hours(text: str) -> int:
    if not text:
        return 0
    if not text.isdigit() or not 0 < int(text) <= LONGEST_BLOCK_H:
        raise ValueError(f"a block of {text!r} hours: write a whole number up to {LONGEST_BLOCK_H}")
    return int(text)


def read_roster(path: Path, zone: tzinfo = UTC) -> tuple[Student, ...]:
    """Return the students in the file's order, including students who left.

    Args:
        path: CSV with a header; a byte-order mark, as spreadsheets write it, is fine.
        zone: Of dates without one.

    Raises:
        RosterError: no such file, one that is not UTF-8, no known column, an empty name, two
            students with the same short name, or a cell that cannot be read; the message names the
            line.
    """
    with io.StringIO(read_text(path), newline="") as stream:
        reader = csv.DictReader(stream)
        headers = {plain(header or ""): header for header in reader.fieldnames or ()}
        columns = {}
        for field, names in HEADERS.items():
            columns[field] = [headers[name] for name in names if name in headers]
        if not any(columns[field] for field in _NAMED_BY):
            raise RosterError(f"{path.name} has the columns {', '.join(headers) or 'none'}")
        students: dict[str, Student] = {}
        for row in reader:
            cells = {field: _first_cell(row, names) for field, names in columns.items()}
            if cells["full_name"] == "Points Possible":  # the second line of an export of Canvas'
                continue
            line = f"{path.name}, line {reader.line_num}"
            try:
                student = _student(cells, zone)
            except ValueError as error:
                raise RosterError(
                    f"{line}: {error}",
                    likely="A day, an hour or a date is written in another way.",
                    way_out="Days and hours look like this: Tue 14-20; Wed; Thu 9:30-12. A date: "
                    "2027-03-22 23:59",
                ) from error
            if not student.account:
                named_by = " or ".join(name for field in _NAMED_BY for name in columns[field])
                raise RosterError(f"{line}: no name in column {named_by}")
            if student.name in students:
                raise RosterError(f"{line}: {student.name!r} is there already")
            students[student.name] = student
    if not students:
        raise RosterError(f"{path.name} names no student")
    return tuple(students.values())


def _first_cell(row: Mapping[str, str | None], headers: Iterable[str]) -> str:
    """Return the first cell that holds something, without the ``#`` of Brightspace's names."""
    for header in headers:
        cell = (row[header] or "").strip().removeprefix("#")
        if cell:
            return cell
    return ""


def _student(cells: Mapping[str, str], zone: tzinfo) -> Student:
    """Return the student of one line, by the names of ``HEADERS``; without a name, one without an
    account.
    """
    names = [cells[field] for field in _NAMED_BY]
    account = next((name for name in names if re.search("[A-Za-z0-9]", name)), "")
    email = cells["email"]
    if not email and "@" in account:
        email = account
    full_name = cells["full_name"] or f"{cells['first']} {cells['last']}".strip()
    has_left = cells["left"].lower() not in _STILL_THERE
    login = cells["login"] or _login(cells["account"], account, email)
    prefers = read_times(cells["prefers"])
    cannot = read_times(cells["cannot"])
    return Student(
        short_name(account),
        full_name,
        prefers,
        cannot,
        account=account,
        hours=_hours(cells["block"]),
        due=_due(cells["due"], zone),
        left=has_left,
        sid=cells["sid"],
        login=login,
        email=email,
        lms_id=cells["lms_id"],
        section=cells["section"],
    )


def _login(account_cell: str, account: str, email: str) -> str:
    """Return the university's login name if no column contains it."""
    # The Hub calls an account by its address; another word is the one that the university's sign-in
    # asks for.
    if account_cell and "@" not in account and plain(account) != plain(email):
        return account
    return email.partition("@")[0]


def read_text(path: Path) -> str:
    """Return what a file that an instructor named holds.

    Raises:
        RosterError: it is not there, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RosterError(
            f"{path} cannot be read: {error}",
            likely="A slip in its path, or a spreadsheet saved it in Windows' own encoding.",
            way_out="Name a file that is there; save a table as 'CSV UTF-8'.",
        ) from error
