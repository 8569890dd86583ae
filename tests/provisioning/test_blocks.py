"""Blocks of a lease: the free machines at each full hour, in the student's own time, and the
lessons that fit into one.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.runtimes.providers import environments
from labs.sites.spec import PARTS, load_spec
from provisioning.planning.blocks import mark_of, timetable
from provisioning.planning.lessons import block_of
from provisioning.planning.zones import find_zone, keep_zone
from provisioning.testbed import Booking, Resource

MODEL = load_spec("model")
DAY = datetime(2026, 3, 2, tzinfo=UTC)
ZONES = [
    ZoneInfo(name) for name in ("UTC", "America/Chicago", "Asia/Kolkata", "Pacific/Kiritimati")
]


def node(name: str, *hours: tuple[float, float], reservable: bool = True) -> Resource:
    """Return a machine that is booked between hours counted from the beginning of 2 March."""
    booked = tuple(
        Booking(DAY + timedelta(hours=start), DAY + timedelta(hours=end)) for start, end in hours
    )
    return Resource("CHI@TACC", name, "compute_liqid", bookings=booked, reservable=reservable)


def table(*nodes: Resource, spec=MODEL, zone=UTC, first=date(2026, 3, 2), days=1, now=DAY):
    return timetable(spec, spec.options[0], nodes, first, days, zone, now)


@settings(deadline=None)
@given(
    booked=st.lists(st.tuples(st.integers(0, 48 * 60), st.integers(1, 300)), max_size=8),
    part=st.sampled_from(PARTS),
    passed=st.integers(0, 24 * 60),
)
def test_an_hour_is_free_exactly_when_no_minute_of_its_block_is_booked(booked, part, passed):
    """Whatever the calendar; a block ends at the course's minute; a full hour that has begun has
    gone by.
    """
    spec, now = load_spec(part), DAY + timedelta(minutes=passed)
    option = spec.options[0]
    taken = {minute for start, length in booked for minute in range(start, start + length)}
    page = table(
        node("a", *((start / 60, (start + length) / 60) for start, length in booked)),
        spec=spec,
        now=now,
    )
    assert len(page.slots) == 24
    for hour, slot in enumerate(page.slots):
        assert slot.start == DAY + timedelta(hours=hour)
        assert slot.end == slot.start + timedelta(hours=spec.hours - 1, minutes=option.end_minute)
        minutes = range(60 * hour, 60 * hour + int((slot.end - slot.start).total_seconds() / 60))
        assert slot.past == (slot.start < now)
        assert bool(slot.free) == (not slot.past and taken.isdisjoint(minutes))


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    first=st.dates(date(2026, 1, 1), date(2026, 12, 1)),
    days=st.integers(1, 7),
)
def test_the_days_are_the_students_own_and_lose_no_hour(zone, first, days):
    """Each full hour of UTC stands once, under its local day and hour, on nights when the clocks
    change too.
    """
    page = table(node("a"), zone=zone, first=first, days=days)
    starts = [slot.start for slot in page.slots]
    assert starts == [starts[0] + timedelta(hours=number) for number in range(len(starts))]
    edges = [
        datetime(*each.timetuple()[:3], tzinfo=zone)
        for each in (first, first + timedelta(days=days))
    ]
    assert len(starts) == round(
        (edges[1].astimezone(UTC) - edges[0].astimezone(UTC)) / timedelta(hours=1)
    )
    for day, hours in page.days.items():
        for hour, slots in enumerate(hours):
            local = [slot.start.astimezone(zone) for slot in slots]
            assert {(each.date(), each.hour) for each in local} <= {(day, hour)}


@pytest.mark.parametrize(
    ("zone", "first", "hour", "text"),
    [
        ("America/Chicago", date(2026, 3, 2), 0, "Mon 02 Mar 00:00–02:50 CST, the last one free"),
        (
            "America/Chicago",
            date(2026, 3, 2),
            23,
            "Mon 02 Mar 23:00–01:50 (Tue) CST, the last one free",
        ),
        (
            "America/Chicago",
            date(2026, 3, 8),
            1,
            "Sun 08 Mar 01:00–04:50 CST, ends CDT, the last one free",
        ),
        ("Asia/Kolkata", date(2026, 3, 3), 17, "Tue 03 Mar 17:30–20:20 IST, the last one free"),
    ],
)
def test_a_block_is_said_in_the_students_own_time(zone, first, hour, text):
    """With the day if the block contains midnight, and both zones if the clocks change."""
    page = table(node("a"), zone=ZoneInfo(zone), first=first)
    assert page.days[first][hour][0].text(ZoneInfo(zone)) == text


def test_the_text_says_what_the_calendar_shows():
    """A line a day, a column an hour: gone by, free, taken; a machine out of service counts
    nowhere.
    """
    page = table(
        node("a", (20, 24)),
        node("b", (12, 15), (20, 24)),
        node("c", reservable=False),
        now=DAY + timedelta(hours=8.5),
    )
    head, day, *_ = page.text().splitlines()
    assert head.split() == [str(hour) for hour in range(24)]
    columns = [day[11 + 3 * hour : 14 + 3 * hour].strip() for hour in range(24)]
    assert columns == [""] * 9 + ["2"] + ["1"] * 5 + ["2"] * 3 + ["·"] * 6
    assert [mark_of(hour) for hour in page.days[DAY.date()]] == columns


# The time zone


def test_a_choice_is_kept_for_the_next_notebook(tmp_path):
    """It wins over what the computer says; a name that is asked for wins over both, and a broken
    file costs nothing.
    """
    environ = {"LABS_STATE": str(tmp_path), "TZ": "Europe/Berlin"}
    for left_over in ("Nowhere/Atlantis", "../../etc/passwd", ""):
        (tmp_path / "time-zone").write_text(left_over)
        assert find_zone(None, environ).key == "Europe/Berlin"
    keep_zone(ZoneInfo("Asia/Kolkata"), environ)
    assert find_zone(None, environ).key == "Asia/Kolkata"
    assert find_zone("America/Denver", environ).key == "America/Denver"
    with pytest.raises(ValueError, match="America/Chicago"):
        find_zone("Chicago time")


# Minutes of a block, from the lessons' own facts

#: Minutes of a block that may be planned: set-up, the lease lesson, pull and release.
LIMITS = {"model": 100, "edge": 70, "system": 100}
OPTIONS = [(part, option) for part in LIMITS for option in load_spec(part).options]


@pytest.mark.parametrize(
    ("part", "option"), OPTIONS, ids=lambda value: getattr(value, "name", value)
)
def test_what_a_block_is_planned_for_fits_it_wherever_it_runs(part, option):
    """From front matter and sites alone, set-up and pull included; the rest is for faults."""
    block = block_of(part, option)
    assert block.setup_s > 60 * 5
    assert block.planned_s <= 60 * LIMITS[part]
    extras_s = 60 * sum(extra.machine_minutes for extra in block.extras)
    assert block.length_s - block.planned_s > extras_s


def test_the_plan_names_its_lessons_and_what_is_fetched():
    """Those that may be left out too; gigabytes are announced before they travel, as their own
    tables have them.
    """
    edge = block_of("edge")
    assert all(question.title in edge.text() for question in (*edge.asked, *edge.extras))
    assert "Set-up fetches 5.1 GB more than the course's packages" in block_of("model").text()
    announced = load_spec("model").fetches_gb["a100"]
    sizes_gb = [environments()[name].download_bytes / 1e9 for name in ("openvino", "tensorrt")]
    assert list(announced.values()) == pytest.approx(sizes_gb, abs=0.05)
