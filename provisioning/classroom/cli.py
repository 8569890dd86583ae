"""``python -m provisioning class …``: plan a class, make its leases, see who is where, repair
faults.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from labs.course.assignment import PATH, assignment
from labs.course.lease_record import append_looks
from labs.course.roster import Student, read_hours, read_roster, read_weekday, short_name
from labs.sites.spec import NUMBERS, PartSpec, load_spec, resource_name
from labs.terminal import PART
from provisioning import lab
from provisioning.classroom import leases
from provisioning.classroom.plan import ClassPlan, Wish, make_plan, plan_text, read_plan, write_all
from provisioning.planning.blocks import BLOCK_STEP, calendars_of
from provisioning.planning.lessons import block_of
from provisioning.planning.zones import find_zone, keep_zone
from provisioning.setup.release import GRACE, sweep
from provisioning.testbed.silent import Silent
from provisioning.testbed.surroundings import site_clock

#: From one beginning of a block to the next: the lessons' checks accept full and half hours.
_STEPS_MIN = (30, 60)
#: Recommended room in a block, as a multiple of the planned time, because something goes wrong.
_SPARE = 1.5

app = typer.Typer(
    no_args_is_help=True, help="A class on shared machines: plan, leases, who is where."
)

_ROSTER = typer.Argument(
    help="CSV with a column username, email or netid; name, prefers, cannot where you have them."
)
_TYPES = typer.Option(
    "--type", help="Node type or device to use; repeatable. All of the part when left out."
)
_PLACEHOLDER = typer.Option(
    "--placeholder", help="Name of the leases that hold machines for the class."
)
_ZONE = typer.Option(
    "--zone",
    help="Time zone, such as America/Chicago; the plan's or the assignment's when left out.",
)
_STUDENT = typer.Argument(help="The student, as in the roster.")


@app.command("plan")
def plan_class(
    part: PART,
    roster: Annotated[Path, _ROSTER],
    until: Annotated[
        datetime | None,
        typer.Option(
            help="When the last block ends at the latest, in the zone; the assignment's date "
            "when left out."
        ),
    ] = None,
    begin: Annotated[
        datetime | None, typer.Option("--from", help="First day or hour; now when left out.")
    ] = None,
    day: Annotated[
        list[str] | None, typer.Option(help="Weekday, such as tue; repeatable. All when left out.")
    ] = None,
    hours: Annotated[str, typer.Option(help="Hours of the day in which blocks may lie.")] = "0-24",
    every: Annotated[
        int, typer.Option(help="Minutes from one beginning to the next: 30, or 60 for full hours.")
    ] = BLOCK_STEP // timedelta(minutes=1),
    type_name: Annotated[list[str] | None, _TYPES] = None,
    zone: Annotated[str | None, _ZONE] = None,
    placeholder: Annotated[str, _PLACEHOLDER] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder that receives plan.csv and calendars.")
    ] = None,
) -> None:
    """Say who runs when. Exit code 1 means that at least one student has no block."""
    spec = load_spec(part)
    local = _zone(zone)
    now = site_clock().now()
    if zone:
        # `move --to` means the hours that the plan was made in, and so do the tables.
        keep_zone(local)
    block = block_of(spec.part)
    if not block.asked:
        raise ValueError(
            f"{PATH.name} asks for no lesson of {spec.title} that needs a machine: nothing to plan"
        )
    if _SPARE * block.planned_s > block.length_s:
        planned_min = block.planned_s / 60
        length_min = block.length_s / 60
        typer.echo(
            f"{planned_min:.0f} of a block's {length_min:.0f} minutes are planned, which leaves "
            "little for what goes wrong: ask for longer ones in "
            f"{PATH.name} (block = {spec.hours + 1})"
        )
    if every not in _STEPS_MIN:
        raise ValueError(f"blocks begin every 30 or 60 minutes, and not every {every}")
    latest = until or _due(spec, local)
    wish = _wish(begin, latest, day or [], hours, local, now)
    wish = replace(wish, step=timedelta(minutes=every))
    students = read_roster(roster, assignment().course.time_zone)
    plan = _plan(spec, students, wish, type_name or [], placeholder)
    typer.echo(plan_text(plan))
    if out:
        files = write_all(plan, out, now)
        typer.echo(f"{len(files)} files in {out}: plan.csv and calendars/")
    if plan.without:
        raise typer.Exit(1)


def _zone(name: str | None) -> ZoneInfo:
    """Return the zone of the hours that a command takes and shows: the assignment's, unless another
    one was named.
    """
    return find_zone(name, otherwise=assignment().course.time_zone.key)


def _due(spec: PartSpec, zone: tzinfo) -> datetime:
    due = assignment().part(NUMBERS[spec.part]).due
    if due is None:
        raise ValueError(
            f"{PATH.name} has no date for part {NUMBERS[spec.part]}: name one with --until"
        )
    return due.astimezone(zone)


def _wish(
    begin: datetime | None,
    until: datetime,
    days: list[str],
    hours: str,
    zone: tzinfo,
    now: datetime,
) -> Wish:
    earliest = max(begin.replace(tzinfo=zone), now) if begin else now
    latest = until.replace(tzinfo=zone)
    if (latest.hour, latest.minute) == (0, 0):
        # A date alone means that day, not the moment at which it begins.
        latest += timedelta(days=1)
    if latest <= earliest:
        local = earliest.astimezone(zone)
        raise ValueError(
            f"the deadline, {latest:%a %d %b %Y %H:%M}, is not after {local:%a %d %b %Y %H:%M}"
        )
    begins, ends = read_hours(hours)
    return Wish(earliest, latest, zone, begins, ends, frozenset(map(read_weekday, days)))


def _plan(
    spec: PartSpec, students: tuple[Student, ...], wish: Wish, types: list[str], placeholder: str
) -> ClassPlan:
    for name in types:
        spec.only(name)  # says which there are
    calendars, unread = calendars_of(spec, lab.open_testbed)
    class_leases = leases.leases_at(lab.open_testbed, calendars, spec.part)
    used_types = types or [option.type for option in spec.options]
    used = {option: calendars[option] for option in calendars if option.type in used_types}
    missing = Silent({option: unread[option] for option in unread if option.type in used_types})
    if not used:
        missing.check("no machine can be planned")
    answered = {option.site for option in calendars}
    for option, why in missing.items():
        leases_too = "" if option.site in answered else ", nor is any lease that is there"
        typer.echo(f"not in the plan{leases_too}: {option.name}: {why.what}")
    if placeholder:
        used = leases.without_placeholders(lab.open_testbed, used, placeholder)
    return make_plan(students, spec, used, class_leases, wish)


@app.command("reserve")
def reserve_class(
    part: PART,
    plan: Annotated[
        Path, typer.Argument(help="plan.csv, as `class plan --out` wrote it or as you changed it.")
    ],
    placeholder: Annotated[str, _PLACEHOLDER] = "",
    zone: Annotated[str | None, _ZONE] = None,
) -> None:
    """Make a plan's leases. Run it again to fill the gaps. Exit 1 when one could not be made."""
    spec = load_spec(part)
    local = _zone(zone)
    seats = read_plan(plan, spec)
    now = site_clock().now()
    outcome = leases.reserve_all(lab.open_testbed, spec.part, seats, now, placeholder)
    for seat, what in outcome:
        when = seat.block.local(local)
        typer.echo(f"{seat.student:<28}{seat.block.resource:<20}{when:<36}{what}")
    counts = Counter(what.split(":")[0] for _, what in outcome)
    summary = ", ".join(f"{count} {what}" for what, count in counts.items())
    typer.echo(summary)
    if any(what.startswith(("refused", "not made")) for _, what in outcome):
        raise typer.Exit(1)


