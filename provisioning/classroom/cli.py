"""``python -m provisioning class …``: plan a class, make its leases, see who is where, mend what goes wrong."""

from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from labs.course.assignment import PATH, assignment
from provisioning import lab
from provisioning.classroom import leases
from provisioning.classroom.plan import Plan, Wish, make_plan, plan_text, read_plan, write_all
from provisioning.classroom.roster import Student, read_hours, read_roster, read_weekday, short_name
from provisioning.lab.terminal import PART
from provisioning.planning.blocks import calendars_of
from provisioning.planning.lessons import block_of
from provisioning.planning.zones import find_zone, keep_zone
from provisioning.setup.release import GRACE, sweep
from provisioning.sites.spec import NUMBERS, PartSpec, load_spec, resource_name
from provisioning.testbed.silent import Silent
from provisioning.testbed.surroundings import site_clock

#: Of what is planned in a block, how much there should be room for: something goes wrong.
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
            help="When the last block ends at the latest, in the zone; the assignment's date when left out."
        ),
    ] = None,
    begin: Annotated[
        datetime | None, typer.Option("--from", help="First day or hour; now when left out.")
    ] = None,
    day: Annotated[
        list[str] | None, typer.Option(help="Weekday, such as tue; repeatable. All when left out.")
    ] = None,
    hours: Annotated[str, typer.Option(help="Hours of the day in which blocks may lie.")] = "0-24",
    type_name: Annotated[list[str] | None, _TYPES] = None,
    zone: Annotated[str | None, _ZONE] = None,
    placeholder: Annotated[str, _PLACEHOLDER] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder that receives plan.csv and calendars.")
    ] = None,
) -> None:
    """Say who runs when. Exit code 1 says that somebody is without a block."""
    spec, local, now = load_spec(part), _zone(zone), site_clock().now()
    if zone:
        # `move --to` means the hours that the plan was made in, and so do the tables.
        keep_zone(local)
    block = block_of(spec.part)
    if not block.asked:
        raise ValueError(
            f"{PATH.name} asks for no lesson of {spec.title} that needs a machine: nothing to plan"
        )
    if _SPARE * block.planned_s > block.length_s:
        typer.echo(
            f"{block.planned_s / 60:.0f} of a block's {block.length_s / 60:.0f} minutes are planned, which leaves "
            f"little for what goes wrong: ask for longer ones in {PATH.name} (block = {spec.hours + 1})"
        )
    wish = _wish(begin, until or _due(spec, local), day or [], hours, local, now)
    plan = _plan(
        spec, read_roster(roster, assignment().course.time_zone), wish, type_name or [], placeholder
    )
    typer.echo(plan_text(plan))
    if out:
        typer.echo(f"{len(write_all(plan, out, now))} files in {out}: plan.csv and calendars/")
    if plan.without:
        raise typer.Exit(1)


def _zone(name: str | None) -> ZoneInfo:
    """Return the zone of the hours that a command takes and shows: the assignment's, unless another one was named."""
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
        raise ValueError(
            f"the deadline, {latest:%a %d %b %Y %H:%M}, is not after {earliest.astimezone(zone):%a %d %b %Y %H:%M}"
        )
    begins, ends = read_hours(hours)
    return Wish(earliest, latest, zone, begins, ends, frozenset(map(read_weekday, days)))


def _plan(
    spec: PartSpec, students: tuple[Student, ...], wish: Wish, types: list[str], placeholder: str
) -> Plan:
    for name in types:
        spec.only(name)  # says which there are
    calendars, unread = calendars_of(spec, lab.open_testbed)
    there = leases.leases_at(lab.open_testbed, calendars, spec.part)
    use = {
        option: calendar
        for option, calendar in calendars.items()
        if not types or option.type in types
    }
    missing = Silent(
        {option: why for option, why in unread.items() if not types or option.type in types}
    )
    if not use:
        missing.check("no machine can be planned")
    answered = {option.site for option in calendars}
    for option, why in missing.items():
        leases_too = "" if option.site in answered else ", nor is any lease that is there"
        typer.echo(f"not in the plan{leases_too}: {option.name}: {why.what}")
    if placeholder:
        use = leases.without_placeholders(lab.open_testbed, use, placeholder)
    return make_plan(students, spec, use, there, wish)


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
    spec, local = load_spec(part), _zone(zone)
    seats = read_plan(plan, spec)
    outcome = leases.reserve_all(
        lab.open_testbed, spec.part, seats, site_clock().now(), placeholder
    )
    for seat, what in outcome:
        typer.echo(
            f"{seat.student:<28}{seat.block.resource:<20}{seat.block.local(local):<36}{what}"
        )
    counts = Counter(what.split(":")[0] for _, what in outcome)
    typer.echo(", ".join(f"{count} {what}" for what, count in counts.items()))
    if any(what.startswith(("refused", "not made")) for _, what in outcome):
        raise typer.Exit(1)


