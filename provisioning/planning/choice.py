"""The planner in words: the same calendar, options, choice and lease that its widget shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from provisioning.planning.blocks import Block
from provisioning.planning.chooser import Chooser
from provisioning.planning.timetable import grid_text
from provisioning.planning.zones import is_doubtful, said_of
from provisioning.sites.spec import PartSpec, SiteOption
from provisioning.testbed import Lease


@dataclass(frozen=True)
class OptionLine:
    """One option as the planner tells it."""

    option: SiteOption
    #: True for the one whose calendar is shown.
    chosen: bool
    #: Free blocks on this page of the calendar; None when the calendar could not be read.
    free: int | None
    #: First free block in words, or why there is none.
    first: str


def option_lines(chooser: Chooser) -> tuple[OptionLine, ...]:
    """Return every option of the part in order of preference, with what is free there in the week that is shown."""
    lines = []
    for option in chooser.spec.options:
        if option in chooser.unread:
            lines.append(OptionLine(option, False, None, chooser.unread[option]))
            continue
        free = chooser.table(option).free
        first = f"first {free[0].said(chooser.zone)}" if free else "all taken this week"
        lines.append(OptionLine(option, option == chooser.option, len(free), first))
    return tuple(lines)


def said_zone(chooser: Chooser) -> str:
    """Return whose time is shown, and a hint where it is probably nobody's."""
    said = f"All times are in your time zone: {said_of(chooser.zone, chooser.now)}."
    if is_doubtful(chooser.zone):
        said += " This computer only knows UTC, so choose yours."
    return said


def said_rules(spec: PartSpec, option: SiteOption) -> str:
    """Return how long a block is and why it begins and ends as it does."""
    return (
        f"Blocks of {spec.hours} h begin on the hour and end at :{option.end_minute:02d}, "
        "so that the machine is free again when the next block begins."
    )


def said_block(block: Block, zone: tzinfo) -> str:
    """Return a block in words."""
    return f"{block.resource} ({block.option.name}, {block.option.site}), {block.local(zone)}"


def said_lease(lease: Lease, zone: tzinfo) -> str:
    """Return a lease in words: name, state, beginning and end in the student's time, and its identifier."""
    start, end = lease.start.astimezone(zone), lease.end.astimezone(zone)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %d %b %H:%M}"
    return f"{lease.name} is {lease.status}: {start:%a %d %b %H:%M}–{until} {end.tzname()}, id {lease.id}"


def to_do_before(spec: PartSpec) -> tuple[str, str]:
    """Return what to read and what to rehearse before the block."""
    return f"Read {spec.read_first}.", f"Rehearse with {spec.rehearse_first}: it needs no lease."


def choice_text(chooser: Chooser, *, rehearsed: bool) -> str:
    """Return everything that the planner shows, as text.

    Args:
        chooser: the planner's state.
        rehearsed: whether the sites are played.
    """
    spec, option = chooser.spec, chooser.option
    lines = [
        f"{spec.title}: choose a block" + (" (rehearsal: nothing is booked on Chameleon)" if rehearsed else ""),
        said_zone(chooser),
        said_rules(spec, option),
        "",
        f"{option.name} ({option.site}, {option.type}): {option.hardware}",
    ]
    lines += [f"What changes for the lesson: {option.changes}"] if option.changes else []
    lines += [grid_text(chooser.table(), chooser.zone), ""]
    lines += [
        f"{'>' if line.chosen else ' '} {line.option.name} ({line.option.site}, {line.option.type}): "
        + (line.first if not line.free else f"{line.free} free blocks, {line.first}")
        for line in option_lines(chooser)
    ]
    lines += ["", "Before it: " + " ".join(to_do_before(spec))]
    block = chooser.block
    lines += [f"Chosen: {said_block(block, chooser.zone)}" if block else "Nothing can be chosen in this week."]
    if chooser.lease is not None and chooser.lease_option is not None:
        lines += [f"Reserved at {chooser.lease_option.site}: {said_lease(chooser.lease, chooser.zone)}"]
    return "\n".join(lines)