@app.command("watch")
def watch_class(
    part: PART,
    roster: Annotated[Path, _ROSTER],
    zone: Annotated[str | None, _ZONE] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Append what the sites say of the leases: it proves points for them."),
    ] = None,
) -> None:
    """Show where each student of a roster is now, and who needs help."""
    spec = load_spec(part)
    local = _zone(zone)
    students = read_roster(roster)
    testbeds = [lab.open_testbed(site) for site in lab.sites_of(spec.part)]
    now = site_clock().now()
    watched = leases.watch(testbeds, spec.part, students, now)
    if record:
        append_looks(record, watched.looks)
    typer.echo(leases.watch_table(watched, now, local))
    if watched.silent:
        raise typer.Exit(1)


@app.command("extend")
def extend_lease(
    part: PART,
    student: Annotated[str, _STUDENT],
    hours: Annotated[float, typer.Option(min=0.1, help="How much longer.")] = 1.0,
    zone: Annotated[str | None, _ZONE] = None,
) -> None:
    """Let a student's lease end later, if the machine is free.

    Chameleon allows it within the last 48 hours before the end.
    """
    lease = leases.extend(lab.open_testbed, load_spec(part).part, short_name(student), hours)
    ends = lease.end.astimezone(_zone(zone))
    typer.echo(f"{lease.name} ends {ends:%a %d %b %H:%M %Z}")


