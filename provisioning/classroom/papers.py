"""What comes out of a plan: a table that a person may edit and ``class reserve`` reads, calendars, mails."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from provisioning.classroom.plan import Plan, Seat
from provisioning.classroom.roster import RosterError, Student, read_text, short_name
from provisioning.planning.blocks import Block
from provisioning.planning.booking import calendar_of, entries
from provisioning.sites.spec import PartSpec, resource_name

#: Columns that are read back; ``local``, ``state`` and what follows are for people.
NEEDED = ("student", "block", "site", "type", "machine", "start_utc", "end_utc")
_COLUMNS = (*NEEDED, "local", "state", "as_wished", "service_units")
_FORM = "%Y-%m-%d %H:%M"


def write_all(
    plan: Plan, students: Sequence[Student], folder: Path, now: datetime, service_units_per_hour: float = 1.0
) -> list[Path]:
    """Write ``plan.csv``, ``class.ics``, and for each student a calendar and a mail that has it; return the paths.

    Args:
        plan: who runs when.
        students: of the roster, for their addresses.
        folder: receives the files; made where it is missing. Calendars and mails of an earlier plan go.
        now: with time zone.
        service_units_per_hour: of one machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _forget(folder)
    by_student: dict[str, list[Seat]] = {}
    for seat in plan.seats:
        by_student.setdefault(seat.student, []).append(seat)
    files = {"plan.csv": plan_csv(plan, service_units_per_hour).encode(), "class.ics": class_calendar(plan, now)}
    for student in students:
        if seats := by_student.get(student.name):
            files[f"calendars/{student.name}.ics"] = calendar = student_calendar(plan.spec, seats, now)
            files[f"mails/{student.name}.eml"] = bytes(mail(plan, student, seats, calendar))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return [folder / name for name in files]


def _forget(folder: Path) -> None:
    """Remove the calendars and mails of the plan that lies in a folder, by the names in its table."""
    try:
        rows = list(csv.DictReader(io.StringIO((folder / "plan.csv").read_text(encoding="utf-8"), newline="")))
    except (OSError, ValueError, csv.Error):
        return
    for name in {short_name(row["student"]) for row in rows if (row.get("student") or "").strip()}:
        (folder / "calendars" / f"{name}.ics").unlink(missing_ok=True)
        (folder / "mails" / f"{name}.eml").unlink(missing_ok=True)


def plan_csv(plan: Plan, service_units_per_hour: float = 1.0) -> str:
    """Return the plan as a table, one line for each block, the earliest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for seat in plan.seats:
        block = seat.block
        writer.writerow(
            [
                seat.student,
                seat.number,
                block.option.site,
                block.option.type,
                block.resource,
                block.start.astimezone(UTC).strftime(_FORM),
                block.end.astimezone(UTC).strftime(_FORM),
                block.local(plan.wish.zone),
                "there already" if seat.kept else "planned",
                "yes" if seat.wished else "no",
                f"{seat.hours * service_units_per_hour:.1f}",
            ]
        )
    return text.getvalue()


def read_plan(path: Path, spec: PartSpec) -> tuple[Seat, ...]:
    """Return the seats of a plan's table, as it was written or as a person changed it.

    Raises:
        RosterError: it cannot be read, or does not fit together: an unknown machine type, a time in another form, a
            machine or a student twice at a time; the message names the line.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if lacking := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
        raise RosterError(
            f"{path.name} lacks the columns {', '.join(lacking)}",
            likely="This is no plan, perhaps the roster.",
            way_out="`class plan PART ROSTER --out FOLDER` writes FOLDER/plan.csv.",
        )
    seats: list[tuple[int, Seat]] = []
    for row in reader:
        try:
            seat = _seat(row, spec)
            for line, other in seats:
                _compare(seat, other, line)
        except (KeyError, ValueError, TypeError) as error:
            raise RosterError(
                f"{path.name}, line {reader.line_num}: {error.args[0]}",
                likely="It was changed by hand, or by a spreadsheet that writes dates in its own way.",
                way_out="Times are UTC and look like 2026-12-01 15:00; or plan anew.",
            ) from error
        seats.append((reader.line_num, seat))
    return tuple(seat for _, seat in seats)


def _seat(row: Mapping[str, str], spec: PartSpec) -> Seat:
    option = spec.option(row["site"].strip(), row["type"].strip())
    start, end = _moment(row["start_utc"]), _moment(row["end_utc"])
    if end <= start:
        raise ValueError("the block ends before it begins")
    block = Block(option, row["machine"].strip(), start, end)
    return Seat(short_name(row["student"]), int(row["block"]), block, kept=row.get("state") == "there already")


