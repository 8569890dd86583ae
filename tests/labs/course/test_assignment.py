"""The assignment: what an instructor may choose, how slips are named, and that each derived thing follows it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.course.assignment import PATH, AssignmentError, Late, assignment, faults, warnings
from labs.course.lessons import lessons

SHIPPED = PATH.read_text(encoding="utf-8")
NEW_YORK = ZoneInfo("America/New_York")


def test_the_shipped_file_is_the_core_path():
    """Every lesson of it, no deep dive, a hundred points."""
    found = assignment()
    assert found.lessons() == [one for one in lessons() if one.kind == "core"]
    assert sum(part.points for part in found.parts.values()) == 100
    assert warnings(found, datetime.now(UTC)) == []


@pytest.mark.parametrize(
    ("before", "after", "line_of", "says"),
    [
        ('"quantize"', '"quantise"', '"quantise"', "there is no lesson 'quantise'; there are start, reserve"),
        ('"measure", ', "", '"architecture"', "Choose an architecture ('architecture') needs Measure the model"),
        ('"device", ', '"device", "device", ', '"device"', "'device' is there twice"),
        ('lessons = ["device"', 'lessons = ["kernels", "device"', '"kernels"', "belongs to part 1"),
        ("number = 2", "number = 1", 'number = 1\nlessons = ["device"', "part 1 is there already"),
        ("number = 3", "number = 7", "number = 7", "there is no part 7; there are 0, 1, 2, 3"),
        ("America/New_York", "New York", "New York", "there is no time zone 'New York'"),
        ('"tutor"', '"yes"', '"yes"', "assistants is 'yes'; it may be tutor, free, none"),
        ('"plain"', '"excel"', '"excel"', "format is 'excel'; it may be brightspace"),
        ("points = 15", "points = 0", "points = 0", "points must be above 0"),
        ("points = 15", "points = true", "points = true", "points is True, and has to be a number"),
        ("points = 15", "points = 15\nleaderboard = 1", "leaderboard", "leaderboard is 1, and has to be true or false"),
        ("points = 15", "points = 15\nblock = 0", "block = 0", "a block has 1 to 24 hours, and not 0"),
        ("points = 15", "point = 15", "point = 15", "'point' is not known; known are number, lessons"),
        ("points = 15", "points = 15\ndefence = 15", "defence = 15", "the talk's 15 points are among the part's 15"),
        ("points = 15", "points = 15\ndue = 2027-03-20", "due = 2027", "due is datetime.date(2027, 3, 20), and has to"),
        ("points = 15", 'points = 15\nlate = { per_day = "10", days = 2 }', "late =", 'write it as "10 %"'),
        ("points = 15", 'points = 15\nlate = { per_day = "10 %" }', "late =", "days is missing"),
        (
            "points = 15",
            'points = 15\nchoose = { from = ["pixels"], at_least = 2 }',
            "choose =",
            "2 of 1 cannot be chosen",
        ),
        ("[course]", "[course", "[course", "Expected ']'"),
        ("points = 35", "points = 35 %", "points = 35 %", ""),
    ],
)
def test_a_fault_is_named_with_its_line_and_reason(before: str, after: str, line_of: str, says: str):
    """Whoever wrote it finds it without reading code."""
    text = SHIPPED.replace(before, after)
    assert text != SHIPPED
    found = faults(text)
    bare = re.sub("(?m)^#.*$", lambda comment: " " * len(comment[0]), text)
    line = bare[: bare.index(line_of)].count("\n") + 1
    assert [one for one in found if one.startswith(f"line {line}: ") and says in one], found


@given(st.text(max_size=80), st.integers(0, len(SHIPPED)), st.integers(0, 40))
def test_no_text_is_anything_but_an_assignment_or_a_list_of_faults(junk: str, at: int, cut: int):
    """However it is broken, the reason is a sentence."""
    assert all(one.startswith("line ") for one in faults(SHIPPED[:at] + junk + SHIPPED[at + cut :]))


def test_what_a_class_chose_is_read(tmp_path: Path):
    """Two parts, a deep dive of two, a date in New York, lateness, a talk."""
    path = tmp_path / "assignment.toml"
    path.write_text(
        """
        [course]
        title = "Serving"
        time_zone = "America/New_York"
        [[part]]
        number = 1
        lessons = ["start", "reserve", "measure", "compile"]
        choose = { from = ["kernels", "measurements"], at_least = 1 }
        due = 2027-03-20T23:59:00
        late = { per_day = "12.5 %", days = 3 }
        points = 60
        defence = 20
        leaderboard = true
        block = 2
        [[part]]
        number = 3
        lessons = ["system", "http"]
        points = 40
        """
    )
    found = assignment(path)
    part = found.part(1)
    assert part.due == datetime(2027, 3, 20, 23, 59, tzinfo=NEW_YORK)
    assert [one.id for one in part.asked()] == ["start", "reserve", "measure", "compile", "measurements", "kernels"]
    assert part.counted({"kernels": 2, "measurements": 3}) == {*part.lessons, "measurements"}
    assert part.worth == 40
    assert [one[:20] for one in part.terms()] == [
        "Each begun day late ",
        "20 of the points are",
        "A block on a leased ",
        "Gradescope shows a l",
    ]
    assert found.part(3).terms() == []
    assert warnings(found, datetime(2027, 4, 1, tzinfo=UTC)) == ["part 1 was due Sat 20 Mar 2027 23:59: that is over"]
    with pytest.raises(AssignmentError, match="no part 2; it has 1, 3"):
        found.part(2)
    with pytest.raises(AssignmentError, match=r"there is no .*absent"):
        assignment(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("late", "share"),
    [
        (timedelta(0), 1.0),
        (-timedelta(days=3), 1.0),
        (timedelta(seconds=1), 0.9),
        (timedelta(days=1), 0.9),
        (timedelta(days=1, seconds=1), 0.8),
        (timedelta(days=3), 0.7),
        (timedelta(days=3, seconds=1), 0.0),
    ],
)
def test_each_begun_day_costs_its_share_and_after_the_last_nothing_is_left(late: timedelta, share: float):
    """Also across the night on which clocks change: a day is 24 hours."""
    due = datetime(2027, 3, 13, 23, 59, tzinfo=NEW_YORK).astimezone(UTC)
    assert Late(0.1, 3).share(due + late, due) == pytest.approx(share)
