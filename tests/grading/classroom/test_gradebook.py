"""Gradebooks: read back by the columns that each system publishes, with lateness, own dates, talks and leavers."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.__main__ import app
from grading.classroom import batch, gradebook, unit
from grading.classroom.batch import grade_class
from grading.classroom.gradebook import (
    NO_TIME,
    Grade,
    _require_judged,
    grades,
    read_changed,
    read_heard,
    table,
)
from grading.classroom.roster import Handed, People, handed_in, of_roster
from grading.classroom.unit import Done, Task, key_of
from grading.grade.grader import Setup
from grading.grade.result import Result, Row
from labs.course.assignment import PATH, assignment
from labs.course.late import NOTHING_LATE, Late, Pool
from labs.course.question import State
from labs.course.tables import GRADEBOOKS, Assignment, Change, PartAsked
from provisioning.classroom.roster import Student, read_roster

DUE = datetime(2027, 3, 20, 23, 59, tzinfo=UTC)
PART = PartAsked(1, ("measure",), 100.0, due=DUE, late=Late(0.1, 2), defence=20.0)
COURSE = replace(assignment(), asked=(PART,))

ROSTER = """email,name,due,block,left
ada@uni.edu,Ada Lovelace,,,
bob@uni.edu,Bob,2027-03-22 23:59,5,
cyd@uni.edu,Cyd,,,yes
dan@uni.edu,Dan,,,
"""


def handed(entry: str, late: timedelta | None) -> tuple[Handed, Result]:
    """Return a submission that earned half of its rows' points, and when; no time tells when it came."""
    rows = (Row("a", "A", "measure", 3, 6, ""),)
    at = None if late is None else DUE + late
    return Handed(entry, Path(entry), at=at), Result(entry, 1, "d", rows, worth=80.0)


def people(folder: Path, text: str) -> People:
    (folder / "roster.csv").write_text(text)
    return People(read_roster(folder / "roster.csv"))


def graded(
    people: People, *made: tuple[Handed, Result], course: Assignment = COURSE, **more: object
) -> list[Grade]:
    submissions, results = zip(*made, strict=True)
    return grades(course, 1, of_roster(submissions, people), results, people, **more)


@pytest.fixture
def roster(tmp_path: Path) -> People:
    """Return a class with an accommodation and one who has left."""
    return people(tmp_path, ROSTER)


def test_points_are_scaled_late_days_cost_and_everybodys_own_date_counts(roster: People):
    """Ada is late by a day and an hour, Bob has two days more, Cyd has left, Dan handed in nothing."""
    day, hour = timedelta(days=1), timedelta(hours=1)
    made = [handed("ada@uni.edu", day + hour), handed("bob", day + hour), handed("cyd", -day)]
    found = graded(roster, *made, heard={"ada-uni-edu": 15.0, "bob-uni-edu": 99.0})
    points = {"Ada Lovelace": 40 - 20 + 15, "Bob": 40 + 20, "Dan": 0}
    assert {one.name: one.points for one in found} == pytest.approx(points)
    assert [one.name for one in found if not one.heard] == ["Dan"]
    assert {one.name: one.note for one in found} == {
        "Ada Lovelace": "late: 20.00 points taken off",
        "Bob": "",
        "Dan": "nothing handed in",
    }


def test_a_pool_of_late_hours_is_used_up_by_the_parts_before(roster: People):
    """The first part took six of the eight hours; of the second part's four, two begun hours cost a tenth each."""
    first = PartAsked(2, ("device",), 50.0, due=DUE - timedelta(days=9))
    terms = replace(assignment().course, late=Pool(8.0, 0.1))
    course = replace(COURSE, course=terms, asked=(replace(PART, late=NOTHING_LATE), first))
    earlier, _ = handed("dan", timedelta(hours=6) - timedelta(days=9))
    others = {2: of_roster([earlier], roster)}
    found = graded(roster, handed("dan", timedelta(hours=4)), course=course, others=others)
    assert [(one.points, one.note) for one in found if one.name == "Dan"] == [
        (20.0, "late: 20.00 points taken off")
    ]


