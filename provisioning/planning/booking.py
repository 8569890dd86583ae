"""A chosen block: python-chi code to read and copy, and a calendar file with the preparation."""

from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from icalendar import Alarm, Calendar, Event

from labs.course.assignment import assignment
from labs.shell import msl
from labs.sites.spec import NUMBERS, PartSpec
from provisioning.planning.blocks import HOUR, Block
from provisioning.planning.lessons import to_prepare

#: When to read and rehearse, counted back from the block.
PREPARE_BEFORE = timedelta(days=1)
#: The machine needs its boot; a student who comes late loses that time from the lessons.
REMIND_BEFORE = timedelta(minutes=15)


def reservation_code(block: Block, lease_name: str) -> str:
    """Return python-chi code that reserves the block; it runs unchanged in a notebook."""
    kind = block.option.resource
    if kind == "own":
        reserve = msl("lease reserve PART --number N")
        return f"# python-chi does not know machines of your class: `{reserve}` books one"
    if kind == "flavor":
        # No virtual machine has a name beforehand.
        reserved = f"name={block.option.type!r}"
    else:
        reserved = f"{kind}_name={block.resource!r}"
    start = _datetime_code(block.start)
    end = _datetime_code(block.end)
    # A future lease must not be waited for, and python-chi's `duration` would count from now.
    lines = [
        "from datetime import datetime, timezone",
        "from chi import context, lease",
        "",
        f"context.use_site({block.option.site!r})",
        "l = lease.Lease(",
        f"    {lease_name!r},",
        f"    start_date={start},",
        f"    end_date={end},",
        ")",
        f"l.add_{kind}_reservation(amount=1, {reserved})",
        "l.submit(idempotent=True, wait_for_active=False)",
        "l.show()",
    ]
    return "\n".join(lines)


def _datetime_code(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    numbers = f"{utc.year}, {utc.month}, {utc.day}, {utc.hour}, {utc.minute}"
    return f"datetime({numbers}, tzinfo=timezone.utc)"


def calendar_file(
    spec: PartSpec, block: Block, lease_name: str, now: datetime, due: datetime | None = None
) -> bytes:
    """Return an ``.ics`` file with the block, a reminder, an hour of reading and rehearsal before
    it, the deadline.

    Times are written in UTC, which every calendar program shows in its user's own zone.

    Args:
        lease_name: the student's own; the same name and block give the same entries, so importing
            twice is harmless.
        now: with time zone; a preparation before it is left out.
        due: when the part is handed in; the assignment's date when None.
    """
    asked = assignment().parts.get(NUMBERS[spec.part])
    due = due or (asked.due if asked else None)
    option = block.option
    identity = f"{lease_name}/{block.start.isoformat()}"
    calendar = Calendar()
    calendar.add("prodid", "-//model serving labs//planner//EN")
    calendar.add("version", "2.0")

    def add(kind: str, start: datetime, end: datetime, summary: str, description: str) -> Event:
        event = Event()
        event.add("uid", str(uuid5(NAMESPACE_URL, f"{identity}/{kind}")))
        event.add("dtstamp", now.astimezone(UTC))
        event.add("dtstart", start.astimezone(UTC))
        event.add("dtend", end.astimezone(UTC))
        event.add("summary", summary)
        event.add("description", description)
        calendar.add_component(event)
        return event

    begin = (
        "Run the provisioning notebook at the very beginning: the machine needs its time to boot."
    )
    if option.resource == "own":
        up = msl(f"lease up {spec.part}", at_home=True)
        begin = f"Run `{up}` at the very beginning: set-up takes its time."
    about_lab = (
        f"Lease {lease_name} on {block.resource} at {option.site}: {option.name}.\n"
        f"{begin}\n{option.changes}".strip()
    )
    lab = add("lab", block.start, block.end, spec.title, about_lab)
    lab.add("location", f"{option.site} {block.resource}")
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("description", f"{spec.title} begins")
    reminder.add("trigger", -REMIND_BEFORE)
    lab.add_component(reminder)
    before = block.start - PREPARE_BEFORE
    reading = to_prepare(spec.part)
    if before > now and reading:
        add("prepare", before, before + HOUR, f"Prepare for {spec.title}", reading)
    if due:
        submit = msl(f"submit {spec.part}", at_home=True)
        add("due", due, due, f"Hand in {spec.title}", f"`{submit}` makes the zip.")
    return calendar.to_ical()
