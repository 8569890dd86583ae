"""The assignment: what an instructor may choose, how slips are named, and that each derived thing follows it."""

import math
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.course.assignment import PATH, assignment, checked, warnings
from labs.course.late import Late, Pool
from labs.course.lessons import lessons
from labs.course.tables import AssignmentError

SHIPPED = PATH.read_text(encoding="utf-8")
NEW_YORK = ZoneInfo("America/New_York")


def test_the_shipped_file_is_the_core_path():
    """Every lesson of it, no deep dive, a hundred points, and no date that could be over one day."""
    found = assignment()
    assert found.lessons() == [one for one in lessons() if one.kind == "core"]
    assert sum(part.points for part in found.parts.values()) == 100
    assert warnings(found, datetime.max.replace(tzinfo=UTC)) == []


#: One slip each: what it takes the place of, what is written, where the fault lies, and what is said of it.
SLIPS = tomllib.loads(Path(__file__).with_name("slips.toml").read_text("utf-8"))["slips"]


@pytest.mark.parametrize(("before", "after", "line_of", "says"), SLIPS)
def test_a_slip_is_one_fault_with_its_line_and_reason(
    before: str, after: str, line_of: str, says: str
):
    """An instructor finds it without reading code, and is told of nothing that only follows from it."""
    text = re.sub("(?m)^#.*$", "#", SHIPPED).replace(before, after)
    fault, *others = checked(text)[1]
    line = text[: text.index(line_of)].count("\n") + 1
    assert fault.startswith(f"line {line}: ")
    assert says in fault
    # Several lessons may need what one slip has left out.
    assert not others or all("does not ask for" in one for one in (fault, *others))


def test_a_mark_at_the_beginning_is_no_fault(tmp_path: Path):
    """Windows' Notepad writes one; another encoding is named."""
    path = tmp_path / "assignment.toml"
    path.write_text(SHIPPED, encoding="utf-8-sig")
    assert assignment(path) == assignment()
    assert checked("\ufeff" + SHIPPED)[1] == []
    path.write_text(SHIPPED + "# é", encoding="utf-16")
    with pytest.raises(AssignmentError, match="save it as UTF-8"):
        assignment(path)


@given(st.text(max_size=80), st.integers(0, len(SHIPPED)), st.integers(0, 40))
def test_no_text_is_anything_but_an_assignment_or_a_list_of_faults(junk: str, at: int, cut: int):
    """However it is broken, the reason is a sentence."""
    assert all(
        one.startswith("line ") for one in checked(SHIPPED[:at] + junk + SHIPPED[at + cut :])[1]
    )


def test_what_a_class_chose_is_read(tmp_path: Path):
    """Two parts, a deep dive of two, a date in New York, lateness, a talk."""
    found = assignment(Path(__file__).with_name("two_parts.toml"))
    part = found.part(1)
    assert part.due == datetime(2027, 3, 20, 23, 59, tzinfo=NEW_YORK)
    assert [one.id for one in part.asked()] == [
        "start",
        "reserve",
        "measure",
        "compile",
        "kernels",
        "providers",
    ]
    assert part.counted({"kernels": 2, "providers": 3}) == {*part.lessons, "providers"}
    assert part.worth == 40
    assert [one[:20] for one in part.terms()] == [
        "Each begun day late ",
        "20 of the points are",
        "A block on a leased ",
        "Gradescope shows a l",
    ]
    assert "72 hours late" in part.terms(Pool(72, 0.2))[0]
    assert found.part(3).terms() == []
    assert warnings(found, datetime(2027, 4, 1, tzinfo=UTC)) == [
        "part 1 was due Sat 20 Mar 2027 23:59: that is over"
    ]
    with pytest.raises(AssignmentError, match="no part 2; it has 1, 3"):
        found.part(2)
    with pytest.raises(AssignmentError, match=r"there is no .*absent"):
        assignment(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("late", "off"),
    [
        (timedelta(0), 0.0),
        (-timedelta(days=3), 0.0),
        (timedelta(seconds=1), 0.1),
        (timedelta(days=1), 0.1),
        (timedelta(days=1, seconds=1), 0.2),
        (timedelta(days=3), 0.3),
        (timedelta(days=3, seconds=1), 1.0),
    ],
)
def test_each_begun_day_costs_its_share_and_after_the_last_nothing_is_left(
    late: timedelta, off: float
):
    """A day is 24 hours, whatever the clocks do."""
    assert Late(0.1, 3).off(late) == pytest.approx(off)


@given(
    st.lists(st.floats(-100, 200).map(lambda hours: timedelta(hours=hours)), max_size=4),
    st.floats(0, 100),
)
def test_a_pool_is_used_up_in_the_order_of_the_dates(late: list[timedelta], pool_h: float):
    """Hours of the pool cost nothing; each begun hour beyond costs its share, of the part that it is late in."""
    shares = Pool(pool_h, 0.2).off(late)
    used_h = [
        sum(max(0.0, one / timedelta(hours=1)) for one in late[:place])
        for place in range(len(late))
    ]
    for one, before_h, share in zip(late, used_h, shares, strict=True):
        beyond_h = max(0.0, one / timedelta(hours=1) - max(0.0, pool_h - before_h))
        assert 0 <= share <= 1
        assert share == pytest.approx(min(1, 0.2 * math.ceil(beyond_h - 1e-9)), abs=0.2 + 1e-9)
        assert (share == 0) == (beyond_h < 1e-9) or beyond_h < 1e-6