def test_what_is_not_judged_yet_keeps_a_gradebook_from_being_written_and_counts_nothing(
    roster: People,
):
    """It is the grader's fault: named, and a note if the book is asked for all the same."""
    rows = (
        Row("a", "A", "measure", 3, 6, ""),
        Row("b", "B", "measure", 0, 6, "", state=State.PENDING),
    )
    submission, _ = handed("dan", timedelta(0))
    result = Result("dan", 1, "d", rows, worth=80.0)
    with pytest.raises(ValueError, match=r"dan \(B\).*--pending"):
        _require_judged([result])
    found = graded(roster, (submission, result))
    assert [(one.points, one.note) for one in found if one.name == "Dan"] == [
        (20.0, "not judged yet: 40.00 points")
    ]


def test_a_date_and_no_time_of_handing_in_is_said_by_name(roster: People):
    """Nobody is called late for that, and nobody silently in time."""
    ada, bob = handed("ada", None), handed("bob", timedelta(0))
    assert [one.name for one in graded(roster, ada, bob) if one.note == NO_TIME] == ["Ada Lovelace"]
    undated = replace(COURSE, asked=(replace(PART, due=None, late=NOTHING_LATE),))
    assert NO_TIME not in [one.note for one in graded(roster, ada, course=undated)]


#: Rosters as three platforms and a person write them, of the same two people.
ROSTERS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in Path(__file__).with_name("rosters").iterdir()
}

#: Ana's row in each gradebook, by its columns. Sources: grading.classroom.gradebook.
ROWS = {
    "canvas": {
        "Student": "Li, Ana",
        "ID": "801",
        "SIS User ID": "u17",
        "SIS Login ID": "li",
        "Section": "A",
    }
    | {"Part 1": "40.00"},
    "brightspace": {"OrgDefinedId": "#u17", "Username": "#li", "Part 1 Points Grade": "40.00"}
    | {"End-of-Line Indicator": "#"},
    "gradescope": {"First Name": "Ana", "Last Name": "Li", "SID": "u17", "Email": "li@uni.edu"}
    | {"Part 1": "40.00", "Part 1 - Max Points": "100"},
    "plain": {
        "name": "Ana Li",
        "sid": "u17",
        "login": "li",
        "email": "li@uni.edu",
        "Part 1": "40.00",
        "note": "",
    },
}

#: What a hand-in of Ana's may be called: by a person, and by Canvas, Brightspace and Moodle.
ENTRIES = (
    *("li", "LI", "u17", "Ana Li", "ana-li", "Li, Ana"),
    *(
        "liana_48213_771_part1",
        "2231-4410 - Ana Li - Nov 3, 2026 1159 PM",
        "Ana Li_48213_assignsubmission_file_",
    ),
)


@pytest.mark.parametrize("form", GRADEBOOKS)
def test_a_folder_gets_the_rosters_identity_in_every_gradebook(form: str, tmp_path: Path):
    """One row per person, whatever the folder is called, and the columns by which the platform finds the person."""
    known = people(tmp_path, ROSTERS[form])
    for entry in ENTRIES:
        found = graded(known, handed(entry, timedelta(0)))
        assert [(one.person.sid, one.points) for one in found] == [("u17", 40.0), ("u18", 0.0)], (
            entry
        )
        head, *more, ana, ada = table(found, form, "Part 1", 100.0)
        assert dict(zip(head, ana, strict=True)) == ROWS[form]
        assert (head, len(ada)) == (list(ROWS[form]), len(head))
        assert more == [["    Points Possible", "", "", "", "", "100"]] * (form == "canvas")