@app.command("watch")
def watch_class(
    part: PART, roster: Annotated[Path, _ROSTER], zone: Annotated[str | None, _ZONE] = None
) -> None:
    """Show where each student of a roster is now, and who needs help."""
    spec, local, students = load_spec(part), _zone(zone), read_roster(roster)
    testbeds = [lab.open_testbed(site) for site in lab.sites_of(spec.part)]
    now = site_clock().now()
    watched = leases.watch(testbeds, spec.part, students, now)
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
    """Let a student's lease end later, if the machine is free."""
    lease = leases.extend(lab.open_testbed, load_spec(part).part, short_name(student), hours)
    typer.echo(f"{lease.name} ends {lease.end.astimezone(_zone(zone)):%a %d %b %H:%M %Z}")


@app.command("move")
def move_lease(
    part: PART,
    student: Annotated[str, _STUDENT],
    to: Annotated[
        datetime, typer.Option(help="Beginning of the new block, a full hour in the zone.")
    ],
    zone: Annotated[str | None, _ZONE] = None,
) -> None:
    """Give a student another block. It is made before the old one goes."""
    spec, local = load_spec(part), _zone(zone)
    start = to.replace(tzinfo=local)
    if start.astimezone(UTC).minute or start.second:
        raise ValueError(
            f"{start:%H:%M %Z} is {start.astimezone(UTC):%H:%M} UTC, and blocks begin on the hour"
        )
    option, machine, lease = leases.move(lab.open_testbed, spec, short_name(student), start)
    begins = lease.start.astimezone(local)
    typer.echo(
        f"{lease.name} is on {machine} ({option.name}), {begins:%a %d %b %H:%M %Z}. {option.changes}".rstrip()
    )


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
    spec, now, grace = load_spec(part), site_clock().now(), timedelta(minutes=grace_min)
    # By the lease's name, which may be a pseudonym.
    there = [each for each in read_roster(roster) if not each.left]
    students = {resource_name(spec.part, each.name): each.full_name or each.name for each in there}
    count, silent = 0, Silent()
    for site in lab.sites_of(spec.part):
        with silent.at(site):
            testbed = lab.open_testbed(site)
            missing = leases.no_shows(testbed, students, now, grace)
            count += len(missing)
            for each in missing:
                typer.echo(f"{students[each.name]}: {each.name}, {each.reason}")
            for line in sweep(testbed, missing, now, grace=grace) if release else ():
                typer.echo(line)
    if count or not silent:
        typer.echo(
            f"{count} of {len(students)} have not come"
            + ("" if release or not count else "; --release gives their machines back")
        )
    silent.check("nobody knows who else has not come")


@app.command("drop")
def drop(
    part: PART,
    roster: Annotated[Path, _ROSTER],
    release: Annotated[
        bool, typer.Option("--release", help="Give it back; without, it is only listed.")
    ] = False,
) -> None:
    """List, or give back, what students who left still hold."""
    spec = load_spec(part)
    gone = [member.name for member in read_roster(roster) if member.left]
    count, silent = 0, Silent()
    for site in lab.sites_of(spec.part):
        with silent.at(site):
            for line in leases.drop(lab.open_testbed(site), spec.part, gone, release=release):
                typer.echo(line)
                count += 1
    if count or not silent:
        what, way_out = (
            ("given back", "")
            if release
            else ("still held", "; --release gives it back" * bool(count))
        )
        typer.echo(f"{what}: {count or 'nothing'} of {len(gone)} who left{way_out}")
    silent.check("nobody knows what else they hold")
