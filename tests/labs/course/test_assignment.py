"""The assignment: an instructor's choices, the messages for slips, and the derived pages and
files.
"""

import math
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.course.assignment import (
    LAST_RIGHT,
    PATH,
    assignment,
    checked,
    warnings,
)
from labs.course.assignment import (
    SHIPPED as ASSIGNMENTS,
)
from labs.course.late import Late, Pool
from labs.course.lessons import lessons
from labs.course.tables import AssignmentError, ClassMachines
from labs.sites.spec import resource_name

SHIPPED = PATH.read_text(encoding="utf-8")
FIVE_HOURS = PATH.with_name("assignment-five-hours.toml")
NEW_YORK = ZoneInfo("America/New_York")


def test_the_shipped_file_is_the_core_path():
    """Every lesson of it, no deep dive, a hundred points, and no date that could be over one
    day.
    """
    shipped = assignment()
    assert shipped.lessons() == [lesson for lesson in lessons() if lesson.kind == "core"]
    assert sum(part.points for part in shipped.parts.values()) == 100
    assert warnings(shipped, datetime.max.replace(tzinfo=UTC)) == []


#: Ids of part 1's deep dives.
DIVES = [lesson.id for lesson in lessons() if lesson.part == 1 and lesson.kind == "deeper"]


def with_dives(text: str) -> str:
    """Return a text in which the first two deep dives' ids are filled in."""
    first, second, *_ = DIVES
    return text.replace("{first}", first).replace("{second}", second)


#: One slip each: what it takes the place of, what is written, where the fault lies, and what is
#: said of it.
_SLIPS_TEXT = Path(__file__).with_name("slips.toml").read_text("utf-8")
SLIPS = tomllib.loads(with_dives(_SLIPS_TEXT))["slips"]


@pytest.mark.parametrize(("before", "after", "line_of", "says"), SLIPS)
def test_a_slip_is_one_fault_with_its_line_and_reason(
    before: str, after: str, line_of: str, says: str
):
    """An instructor finds it without reading code, and gets no messages about its consequences."""
    text = re.sub("(?m)^#.*$", "#", SHIPPED).replace(before, after)
    fault, *others = checked(text)[1]
    line = text[: text.index(line_of)].count("\n") + 1
    assert fault.startswith(f"line {line}: ")
    assert says in fault
    # Several lessons may need what one slip has left out.
    assert not others or all("does not ask for" in other for other in (fault, *others))


def test_leases_give_points_where_a_lesson_measures_on_one_and_else_to_the_questions(
    tmp_path: Path,
):
    """Ten, three and seven as shipped, none in five hours; without, the questions have all."""
    shipped = assignment()
    assert [part.lease for part in shipped.parts.values()] == [10, 3, 7]
    assert [part.worth for part in shipped.parts.values()] == [40, 12, 28]
    assert not any(part.lease for part in assignment(FIVE_HOURS).parts.values())
    text = SHIPPED.replace("\nlease = 10\n", "\nlease = 0\n")
    assert checked(text)[0].part(1).worth == 50
    five_hours = FIVE_HOURS.read_text().replace("points = 60", "points = 60\nlease = 5")
    fault = "part 1 asks for no lesson that measures on a lease: write lease = 0"
    assert fault in " ".join(checked(five_hours)[1])
    for own_machine, counts in ((False, "does not count"), (True, "counts")):
        part = replace(shipped.part(1), own_machine=own_machine)
        assert f"A machine of your instructor's {counts} as a lease." in part.terms()
        shared = replace(part, machines=ClassMachines(("labs@gpu-1.example.edu",)))
        told = set(shared.terms()) - set(part.terms())
        assert "when the block ends, your files and programs there are deleted" in told.pop()


def test_the_short_assignment_explains_each_key_too():
    """An instructor copies it over the other one, and must not lose what explains the keys."""
    texts = [path.read_text(encoding="utf-8").partition("[course]")[2] for path in ASSIGNMENTS]
    comments, short_comments = (re.findall("(?m)^#.*$", text) for text in texts)
    assert len(comments) > 20
    assert short_comments == comments