@app.command("move")
def move_lease(
    part: PART,
    student: Annotated[str, _STUDENT],
    to: Annotated[
        datetime, typer.Option(help="Beginning of the new block, a full or half hour in the zone.")
    ],
    zone: Annotated[str | None, _ZONE] = None,
) -> None:
    """Give a student another block. It is made before the old one goes."""
    spec = load_spec(part)
    local = _zone(zone)
    start = to.replace(tzinfo=local)
    start_utc = start.astimezone(UTC)
    if start_utc.minute not in (0, 30) or start.second:
        raise ValueError(
            f"{start:%H:%M %Z} is {start_utc:%H:%M} UTC, and blocks begin at full and half hours"
        )
    option, machine, lease = leases.move(lab.open_testbed, spec, short_name(student), start)
    begins = lease.start.astimezone(local)
    moved = f"{lease.name} is on {machine} ({option.name}), {begins:%a %d %b %H:%M %Z}."
    typer.echo(f"{moved} {option.changes}".rstrip())


@app.command("no-shows")
def no_shows(
    part: PART,
    roster: Annotated[Path, _ROSTER],
    grace_min: Annotated[
        float, typer.Option(min=0, help="Minutes for which a lease may run without a machine.")
    ] = GRACE / timedelta(minutes=1),
    release: Annotated[
        bool, typer.Option("--release", help="Give these leases back, for others to take.")
    ] = False,
) -> None:
    """List the leases whose students have not come."""
    spec = load_spec(part)
    now = site_clock().now()
    grace = timedelta(minutes=grace_min)
    # By the lease's name, which may be a pseudonym.
    students = {}
    for student in read_roster(roster):
        if not student.left:
            lease_name = resource_name(spec.part, student.name)
            students[lease_name] = student.full_name or student.name
    count = 0
    silent = Silent()
    for site in lab.sites_of(spec.part):
        with silent.at(site):
            testbed = lab.open_testbed(site)
            missing = leases.no_shows(testbed, students, now, grace)
            count += len(missing)
            for lease in missing:
                typer.echo(f"{students[lease.name]}: {lease.name}, {lease.reason}")
            if release:
                for line in sweep(testbed, missing, now, grace=grace):
                    typer.echo(line)
    if count or not silent:
        way_out = "; --release gives their machines back" if count and not release else ""
        typer.echo(f"{count} of {len(students)} have not come{way_out}")
    silent.check("nobody knows who else has not come")


@app.command("drop")
def drop(
    part: PART,
    roster: Annotated[Path, _ROSTER],
    release: Annotated[
        bool, typer.Option("--release", help="Give it back; without, it is only listed.")
    ] = False,
) -> None:
    """List, or release, the resources of students who left."""
    spec = load_spec(part)
    gone = [member.name for member in read_roster(roster) if member.left]
    count = 0
    silent = Silent()
    for site in lab.sites_of(spec.part):
        with silent.at(site):
            for line in leases.drop(lab.open_testbed(site), spec.part, gone, release=release):
                typer.echo(line)
                count += 1
    if count or not silent:
        what = "given back" if release else "still held"
        way_out = "; --release gives it back" if count and not release else ""
        typer.echo(f"{what}: {count or 'nothing'} of {len(gone)} who left{way_out}")
    silent.check("nobody knows what else they hold")
