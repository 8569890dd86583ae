"""Code to copy, and a calendar file that another program reads back."""

import ast
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest

from labs.sites.spec import load_spec
from provisioning.planning.blocks import Block, block_end
from provisioning.planning.booking import calendar_file, reservation_code

START = datetime(2026, 3, 10, 18, tzinfo=UTC)
BEFORE = START - timedelta(days=3)
MODEL, EDGE = load_spec("model"), load_spec("edge")


def block_of(spec, start=START) -> Block:
    option = spec.options[0]
    return Block(option, "nc-07", start, block_end(start, spec.hours, option.end_minute))


def events_of(start=START, now=BEFORE, due=None):
    raw = calendar_file(MODEL, block_of(MODEL, start), "serve-model-ada", now, due)
    return icalendar.Calendar.from_ical(raw).walk("VEVENT")


@pytest.mark.parametrize(
    ("spec", "end", "add"),
    [
        (MODEL, [2026, 3, 10, 20, 50], "add_node_reservation(amount=1, node_name='nc-07')"),
        (EDGE, [2026, 3, 10, 19, 55], "add_device_reservation(amount=1, device_name='nc-07')"),
    ],
)
def test_code_is_python_and_says_the_same_block(spec, end, add):
    """The code has the block's dates, in UTC, with the end rather than a duration, and the
    amount.
    """
    tree = ast.parse(code := reservation_code(block_of(spec), "serve-model-ada"))
    (call,) = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "Lease"
    ]
    dates = {k.arg: [a.value for a in k.value.args] for k in call.keywords}
    assert dates == {"start_date": [2026, 3, 10, 18, 0], "end_date": end}
    assert add in code
    assert "wait_for_active=False" in code


def test_a_calendar_file_reads_back():
    """Block, reminder and preparation, at the same moments, whatever the zone of the reader."""
    lab, prepare, due = events_of(due=START + timedelta(days=9))
    assert lab["dtstart"].dt.astimezone(ZoneInfo("America/Chicago")).strftime("%H:%M") == "13:00"
    assert lab["dtend"].dt == datetime(2026, 3, 10, 20, 50, tzinfo=UTC)
    assert lab.walk("VALARM")[0]["trigger"].dt == timedelta(minutes=-15)
    assert "nc-07" in str(lab["description"])
    # Whether a lease has shown such a machine is the course's matter, not the student's.
    assert "not run yet" not in str(lab["description"])
    assert prepare["dtstart"].dt == START - timedelta(days=1)
    assert "Run on the server" in str(prepare["description"])
    assert due["dtstart"].dt == START + timedelta(days=9)
    assert len(events_of(now=START - timedelta(hours=23))) == 1, (
        "the assignment as shipped has no date"
    )
    # Imported twice it gives one entry: the same block has the same identity, and another one
    # another.
    first, same, other = (
        {str(event["uid"]) for event in events_of(START + timedelta(hours=h))} for h in (0, 0, 1)
    )
    assert first == same
    assert not first & other