TWO = "email,name,left\nli@uni.edu,Ana Li,no\nli@other.edu,Li,False\nbo@uni.edu,Bo,0\n"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        (["eve"], "eve: eve is nobody of the class"),
        (["bo_b"], "bo_b: bo_b is nobody of the class"),
        (["li"], "li may be li-uni-edu or li-other-edu"),
        (["bo", "bo@uni.edu"], "bo@uni.edu: bo-uni-edu handed in bo too"),
        (["bo", "eve", "adam"], r"(?s)eve is nobody.*adam is nobody"),
    ],
)
def test_a_submission_that_is_nobodys_or_several_peoples_is_refused_by_name(
    entries: list[str], says: str, tmp_path
):
    """All of them at once: a row that stands beside its person's, with no points, is found by nobody."""
    known = people(tmp_path, TWO)
    with pytest.raises(ValueError, match=says):
        of_roster([Handed(entry, tmp_path / entry) for entry in entries], known)


def test_an_exports_people_are_found_by_address_or_number_and_by_name_only_then(tmp_path: Path):
    """On Gradescope some use another address; what an address and a number say of two people is refused."""
    known = people(tmp_path, "email,name,sid\nli@uni.edu,Ana Li,1\nli@other.edu,Li,2\n")

    def of(email: str, sid: str, name: str) -> str:
        told = Handed("x", tmp_path / "submission_3", (Student("x", name, sid=sid, email=email),))
        return of_roster([told], known)[0].people[0].name

    assert of("li@uni.edu", "", "Li") == "li-uni-edu"
    assert of("ana@mail.com", "", "Ana  Li") == "li-uni-edu"
    with pytest.raises(ValueError, match="li-uni-edu or li-other-edu"):
        of("li@uni.edu", "2", "Ana Li")


