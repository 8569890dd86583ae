"""Gradebooks: read back by the columns that each system publishes, with lateness, own dates, talks and leavers."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grading.classroom.gradebook import Grade, grades, read_heard, table
from grading.classroom.roster import Handed, Person
from grading.grade.result import Result, Row
from labs.course.assignment import GRADEBOOKS, Late, PartAsked
from provisioning.classroom.roster import read_roster

DUE = datetime(2027, 3, 20, 23, 59, tzinfo=UTC)
PART = PartAsked(1, ("measure",), 100.0, due=DUE, late=Late(0.1, 2), defence=20.0)

ROSTER = """email,name,due,block,left
ada@uni.edu,Ada Lovelace,,,
bob@uni.edu,Bob,2027-03-22 23:59,5,
cyd@uni.edu,Cyd,,,yes
dan@uni.edu,Dan,,,
"""


def handed(email: str, late: timedelta, name: str = "") -> tuple[Handed, Result]:
    """Return a submission that earned half of its rows' points, and when."""
    rows = (Row("a", "A", "measure", 3, 6, ""),)
    who = Person(name or email.partition("@")[0].title(), "17", email)
    return Handed(email, Path(email), (who,), DUE + late), Result(email, 1, "d", rows, worth=80.0)


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """Return a roster with an accommodation and one who has left."""
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER)
    return path


def test_points_are_scaled_late_days_cost_and_everybodys_own_date_counts(roster: Path):
    """Ada is late by a day and an hour, Bob has two days more, Cyd has left, Dan handed in nothing."""
    day, hour = timedelta(days=1), timedelta(hours=1)
    made = [handed("ada@uni.edu", day + hour), handed("bob@uni.edu", day + hour), handed("cyd@uni.edu", -day)]
    found = grades(PART, *zip(*made, strict=True), read_roster(roster), {"ada-uni-edu": 15.0, "bob-uni-edu": 99.0})
    assert {one.name: one.points for one in found} == pytest.approx({"Ada": 40 * 0.8 + 15, "Bob": 40 + 20, "Dan": 0})
    assert [one.name for one in found if not one.heard] == ["Dan"]
    assert {one.name: one.note for one in found} == {
        "Ada": "late: 20% of 40.00 taken off",
        "Bob": "",
        "Dan": "nothing handed in",
    }


#: What each system wants in its first line. Sources: grading.classroom.gradebook.
HEADS = {
    "brightspace": ["OrgDefinedId", "Username", "Part 1 Points Grade", "End-of-Line Indicator"],
    "canvas": ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Part 1"],
    "gradescope": ["First Name", "Last Name", "SID", "Email", "Part 1", "Part 1 - Max Points"],
    "plain": ["name", "sid", "email", "Part 1", "note"],
}


@pytest.mark.parametrize("form", GRADEBOOKS)
def test_each_gradebook_has_its_columns_and_gives_back_who_has_how_many_points(form: str, tmp_path: Path):
    """Written, read back, and found by the person's number or name."""
    made = [Grade("Ada Lovelace", "17", "ada@uni.edu", 47.125), Grade("Bob", "", "bob@uni.edu", 0.0, "nothing")]
    path = tmp_path / "book.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(table(made, form, "Part 1", 100.0))
    with path.open(newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == HEADS[form]
    if form == "canvas":
        assert rows.pop(0) == ["    Points Possible", "", "", "", "", "100"]
    points = next(place for place, name in enumerate(head) if name in ("Part 1", "Part 1 Points Grade"))
    assert [row[points] for row in rows] == ["47.12", "0.00"]
    assert all(len(row) == len(head) for row in rows)
    assert "17" in "".join(rows[0])
    assert any("bob" in cell.lower() for cell in rows[1])


@pytest.mark.parametrize(
    ("text", "says"),
    [("who,note\nada,x\n", "wants the columns who, points"), ("who,points\nada,many\n", "line 2: could not convert")],
)
def test_a_table_of_talks_that_cannot_be_read_is_a_sentence(text: str, says: str, tmp_path: Path):
    """With its line."""
    path = tmp_path / "defence.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_heard(path)
    path.write_text("who,points,note\nada@uni.edu,12.5,good\nbob@uni.edu,,absent\n")
    assert read_heard(path) == {"ada-uni-edu": 12.5}
