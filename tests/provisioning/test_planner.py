"""Free slots become blocks: full hours, end minutes, local time, fall-back."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from provisioning.planning.blocks import Wish, block_end, calendars_of, free_blocks, is_free, propose, table
from provisioning.sites.spec import PARTS, load_spec
from provisioning.testbed import Booking, Resource
from provisioning.testbed.errors import ServiceBusyError

MODEL = load_spec("model")
LIQID, GIGAIO = MODEL.options[:2]
CHICAGO = ZoneInfo("America/Chicago")
KOLKATA = ZoneInfo("Asia/Kolkata")


def at(day: int, hour: int, minute: int = 0, zone=UTC) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=zone)


def node(name: str, *spans: tuple[datetime, datetime], **changes) -> Resource:
    bookings = tuple(Booking(start, end) for start, end in spans)
    return Resource("CHI@TACC", name, "compute_liqid", bookings=bookings, **changes)


NOON, NEXT_NOON = at(2, 12), at(3, 12)


def wish(earliest=NOON, latest=NEXT_NOON, zone=UTC, **changes) -> Wish:
    return Wish(earliest, latest, zone, **changes)


@pytest.mark.parametrize("part", PARTS)
def test_blocks_begin_on_the_hour_and_end_as_the_course_says(part):
    """Three hours end at :50, two hours on the edge at :55; every hour in between is offered once."""
    spec = load_spec(part)
    option = spec.options[0]
    blocks = free_blocks(spec, option, [node("a")], wish(earliest=at(2, 12, 1)))
    assert blocks[0].start == at(2, 13)
    assert {block.start.minute for block in blocks} == {0}
    assert {block.end.minute for block in blocks} == {option.end_minute}
    assert {block.end - block.start for block in blocks} == {timedelta(hours=spec.hours - 1, minutes=option.end_minute)}
    assert blocks[-1].end <= at(3, 12)
    assert len(blocks) == 24 - spec.hours


def test_a_full_hour_as_the_earliest_is_offered():
    """Asking from noon on includes noon."""
    assert free_blocks(MODEL, LIQID, [node("a")], wish())[0].start == at(2, 12)


def test_back_to_back_is_free_and_one_minute_over_is_not():
    """A booking may end when the block begins; the ten minutes at its end are for the next one."""
    until_noon = node("a", (at(2, 9), at(2, 12)))
    assert free_blocks(MODEL, LIQID, [until_noon], wish())[0].start == at(2, 12)
    late = node("a", (at(2, 9), at(2, 12, 1)))
    assert free_blocks(MODEL, LIQID, [late], wish())[0].start == at(2, 13)
    next_at_fifty = node("a", (at(2, 14, 50), at(2, 20)))
    assert free_blocks(MODEL, LIQID, [next_at_fifty], wish())[0].start == at(2, 12)


def test_against_every_minute_of_random_calendars():
    """A block is offered exactly when no minute of it is booked, whatever the calendar."""
    generator = random.Random(7)
    for _ in range(30):
        spans = []
        for _ in range(generator.randrange(8)):
            start = at(2, 12) + timedelta(minutes=generator.randrange(24 * 60))
            spans.append((start, start + timedelta(minutes=generator.randrange(5, 300))))
        booked = {
            at(2, 12) + timedelta(minutes=m)
            for m in range(24 * 60)
            if any(start <= at(2, 12) + timedelta(minutes=m) < end for start, end in spans)
        }
        offered = {block.start for block in free_blocks(MODEL, LIQID, [node("a", *spans)], wish())}
        for hour in range(24):
            start = at(2, 12) + timedelta(hours=hour)
            end = block_end(start, 3, 50)
            minutes = {start + timedelta(minutes=m) for m in range(170)}
            assert (start in offered) == (end <= at(3, 12) and not minutes & booked), (spans, start)


def test_the_machine_with_most_room_after_it_is_named():
    """So that a lease can still be extended; out of service is never named."""
    tight = node("a", (at(2, 15), at(2, 20)))
    roomy = node("b", (at(2, 22), at(3, 2)))
    broken = node("c", reservable=False)
    first = free_blocks(MODEL, LIQID, [tight, roomy, broken], wish())[0]
    assert (first.resource, first.others_free) == ("b", 1)


def test_local_time_of_the_student():
    """Words of the student's own zone, with the day where it changes."""
    evening = free_blocks(MODEL, LIQID, [node("a")], wish(earliest=at(3, 4), latest=at(3, 9), zone=CHICAGO))[0]
    assert evening.local(CHICAGO) == "Mon 02 Mar 22:00–00:50 (Tue) CST"
    half_hour = free_blocks(MODEL, LIQID, [node("a")], wish(zone=KOLKATA))[0]
    assert half_hour.local(KOLKATA) == "Mon 02 Mar 17:30–20:20 IST"