@pytest.mark.parametrize("form", [form for form in GRADEBOOKS if form != "plain"])
def test_a_platform_that_could_not_tell_who_somebody_is_gets_no_row(form: str):
    """A row without number and login is dropped at the import, or lands at somebody else's."""
    with pytest.raises(ValueError, match="who these are: Bo"):
        table([Grade(Student("bo", "Bo"), 1.0)], form, "Part 1", 100.0)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("defence.csv", "who,note\nada,x\n", "wants the columns who, points, note"),
        ("defence.csv", "who,points\nbob,1\nada,many\n", "line 3: could not convert"),
        ("defence.csv", "who,points\nada,nan\n", "line 2: nan are no points"),
        ("defence.csv", "who,points\neve,1\n", "line 2: eve is nobody of the class"),
        ("adjust.csv", "who,points\nada,1\n", "line 2: a reason is missing"),
        ("adjust.csv", "who,points,reason\nada,1,x\nada,1,\n", "line 3: a reason is missing"),
        (
            "adjust.csv",
            "who,points,reason\nada,,x\n",
            "line 2: write points from -100 to 100, and not ''",
        ),
        ("adjust.csv", "who,points,reason\nada,101,x\n", "line 2: write points from -100 to 100"),
        ("adjust.csv", "who,points,reason\nada,inf,x\n", "line 2: inf are no points"),
        ("adjust.csv", "name,points,reason\nada,1,x\n", "wants the columns who, points, reason"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_line(
    name: str, text: str, says: str, tmp_path, roster
):
    """Of talks, or of what a person gives or takes: no gradebook is written with half of them."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=f"{name}.*{says}"):
        read_heard(tmp_path / name, roster) if name == "defence.csv" else read_changed(
            tmp_path / name, roster, 100.0
        )


def test_what_a_person_gives_or_takes_comes_behind_lateness_and_stays_within_the_part(
    tmp_path: Path, roster: People
):
    """Several lines for one person count together, and each says why in the gradebook."""
    path = tmp_path / "adjust.csv"
    path.write_text(
        "who,points,reason\nada,+3,by hand\nada,-1,typo\nbob@uni.edu,-99,not own\nDan,2.5,on paper\n"
    )
    changed = read_changed(path, roster, PART.points)
    made = handed("ada", timedelta(hours=1)), handed("bob", timedelta(0))
    found = graded(roster, *made, changed=changed)
    assert {one.name: one.points for one in found} == pytest.approx(
        {"Ada Lovelace": 32.0, "Bob": 0.0, "Dan": 2.5}
    )
    assert found[0].note == "late: 10.00 points taken off; +3: by hand; -1: typo"
    path.write_text("who,points,reason\nada,100,all\n")
    assert graded(roster, *made, changed=read_changed(path, roster, 100.0))[0].points == PART.points


def test_the_command_writes_the_book_from_kept_results_and_says_what_it_did(
    tmp_path: Path, monkeypatch
):
    """A folder, a roster, talks and changes in; identities, a date without a time, who was absent and a refusal out."""
    dated = replace(assignment().part(1), due=DUE, defence=20.0)
    monkeypatch.setattr(gradebook, "assignment", lambda: replace(assignment(), asked=(dated,)))
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("li", "u18"):
        (folder / name).mkdir(parents=True)
    rows = (Row("a", "A", "measure", 3, 6, ""),)
    results = (Done(Result(name, 1, "d", rows, worth=50.0), "k") for name in ("li", "u18"))
    grade_class(
        handed_in(folder), out, part=1, engine=lambda tasks: zip(tasks, results, strict=True)
    )
    (tmp_path / "roster.csv").write_text(ROSTERS["plain"])
    (tmp_path / "adjust.csv").write_text("who,points,reason\nAda Lovelace,-5,by hand\n")
    (tmp_path / "defence.csv").write_text(
        "who,points,note\nAna Li,12.5,good\nAda Lovelace,,absent\n"
    )
    command = [
        "gradebook",
        str(folder),
        "--out",
        str(out),
        "--roster",
        str(tmp_path / "roster.csv"),
    ]
    tables = [f"--{name}={tmp_path / name}.csv" for name in ("adjust", "defence")]
    said = CliRunner().invoke(app, [*command, *tables])
    assert said.exit_code == 0, said.output
    assert (
        "no time of handing in is known: counted as in time: ana li, ada lovelace"
        in said.output.lower()
    )
    assert "Not heard yet: Ada Lovelace\n" in said.output
    with (out / "gradebook.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["sid"], row["login"], *list(row.values())[4:5]) for row in rows] == [
        ("u17", "li", "37.50"),
        ("u18", "al3", "20.00"),
    ]
    (folder / "eve").mkdir()
    said = CliRunner().invoke(app, command)
    assert (said.exit_code, "eve is nobody of the class" in said.output) == (2, True)


def test_what_changes_in_mid_term_grades_nobody_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A date, points and a voided question keep the key of a result; another lesson does not."""
    course = assignment()
    part = replace(course.part(1), due=datetime(2027, 3, 20, tzinfo=UTC), points=80.0)
    void = Change(question="measure.spread", reason="its figure was wrong", void=True)

    def key(asked: Assignment) -> str:
        monkeypatch.setattr(unit, "assignment", lambda: asked)
        return key_of(Task("ada", tmp_path, 1, Setup()), "digest")

    assert key(course) == key(replace(course, asked=(part,), adjust=(void,)))
    assert key(course) != key(replace(course, asked=(replace(part, lessons=part.lessons[1:]),)))


def test_a_fault_of_the_assignment_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A slip in mid-term is told before anybody is graded, and what is kept stays."""
    (tmp_path / "in" / "li").mkdir(parents=True)
    done = Done(Result("li", 1, "d", (), worth=50.0), "k")
    members, engine = handed_in(tmp_path / "in"), lambda tasks: [(task, done) for task in tasks]
    grade_class(members, tmp_path / "out", part=1, engine=engine)
    (kept,) = (tmp_path / "out" / "results").iterdir()
    before, done = kept.read_bytes(), Done(Result("li", 1, "d", (), fault="no assignment"), "")
    slip = tmp_path / "assignment.toml"
    slip.write_text(
        f"{PATH.read_text()}\n[[adjust]]\nquestion = 'nobody.knows'\nvoid = true\nreason = 'x'\n"
    )
    monkeypatch.setattr(batch, "assignment", lambda: assignment(slip))
    with pytest.raises(ValueError, match="no question 'nobody"):
        grade_class(members, tmp_path / "out", part=1, engine=engine)
    assert kept.read_bytes() == before