def _compare(seat: Seat, other: Seat, line: int) -> None:
    if seat.block.start >= other.block.end or other.block.start >= seat.block.end:
        return
    if seat.student == other.student:
        raise ValueError(f"{seat.student} has a block at that time in line {line} already")
    same_site = seat.block.option.site == other.block.option.site
    if same_site and seat.block.resource and seat.block.resource == other.block.resource:
        raise ValueError(f"{seat.block.resource} is {other.student}'s at that time, by line {line}")


def _moment(text: str) -> datetime:
    return datetime.strptime(text.strip(), _FORM).replace(tzinfo=UTC)


def student_calendar(spec: PartSpec, seats: Iterable[Seat], now: datetime) -> bytes:
    """Return an ``.ics`` file of one student's blocks, with reminders and preparation."""
    named = ((seat, resource_name(spec.part, seat.student)) for seat in seats)
    return calendar_of(entry for seat, name in named for entry in entries(spec, seat.block, name, now))


def class_calendar(plan: Plan, now: datetime) -> bytes:
    """Return an ``.ics`` file of the whole class for whoever is on duty: one entry for each beginning."""
    starts: dict[tuple[datetime, datetime], list[Seat]] = {}
    for seat in plan.seats:
        starts.setdefault((seat.block.start, seat.block.end), []).append(seat)
    found = []
    for seats in starts.values():
        entry = next(iter(entries(plan.spec, seats[0].block, f"class of {plan.spec.part}", now)))
        for field in ("summary", "description", "location"):
            entry.pop(field)
        entry.add("summary", f"{plan.spec.title}: {len(seats)} on machines")
        entry.add("description", "\n".join(f"{seat.student} on {seat.block.resource}" for seat in seats))
        found.append(entry)
    return calendar_of(found)


def mail(plan: Plan, student: Student, seats: Sequence[Seat], calendar: bytes) -> EmailMessage:
    """Return the mail that tells a student the blocks, with the calendar; mail programs open it to be sent."""
    spec = plan.spec
    lines = ["Hello,", "", f"these are your hours on a machine for {spec.title}:", ""]
    for seat in seats:
        block = seat.block
        lines.append(
            f"  {block.local(plan.wish.zone)}, {block.option.name} ({block.resource or 'any'}, {block.option.site})"
        )
    lines += ["", f"The lease is called {resource_name(spec.part, student.name)}; your notebooks find it by that name."]
    # Said once: two blocks may be on one kind of machine.
    lines += dict.fromkeys(seat.block.option.changes for seat in seats if seat.block.option.changes)
    lines += [
        "",
        f"Before that, at home: read {spec.read_first}, and rehearse with {spec.rehearse_first}.",
        "Then start the provisioning notebook at the very beginning of your block: the machine needs its time to boot.",
        "If you cannot come, say so early, so that somebody else can have the machine.",
        "",
        "The calendar file brings these hours and the preparation into your calendar.",
    ]
    message = EmailMessage()
    if student.email:
        message["To"] = student.email
    message["Subject"] = f"{spec.title}: your hours on a machine"
    message["X-Unsent"] = "1"
    message.set_content("\n".join(lines) + "\n")
    message.add_attachment(calendar, maintype="text", subtype="calendar", filename=f"{student.name}.ics")
    return message


def plan_text(plan: Plan, service_units_per_hour: float = 1.0, cost_per_unit: float = 0.0) -> str:
    """Return the plan for the screen: the students' blocks, what it costs, and whether it works out."""
    lines = [f"{'student':<28}{'block':<7}{'machine':<20}{'when':<36}"]
    for seat in plan.seats:
        mark = "there already" if seat.kept else "" if seat.wished else "not as wished"
        when = seat.block.local(plan.wish.zone)
        lines.append(f"{seat.student:<28}{seat.number:<7}{seat.block.resource:<20}{when:<36}{mark}".rstrip())
    units = plan.hours * service_units_per_hour
    money = f", {units * cost_per_unit:,.0f} in money" if cost_per_unit else ""
    lines += [
        "",
        plan.sentence(),
        f"{plan.hours:.0f} machine hours, {units:.0f} service units at {service_units_per_hour:g} an hour{money}.",
    ]
    if plan.without:
        lines.append(f"Without a block: {', '.join(plan.without)}")
    lines += [f"{option.name} is not in it: {why}" for option, why in plan.unread.items()]
    return "\n".join(lines)
