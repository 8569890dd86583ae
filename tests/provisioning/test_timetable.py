"""Free blocks as days and hours: whose hours, which machines, what a change of the clocks does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from provisioning.planning.timetable import grid_text, mark_of, timetable
from provisioning.sites.spec import load_spec
from provisioning.testbed import Booking, Resource

MODEL = load_spec("model")
LIQID = MODEL.options[0]
CHICAGO = ZoneInfo("America/Chicago")


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def node(name: str, *spans: tuple[datetime, datetime], **changes) -> Resource:
    return Resource("CHI@TACC", name, "compute_liqid", bookings=tuple(Booking(*span) for span in spans), **changes)


def table(*nodes: Resource, zone=UTC, first=date(2026, 3, 2), days=1, now=None):
    return timetable(MODEL, LIQID, nodes, first, days, zone, now or at(3, 1, 0))


def test_each_hour_counts_the_machines_that_are_free_for_a_whole_block():
    """A booking from 12:00 on leaves 09:00 free (it ends at 11:50), and takes 10:00 to its own end."""
    page = table(node("a"), node("b", (at(3, 2, 12), at(3, 2, 15))))
    counts = [len(hour[0].free) for hour in page.days[0].hours]
    assert counts == [2] * 10 + [1] * 5 + [2] * 9
    slot = page.days[0].hours[9][0]
    assert (slot.start, slot.end) == (at(3, 2, 9), at(3, 2, 11, 50))


def test_the_machine_with_most_room_after_the_block_is_first():
    """So that the lease can still be extended; equals go by name."""
    page = table(node("a", (at(3, 2, 16), at(3, 2, 20))), node("c"), node("b"))
    assert page.days[0].hours[9][0].free == ("b", "c", "a")


def test_taken_past_and_out_of_service_look_different():
    """A full hour that has begun has gone by; a machine in maintenance is never free."""
    busy = node("a", (at(3, 2, 0), at(3, 3, 12)))
    page = table(busy, node("b", reservable=False), now=at(3, 2, 10, 1))
    states = [hour[0].state for hour in page.days[0].hours]
    assert states == ["past"] * 11 + ["taken"] * 13
    assert page.free == ()
    assert [mark_of(hour) for hour in page.days[0].hours[10:12]] == ["", "·"]


def test_a_day_is_the_students_own():
    """In Chicago a winter day begins at 06:00 UTC."""
    page = table(node("a"), zone=CHICAGO)
    assert page.days[0].hours[0][0].start == at(3, 2, 6)
    assert page.days[0].hours[23][0].start == at(3, 3, 5)
    assert "Mon 02 Mar 00:00–02:50 CST, the last one free" in page.days[0].hours[0][0].said(CHICAGO)
    assert "Mon 02 Mar 23:00–01:50 (Tue) CST" in page.days[0].hours[23][0].said(CHICAGO)


@pytest.mark.parametrize(
    ("first", "hours", "slots"),
    [(date(2026, 3, 8), {2: 0}, 23), (date(2026, 11, 1), {1: 2}, 25)],
    ids=["spring", "autumn"],
)
def test_a_change_of_the_clocks_loses_no_hour(first, hours, slots):
    """The skipped hour is empty, the doubled one holds both, and every full hour of UTC is there once."""
    page = table(node("a"), zone=CHICAGO, first=first)
    assert {hour: len(page.days[0].hours[hour]) for hour in hours} == hours
    assert len(page.slots) == len({slot.start for slot in page.slots}) == slots
    said = [slot.said(CHICAGO) for hour in hours for slot in page.days[0].hours[hour]]
    assert len(set(said)) == len(said)


def test_half_hour_zones_show_the_same_blocks_at_half_past():
    """The class shares the machines, so all meet the same grid."""
    page = table(node("a"), zone=ZoneInfo("Asia/Kolkata"))
    assert {slot.start.minute for slot in page.slots} == {0}
    assert "begin 30 minutes past the hour" in grid_text(page, ZoneInfo("Asia/Kolkata"))
    assert len(page.slots) == 24


def test_the_text_says_what_the_calendar_shows():
    """A line a day, a column an hour."""
    page = table(node("a"), node("b", (at(3, 2, 12), at(3, 2, 15))), now=at(3, 2, 8, 30))
    head, day, *_ = grid_text(page, UTC).splitlines()
    assert head.split() == [str(hour) for hour in range(24)]
    assert day.startswith("Mon 02 Mar")
    columns = [day[11 + 3 * hour : 14 + 3 * hour].strip() for hour in range(24)]
    assert columns == [""] * 9 + ["2"] + ["1"] * 5 + ["2"] * 9