def test_the_night_of_the_clock_change():
    """8 March 2026, Chicago: 01:00 CST to 04:50 CDT is under three hours of lease, and both zones are named."""
    block = free_blocks(MODEL, LIQID, [node("a")], wish(earliest=at(8, 7), latest=at(8, 12), zone=CHICAGO))[0]
    assert block.end - block.start == timedelta(hours=2, minutes=50)
    assert block.local(CHICAGO) == "Sun 08 Mar 01:00–04:50 CST, ends CDT"


def test_hours_of_the_day_are_local():
    """Somebody who works from 9 to 18 in Chicago gets blocks inside that, on one day."""
    asked = wish(latest=at(5, 12), zone=CHICAGO, day_begins=time(9), day_ends=time(18))
    blocks = free_blocks(MODEL, LIQID, [node("a")], asked)
    assert blocks
    for block in blocks:
        start, end = block.start.astimezone(CHICAGO), block.end.astimezone(CHICAGO)
        assert time(9) <= start.time()
        assert end.time() <= time(18)
        assert start.date() == end.date()


def test_fall_back_to_the_next_option_says_what_changes():
    """All A100 nodes at TACC are taken: the next option is proposed, with its difference for the lesson."""
    taken = node("a", (at(1, 0), at(9, 0)))
    calendars = {LIQID: [taken], GIGAIO: [node("g")]}
    proposal = propose(MODEL, calendars, wish(), {MODEL.options[4]: "no calendar"})
    assert proposal.option == GIGAIO
    assert proposal.best.resource == "g"
    text = table(proposal)
    assert "A100 40 GB at TACC is taken. Next best: A100 80 GB at UC." in text
    assert GIGAIO.changes in text
    assert "the last one free" in text
    assert "A whole H100 in a virtual machine: no calendar" in text


def test_the_first_option_wins_even_when_a_later_one_is_earlier():
    """The lesson's own machine comes first; the other is mentioned."""
    busy_today = node("a", (at(2, 0), at(2, 20)))
    proposal = propose(MODEL, {LIQID: [busy_today], GIGAIO: [node("g")]}, wish())
    assert proposal.best.start == at(2, 20)
    assert "or A100 80 GB at UC: Mon 02 Mar 12:00" in table(proposal)


def test_nothing_free():
    """Says what to do."""
    proposal = propose(MODEL, {LIQID: []}, wish())
    assert proposal.option is None
    assert proposal.best is None
    assert "Look further ahead" in table(proposal)


def test_one_site_in_maintenance_does_not_hide_the_others():
    """Its option is listed with the reason."""

    class Site:
        def __init__(self, name):
            self.name = name

        def resources(self, kind, type_name):
            if self.name == "CHI@UC":
                raise ServiceBusyError("503")
            return [node("a")]

    calendars, unread = calendars_of(MODEL, Site)
    assert set(calendars) == {option for option in MODEL.options if option.site == "CHI@TACC"}
    assert unread[GIGAIO] == "503"
    assert all("calendar" in unread[option] for option in MODEL.options if option.resource == "flavor")


def test_is_free_of_nothing():
    """No booking, no obstacle."""
    assert is_free((), at(2, 12), at(2, 13))
