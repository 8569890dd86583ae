"""Code to copy, and a calendar file that another program reads back."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest

from provisioning.planning.blocks import Block, block_end
from provisioning.planning.booking import calendar_file, reservation_code
from provisioning.sites.spec import load_spec

START = datetime(2026, 3, 10, 18, tzinfo=UTC)
MODEL, EDGE = load_spec("model"), load_spec("edge")


def block_of(spec, start=START) -> Block:
    option = spec.options[0]
    return Block(option, "nc-07", start, block_end(start, spec.hours, option.end_minute))


def test_code_is_python_and_says_the_same_block():
    """The dates in the code are the block's, in UTC, and the end is given rather than a duration."""
    tree = ast.parse(code := reservation_code(block_of(MODEL), "serve-model-ada"))
    (call,) = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "Lease"]
    dates = {k.arg: [a.value for a in k.value.args] for k in call.keywords}
    assert dates == {"start_date": [2026, 3, 10, 18, 0], "end_date": [2026, 3, 10, 20, 50]}
    assert "node_name='nc-07'" in code
    assert "wait_for_active=False" in code


def test_code_for_the_edge_gives_the_amount():
    """python-chi passes amount=None on otherwise."""
    assert "add_device_reservation(amount=1, device_name='nc-07')" in reservation_code(block_of(EDGE), "x")


def test_calendar_file_reads_back():
    """Block, reminder and preparation, at the same moments, whatever the zone of the reader."""
    now = START - timedelta(days=3)
    raw = calendar_file(MODEL, block_of(MODEL), "serve-model-ada", now)
    events = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    lab, prepare = events
    assert lab["dtstart"].dt.astimezone(ZoneInfo("America/Chicago")).strftime("%H:%M") == "13:00"
    assert lab["dtend"].dt == datetime(2026, 3, 10, 20, 50, tzinfo=UTC)
    assert lab.walk("VALARM")[0]["trigger"].dt == timedelta(minutes=-15)
    assert "nc-07" in str(lab["description"])
    assert prepare["dtstart"].dt == START - timedelta(days=1)
    assert MODEL.read_first in str(prepare["description"])


def test_lines_are_as_the_standard_wants():
    """CRLF, and no line over 75 octets: some programs refuse the file otherwise."""
    raw = calendar_file(MODEL, block_of(MODEL), "serve-model-ada", START - timedelta(days=3))
    assert raw.count(b"\r\n") == raw.count(b"\n")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75


def test_importing_twice_gives_one_entry():
    """The same block has the same identity; another block has another."""
    now = START - timedelta(days=3)

    def identities(start):
        raw = calendar_file(MODEL, block_of(MODEL, start), "serve-model-ada", now)
        return {str(event["uid"]) for event in icalendar.Calendar.from_ical(raw).walk("VEVENT")}

    assert identities(START) == identities(START)
    assert not identities(START) & identities(START + timedelta(hours=1))


@pytest.mark.parametrize("hours_before", [1, 23])
def test_no_preparation_in_the_past(hours_before):
    """A block that begins today has no entry for yesterday."""
    raw = calendar_file(MODEL, block_of(MODEL), "x", START - timedelta(hours=hours_before))
    assert len(icalendar.Calendar.from_ical(raw).walk("VEVENT")) == 1