def test_a_mark_at_the_beginning_is_no_fault(tmp_path: Path):
    """Windows' Notepad writes one; another encoding is named."""
    path = tmp_path / "assignment.toml"
    path.write_text(SHIPPED, encoding="utf-8-sig")
    assert assignment(path) == assignment()
    assert checked("\ufeff" + SHIPPED)[1] == []
    path.write_text(SHIPPED + "# é", encoding="utf-16")
    with pytest.raises(AssignmentError, match="save it as UTF-8"):
        assignment(path)


def test_a_mistake_stops_no_lease_that_is_running(
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    """Leases follow the last version without a fault, and a warning says so once."""
    path = tmp_path / "assignment.toml"
    monkeypatch.setattr("labs.course.assignment.PATH", path)
    path.write_text(SHIPPED.replace("[course]", '[course]\npseudonyms = "two forks and a spoon"'))
    workspace.mkdir()
    name = resource_name("model", "ada")
    path.write_text("[course")
    for _ in range(2):
        assert resource_name("model", "ada") == name
    assert caplog.text.count("Until that is repaired, leases follow the last version") == 1
    with pytest.raises(AssignmentError):
        assignment()
    (workspace / LAST_RIGHT).unlink()
    with pytest.raises(AssignmentError, match=r"assignment\.toml, line 1"):
        resource_name("model", "ada")


@given(st.text(max_size=80), st.integers(0, len(SHIPPED)), st.integers(0, 40))
def test_no_text_is_anything_but_an_assignment_or_a_list_of_faults(junk: str, at: int, cut: int):
    """However it is broken, the reason is a sentence."""
    text = SHIPPED[:at] + junk + SHIPPED[at + cut :]
    _, faults = checked(text)
    assert all(fault.startswith("line ") for fault in faults)


def test_what_a_class_chose_is_read(tmp_path: Path):
    """Two parts, a deep dive of two, a date in New York, lateness, a talk."""
    path = tmp_path / "two_parts.toml"
    path.write_text(with_dives(Path(__file__).with_name(path.name).read_text("utf-8")))
    chosen = assignment(path)
    part = chosen.part(1)
    first, second = DIVES[:2]
    assert part.due == datetime(2027, 3, 20, 23, 59, tzinfo=NEW_YORK)
    assert [asked.id for asked in part.asked()] == [
        "start",
        "reserve",
        "measure",
        "architecture",
        "compile",
        "quantize",
        first,
        second,
    ]
    assert part.counted({first: 2, second: 3}) == {*part.lessons, second}
    assert part.worth == 40
    assert [term[:20] for term in part.terms()] == [
        "Each begun day late ",
        "20 of the points are",
        "A block on a leased ",
        "Gradescope shows a l",
    ]
    assert "72 hours late" in part.terms(Pool(72, 0.2))[0]
    assert chosen.part(3).terms() == []
    assert warnings(chosen, datetime(2027, 4, 1, tzinfo=UTC)) == [
        "part 1 was due Sat 20 Mar 2027 23:59: that is over"
    ]
    with pytest.raises(AssignmentError, match="no part 2; it has 1, 3"):
        chosen.part(2)
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
    """Hours of the pool cost nothing; each begun hour beyond costs its share, of the part that it
    is late in.
    """
    shares = Pool(pool_h, 0.2).off(late)
    used_h = 0.0
    for lateness, share in zip(late, shares, strict=True):
        late_h = lateness / timedelta(hours=1)
        left_h = max(0.0, pool_h - used_h)
        beyond_h = max(0.0, late_h - left_h)
        begun_h = math.ceil(beyond_h - 1e-9)
        assert 0 <= share <= 1
        assert share == pytest.approx(min(1, 0.2 * begun_h), abs=0.2 + 1e-9)
        assert (share == 0) == (beyond_h < 1e-9) or beyond_h < 1e-6
        used_h += max(0.0, late_h)
