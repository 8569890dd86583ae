"""What comes out of a plan: a table that a person may edit and ``class reserve`` reads, and calendars."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from provisioning.classroom.plan import Plan, Seat
from provisioning.classroom.roster import RosterError, read_text, short_name
from provisioning.planning.blocks import Block
from provisioning.planning.booking import calendar_file
from provisioning.sites.spec import PartSpec, resource_name

#: Columns that are read back; ``local``, ``state`` and what follows are for people.
NEEDED = ("student", "site", "type", "machine", "start_utc", "end_utc")
_COLUMNS = (*NEEDED, "local", "state", "as_wished")
_FORM = "%Y-%m-%d %H:%M"


def write_all(plan: Plan, folder: Path, now: datetime) -> list[Path]:
    """Write ``plan.csv`` and for each student a calendar, called as the lease is; return the paths.

    Args:
        plan: who runs when.
        folder: receives the files; made where it is missing. Calendars of an earlier plan of the part go.
        now: with time zone.
    """
    spec, calendars = plan.spec, folder / "calendars"
    calendars.mkdir(parents=True, exist_ok=True)
    for old in calendars.glob(f"{resource_name(spec.part, '*')}.ics"):
        old.unlink()
    files = {folder / "plan.csv": plan_csv(plan).encode()}
    for seat in plan.seats:
        name = resource_name(spec.part, seat.student)
        files[calendars / f"{name}.ics"] = calendar_file(spec, seat.block, name, now)
    for path, content in files.items():
        path.write_bytes(content)
    return list(files)


def plan_csv(plan: Plan) -> str:
    """Return the plan as a table, one line for each block, the earliest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for seat in plan.seats:
        block, state = seat.block, "there already" if seat.kept else "planned"
        times = [moment.astimezone(UTC).strftime(_FORM) for moment in (block.start, block.end)]
        place = (block.option.site, block.option.type, block.resource)
        wished = "yes" if seat.wished else "no"
        writer.writerow([seat.student, *place, *times, block.local(plan.wish.zone), state, wished])
    return text.getvalue()


def read_plan(path: Path, spec: PartSpec) -> tuple[Seat, ...]:
    """Return the seats of a plan's table, as it was written or as a person changed it.

    Raises:
        RosterError: it cannot be read: an unknown machine type, a time in another form, a student twice; the message
            names the line. That a machine is taken, the site says.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    if lacking := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
        raise RosterError(
            f"{path.name} lacks the columns {', '.join(lacking)}",
            likely="This is no plan, perhaps the roster.",
            way_out="`class plan PART ROSTER --out FOLDER` writes FOLDER/plan.csv.",
        )
    seats: dict[str, Seat] = {}
    for row in reader:
        try:
            seat = _seat(row, spec)
            if seat.student in seats:
                raise ValueError(f"{seat.student} has a block already")
            seats[seat.student] = seat
        except (KeyError, ValueError, TypeError) as error:
            raise RosterError(
                f"{path.name}, line {reader.line_num}: {error.args[0]}",
                likely="It was changed by hand, or by a spreadsheet that writes dates in its own way.",
                way_out="Times are UTC and look like 2026-12-01 15:00; or plan anew.",
            ) from error
    return tuple(seats.values())


def _seat(row: Mapping[str, str], spec: PartSpec) -> Seat:
    option = spec.option(row["site"].strip(), row["type"].strip())
    start, end = (datetime.strptime(row[name].strip(), _FORM).replace(tzinfo=UTC) for name in ("start_utc", "end_utc"))
    if end <= start:
        raise ValueError("the block ends before it begins")
    block = Block(option, row["machine"].strip(), start, end)
    return Seat(short_name(row["student"]), block, kept=row.get("state") == "there already")


def plan_text(plan: Plan) -> str:
    """Return the plan for the screen: the students' blocks, the machine hours, and whether it works out."""
    lines = [f"{'student':<28}{'machine':<20}{'when':<36}"]
    for seat in plan.seats:
        mark = "there already" if seat.kept else "" if seat.wished else "not as wished"
        when = seat.block.local(plan.wish.zone)
        lines.append(f"{seat.student:<28}{seat.block.resource:<20}{when:<36}{mark}".rstrip())
    return "\n".join([*lines, "", plan.sentence(), f"{plan.hours:.0f} machine hours."])
