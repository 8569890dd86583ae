"""A chosen block, ready to take: python-chi code to read and copy, and a calendar file with what to do before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from icalendar import Alarm, Calendar, Event

from provisioning.planning.blocks import Block
from provisioning.sites.spec import PartSpec

#: When to read and rehearse, counted back from the block.
PREPARE_BEFORE = timedelta(days=1)
PREPARE_LENGTH = timedelta(hours=1)
#: The machine needs its boot; a student who comes late loses that time from the lessons.
REMIND_BEFORE = timedelta(minutes=15)


def reservation_code(block: Block, lease_name: str) -> str:
    """Return python-chi code that reserves the block; it runs as it stands in a notebook.

    Args:
        block: from the planner.
        lease_name: the student's own.
    """
    start, end = block.start.astimezone(UTC), block.end.astimezone(UTC)
    if block.option.is_edge:
        add = f"l.add_device_reservation(amount=1, device_name={block.resource!r})"
    else:
        add = f"l.add_node_reservation(amount=1, node_name={block.resource!r})"
    # A future lease must not be waited for, and python-chi's `duration` would count from now.
    return "\n".join(
        [
            "from datetime import datetime, timezone",
            "from chi import context, lease",
            "",
            f"context.use_site({block.option.site!r})",
            "l = lease.Lease(",
            f"    {lease_name!r},",
            f"    start_date=datetime({_arguments(start)}, tzinfo=timezone.utc),",
            f"    end_date=datetime({_arguments(end)}, tzinfo=timezone.utc),",
            ")",
            add,
            "l.submit(idempotent=True, wait_for_active=False)",
            "l.show()",
        ]
    )


def _arguments(moment: datetime) -> str:
    return f"{moment.year}, {moment.month}, {moment.day}, {moment.hour}, {moment.minute}"


def calendar_file(spec: PartSpec, block: Block, lease_name: str, now: datetime) -> bytes:
    """Return an ``.ics`` file with the block, a reminder, and the hour of reading and rehearsal before it.

    Times are written in UTC, which every calendar program shows in its user's own zone.

    Args:
        spec: of the part.
        block: from the planner.
        lease_name: the student's own; the same name and block give the same entries, so importing twice is harmless.
        now: with time zone.
    """
    return calendar_of(entries(spec, block, lease_name, now))


def calendar_of(events: Iterable[Event]) -> bytes:
    """Return an ``.ics`` file of entries."""
    calendar = Calendar()
    calendar.add("prodid", "-//model serving labs//planner//EN")
    calendar.add("version", "2.0")
    for event in events:
        calendar.add_component(event)
    return calendar.to_ical()


def entries(spec: PartSpec, block: Block, lease_name: str, now: datetime) -> Iterable[Event]:
    """Return the entries of one block: itself, and the preparation where there is time; see ``calendar_file``."""
    option = block.option
    lab = _event(
        f"{lease_name}/{block.start.isoformat()}/lab",
        now,
        block.start,
        block.end,
        spec.title,
        f"Lease {lease_name} on {block.resource} ({option.hardware}) at {option.site}.\n"
        "Run the provisioning notebook at the very beginning: the machine needs its time to boot.\n"
        f"{option.changes}".strip(),
    )
    lab.add("location", f"{option.site} {block.resource}")
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("description", f"{spec.title} begins")
    reminder.add("trigger", -REMIND_BEFORE)
    lab.add_component(reminder)
    yield lab
    before = block.start - PREPARE_BEFORE
    if before > now:
        yield _event(
            f"{lease_name}/{block.start.isoformat()}/prepare",
            now,
            before,
            before + PREPARE_LENGTH,
            f"Prepare for {spec.title}",
            f"Read {spec.read_first}, then rehearse with {spec.rehearse_first}: it needs no lease.",
        )


def _event(identity: str, now: datetime, start: datetime, end: datetime, summary: str, description: str) -> Event:
    event = Event()
    event.add("uid", str(uuid5(NAMESPACE_URL, identity)))
    event.add("dtstamp", now.astimezone(UTC))
    event.add("dtstart", start.astimezone(UTC))
    event.add("dtend", end.astimezone(UTC))
    event.add("summary", summary)
    event.add("description", description)
    return event
