"""Rosters as registrars and spreadsheets write them."""

from datetime import datetime, time

import pytest

from labs.course.roster import RosterError, Times, read_roster, read_times, short_name


def roster(tmp_path, text: str, encoding="utf-8"):
    path = tmp_path / "roster.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_a_spreadsheets_roster_is_read(tmp_path):
    """Byte-order mark, other columns, capitals, quotes; the Hub derives a name from the address."""
    path = roster(
        tmp_path, 'Name,Email,Section\n"Lovelace, Ada",Ada@x.edu,2\nBob,bob_2@x.edu,\n', "utf-8-sig"
    )
    assert [(student.name, student.full_name) for student in read_roster(path)] == [
        ("ada-x-edu", "Lovelace, Ada"),
        ("bob-2-x-edu", "Bob"),
    ]
    assert (
        short_name("Ada@x.edu")
        == short_name("ada_x_edu")
        == "ada-x-edu"
        != short_name("ada@other.edu")
    )


@pytest.mark.parametrize(
    ("cell", "left"), [("", 0), ("no", 0), ("False", 0), ("0", 0), ("yes", 1), ("2027-03-01", 1)]
)
def test_who_has_left_is_what_the_cell_says(tmp_path, cell: str, left: int):
    """Spreadsheets write a box that is not ticked as FALSE."""
    assert read_roster(roster(tmp_path, f"username,left\nada,{cell}\n"))[0].left == bool(left)


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("username,email\nada_uni_edu,ada@uni.edu\n", "ada"),
        ("username,email\nal3,ada@uni.edu\n", "al3"),
        ("email,netid\nada@uni.edu,al3\n", "al3"),
        ("username\nada@uni.edu\n", "ada"),
    ],
)
def test_a_login_is_the_universitys_own(tmp_path, text: str, login: str):
    """The Hub's form of an address is not a login, and a gradebook would find no student by it."""
    assert read_roster(roster(tmp_path, text))[0].login == login


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Name,Section\nAda,1\n", "columns name, section"),
        ("username\nada_x_edu\nADA@x.edu\n", "line 3: 'ada-x-edu' is there already"),
        ("username,x\nada,1\n ,2\n", "line 3: no name"),
        ("username\n", "names no student"),
        ("", "columns none"),
        ("username,prefers\nada,Tuu 9-12\n", "line 2: 'Tuu' is no weekday"),
        ("username,prefers\nada,Tue noon\n", "line 2: 'noon' are no hours of a day"),
        ("username,cannot\nada,Tue 12-9\n", "line 2: '12-9' end before they begin"),
        ("username,cannot\nada,2026-12-01\n", "line 2: '2026-12-01' is no weekday"),
        ("username,cannot\nada,Tue 9-25\n", "line 2: '9-25' are no hours of a day"),
    ],
)
def test_a_roster_that_cannot_be_used(tmp_path, text, message):
    """Each says what is wrong and where; a missing file and Windows' encoding too."""
    with pytest.raises(RosterError, match=message):
        read_roster(roster(tmp_path, text))
    with pytest.raises(RosterError, match=r"cannot be read: .*No such file"):
        read_roster(tmp_path / "none.csv")
    with pytest.raises(RosterError, match=r"cannot be read[\s\S]*CSV UTF-8"):
        read_roster(roster(tmp_path, "username\nJosé\n", "cp1252"))


def test_times_of_a_student():
    """A preferred time must contain the whole block; an impossible time excludes every block that
    it overlaps.
    """
    tuesday, any_wednesday, exam = read_times("Tue 14-20; wednesday; Thu 9:30-12")
    assert (tuesday, exam) == (Times(1, time(14), time(20)), Times(3, time(9, 30), time(12)))
    assert any_wednesday.hold(datetime(2026, 12, 2, 0), datetime(2026, 12, 2, 23, 50))
    assert tuesday.hold(datetime(2026, 12, 1, 14), datetime(2026, 12, 1, 16, 50))
    assert not tuesday.hold(datetime(2026, 12, 1, 18), datetime(2026, 12, 1, 20, 50))
    assert tuesday.touch(datetime(2026, 12, 1, 18), datetime(2026, 12, 1, 20, 50))
    assert not exam.touch(datetime(2026, 12, 3, 12), datetime(2026, 12, 3, 14, 50))
    assert any_wednesday.touch(datetime(2026, 12, 1, 22), datetime(2026, 12, 2, 0, 50))
