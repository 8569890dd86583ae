"""Gradebooks: read back by the columns that each system publishes, with lateness, own dates, talks
and leavers.
"""

import csv
from collections.abc import Sequence
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
from grading.classroom.handed_in import Handed, People, handed_in, of_roster
from grading.classroom.unit import Done, Task, key_of
from grading.grade.grader import Setup
from grading.grade.result import Result, ResultRow
from labs.course.assignment import PATH, assignment
from labs.course.late import NOTHING_LATE, Late, Pool
from labs.course.lease_record import SeenLease, SiteObservation, append_looks, read_looks
from labs.course.question import State
from labs.course.roster import Student, read_roster
from labs.course.tables import GRADEBOOKS, Assignment, Change, PartAsked
from labs.sites.spec import resource_name

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
    """Return a submission that earned half of its rows' points, and when; no time tells when it
    came.
    """
    row = ResultRow("a", "A", "measure", 3, 6, "")
    at = None if late is None else DUE + late
    submission = Handed(entry, Path(entry), at=at)
    return submission, Result(entry, 1, "d", (row,), worth=80.0)


def people(folder: Path, text: str) -> People:
    (folder / "roster.csv").write_text(text)
    return People(read_roster(folder / "roster.csv"))


def graded(
    people: People, *hand_ins: tuple[Handed, Result], course: Assignment = COURSE, **more: object
) -> list[Grade]:
    submissions, results = zip(*hand_ins, strict=True)
    return grades(course, 1, of_roster(submissions, people), results, people, **more)


@pytest.fixture
def roster(tmp_path: Path) -> People:
    """Return a class with an accommodation and one who has left."""
    return people(tmp_path, ROSTER)


def test_points_are_scaled_late_days_cost_and_everybodys_own_date_counts(roster: People):
    """Ada is late by a day and an hour, Bob has two days more, Cyd has left, Dan handed in
    nothing.
    """
    day = timedelta(days=1)
    late = timedelta(days=1, hours=1)
    hand_ins = [handed("ada@uni.edu", late), handed("bob", late), handed("cyd", -day)]
    book = graded(roster, *hand_ins, heard={"ada-uni-edu": 15.0, "bob-uni-edu": 99.0})
    points = {"Ada Lovelace": 40 - 20 + 15, "Bob": 40 + 20, "Dan": 0}
    assert {grade.name: grade.points for grade in book} == pytest.approx(points)
    assert [grade.name for grade in book if not grade.heard] == ["Dan"]
    assert {grade.name: grade.note for grade in book} == {
        "Ada Lovelace": "late: 20.00 points taken off",
        "Bob": "",
        "Dan": "nothing handed in",
    }


def test_a_pool_of_late_hours_is_used_up_by_the_parts_before(roster: People):
    """The first part took six of the eight hours; of the second part's four, two begun hours cost a
    tenth each.
    """
    first = PartAsked(2, ("device",), 50.0, due=DUE - timedelta(days=9))
    second = replace(PART, late=NOTHING_LATE)
    terms = replace(assignment().course, late=Pool(8.0, 0.1))
    course = replace(COURSE, course=terms, asked=(second, first))
    earlier, _ = handed("dan", timedelta(hours=6) - timedelta(days=9))
    others = {2: of_roster([earlier], roster)}
    book = graded(roster, handed("dan", timedelta(hours=4)), course=course, others=others)
    (dan,) = of_name(book, "Dan")
    assert (dan.points, dan.note) == (20.0, "late: 20.00 points taken off")


def of_name(book: list[Grade], name: str) -> list[Grade]:
    return [grade for grade in book if grade.name == name]


def test_what_is_not_judged_yet_keeps_a_gradebook_from_being_written_and_counts_nothing(
    roster: People,
):
    """It is the grader's fault: named, and a note if the book is asked for all the same."""
    judged = ResultRow("a", "A", "measure", 3, 6, "")
    pending = ResultRow("b", "B", "measure", 0, 6, "", state=State.PENDING)
    submission, _ = handed("dan", timedelta(0))
    result = Result("dan", 1, "d", (judged, pending), worth=80.0)
    with pytest.raises(ValueError, match=r"dan \(B\).*--pending"):
        _require_judged([result])
    book = graded(roster, (submission, result))
    (dan,) = of_name(book, "Dan")
    assert (dan.points, dan.note) == (20.0, "not judged yet: 40.00 points")


def test_a_date_and_no_time_of_handing_in_is_said_by_name(roster: People):
    """For a missing time, no student counts as late, and the command names all who count as in
    time.
    """
    ada = handed("ada", None)
    bob = handed("bob", timedelta(0))
    book = graded(roster, ada, bob)
    assert [grade.name for grade in book if grade.note == NO_TIME] == ["Ada Lovelace"]
    undated_part = replace(PART, due=None, late=NOTHING_LATE)
    undated = replace(COURSE, asked=(undated_part,))
    book = graded(roster, ada, course=undated)
    assert NO_TIME not in [grade.note for grade in book]


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
        "Part 1": "40.00",
    },
    "brightspace": {
        "OrgDefinedId": "#u17",
        "Username": "#li",
        "Part 1 Points Grade": "40.00",
        "End-of-Line Indicator": "#",
    },
    "gradescope": {
        "First Name": "Ana",
        "Last Name": "Li",
        "SID": "u17",
        "Email": "li@uni.edu",
        "Part 1": "40.00",
        "Part 1 - Max Points": "100",
    },
    "plain": {
        "name": "Ana Li",
        "sid": "u17",
        "login": "li",
        "email": "li@uni.edu",
        "Part 1": "40.00",
        "note": "",
    },
}

#: Possible names of Ana's hand-in: by a person, and by Canvas, Brightspace and Moodle.
ENTRIES = (
    "li",
    "LI",
    "u17",
    "Ana Li",
    "ana-li",
    "Li, Ana",
    "liana_48213_771_part1",
    "2231-4410 - Ana Li - Nov 3, 2026 1159 PM",
    "Ana Li_48213_assignsubmission_file_",
)


@pytest.mark.parametrize("form", GRADEBOOKS)
def test_a_folder_gets_the_rosters_identity_in_every_gradebook(form: str, tmp_path: Path):
    """One row per person, whatever the folder is called, and the columns by which the platform
    finds the person.
    """
    known = people(tmp_path, ROSTERS[form])
    for entry in ENTRIES:
        book = graded(known, handed(entry, timedelta(0)))
        points = [(grade.person.sid, grade.points) for grade in book]
        assert points == [("u17", 40.0), ("u18", 0.0)], entry
        head, *more, ana, ada = table(book, form, "Part 1", 100.0)
        assert dict(zip(head, ana, strict=True)) == ROWS[form]
        assert head == list(ROWS[form])
        assert len(ada) == len(head)
        of_canvas = [["    Points Possible", "", "", "", "", "100"]]
        assert more == (of_canvas if form == "canvas" else [])


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
    """All of them at once: otherwise, a second row without points beside the person's own would go
    unnoticed.
    """
    known = people(tmp_path, TWO)
    with pytest.raises(ValueError, match=says):
        of_roster([Handed(entry, tmp_path / entry) for entry in entries], known)


def test_an_exports_people_are_found_by_address_or_number_and_by_name_only_then(tmp_path: Path):
    """On Gradescope some use another address; an address and a number of two different people are
    refused.
    """
    known = people(tmp_path, "email,name,sid\nli@uni.edu,Ana Li,1\nli@other.edu,Li,2\n")

    def of(email: str, sid: str, name: str) -> str:
        exported = Student("x", name, sid=sid, email=email)
        submission = Handed("x", tmp_path / "submission_3", (exported,))
        return of_roster([submission], known)[0].people[0].name

    assert of("li@uni.edu", "", "Li") == "li-uni-edu"
    assert of("ana@mail.com", "", "Ana  Li") == "li-uni-edu"
    with pytest.raises(ValueError, match="li-uni-edu or li-other-edu"):
        of("li@uni.edu", "2", "Ana Li")


@pytest.mark.parametrize("form", [form for form in GRADEBOOKS if form != "plain"])
def test_a_platform_that_could_not_tell_who_somebody_is_gets_no_row(form: str):
    """At the import, a row without number and login is dropped or goes to another student."""
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
    """Of talks or adjustments: a gradebook is written with all of them or not at all."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{name}.*{says}"):
        read_by_name(path, roster)


def read_by_name(path: Path, roster: People) -> object:
    """Read a table of talks, or of changes, by the file's name."""
    if path.name == "defence.csv":
        return read_heard(path, roster)
    return read_changed(path, roster, 100.0)


def test_what_a_person_gives_or_takes_comes_behind_lateness_and_stays_within_the_part(
    tmp_path: Path, roster: People
):
    """Several lines for one person count together, and each says why in the gradebook."""
    path = tmp_path / "adjust.csv"
    path.write_text(
        "who,points,reason\n"
        "ada,+3,by hand\n"
        "ada,-1,typo\n"
        "bob@uni.edu,-99,not own\n"
        "Dan,2.5,on paper\n"
    )
    changed = read_changed(path, roster, PART.points)
    hand_ins = [handed("ada", timedelta(hours=1)), handed("bob", timedelta(0))]
    book = graded(roster, *hand_ins, changed=changed)
    points = {"Ada Lovelace": 32.0, "Bob": 0.0, "Dan": 2.5}
    assert {grade.name: grade.points for grade in book} == pytest.approx(points)
    assert book[0].note == "late: 10.00 points taken off; +3: by hand; -1: typo"
    path.write_text("who,points,reason\nada,100,all\n")
    changed = read_changed(path, roster, 100.0)
    assert graded(roster, *hand_ins, changed=changed)[0].points == PART.points


def test_the_command_writes_the_book_from_kept_results_and_says_what_it_did(
    tmp_path: Path, monkeypatch
):
    """A folder, a roster, talks and changes in; identities, a date without a time, who was absent
    and a refusal out.
    """
    dated = replace(assignment().part(1), due=DUE, defence=20.0, lease=0.0)
    monkeypatch.setattr(gradebook, "assignment", lambda: replace(assignment(), asked=(dated,)))
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("li", "u18"):
        (folder / name).mkdir(parents=True)
    row = ResultRow("a", "A", "measure", 3, 6, "")
    results = [Result(name, 1, "d", (row,), worth=50.0) for name in ("li", "u18")]

    def engine(tasks: Sequence[Task]):
        for task, result in zip(tasks, results, strict=True):
            yield task, Done(result, "k")

    grade_class(handed_in(folder), out, part=1, engine=engine)
    roster = tmp_path / "roster.csv"
    roster.write_text(ROSTERS["plain"])
    adjust = tmp_path / "adjust.csv"
    adjust.write_text("who,points,reason\nAda Lovelace,-5,by hand\n")
    defence = tmp_path / "defence.csv"
    defence.write_text("who,points,note\nAna Li,12.5,good\nAda Lovelace,,absent\n")
    command = ["gradebook", str(folder), "--out", str(out), "--roster", str(roster)]
    tables = [f"--adjust={adjust}", f"--defence={defence}"]
    ended = CliRunner().invoke(app, [*command, *tables])
    assert ended.exit_code == 0, ended.output
    no_time = "no time of handing in is known: counted as in time: ana li, ada lovelace"
    assert no_time in ended.output.lower()
    assert "Not heard yet: Ada Lovelace\n" in ended.output
    with (out / "gradebook.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        points_column = reader.fieldnames[4]
        rows = [(row["sid"], row["login"], row[points_column]) for row in reader]
    assert rows == [("u17", "li", "32.50"), ("u18", "al3", "15.00")]
    (folder / "eve").mkdir()
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 2
    assert "eve is nobody of the class" in ended.output


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

    changed = replace(course, asked=(part,), adjust=(void,))
    shorter_part = replace(part, lessons=part.lessons[1:])
    shorter = replace(course, asked=(shorter_part,))
    assert key(course) == key(changed)
    assert key(course) != key(shorter)


def test_a_fault_of_the_assignment_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A slip in mid-term is reported before grading begins, and stored results stay."""
    out = tmp_path / "out"
    (tmp_path / "in" / "li").mkdir(parents=True)
    members = handed_in(tmp_path / "in")
    judged = Done(Result("li", 1, "d", (), worth=50.0), "k")
    faulty = Done(Result("li", 1, "d", (), fault="no assignment"), "")

    def all_are(done: Done):
        return lambda tasks: [(task, done) for task in tasks]

    grade_class(members, out, part=1, engine=all_are(judged))
    (path,) = (out / "results").iterdir()
    before = path.read_bytes()
    slip = tmp_path / "assignment.toml"
    change = "[[adjust]]\nquestion = 'nobody.knows'\nvoid = true\nreason = 'x'\n"
    slip.write_text(f"{PATH.read_text()}\n{change}")
    monkeypatch.setattr(batch, "assignment", lambda: assignment(slip))
    with pytest.raises(ValueError, match="no question 'nobody"):
        grade_class(members, out, part=1, engine=all_are(faulty))
    assert path.read_bytes() == before


def test_leases_are_pending_without_the_sites_record_and_added_with_it(tmp_path: Path):
    """The note says what is pending or not proven; lateness takes off points of leases, too."""
    lessons = assignment().part(1).lessons
    part = replace(COURSE.part(1), lease=10.0, lessons=lessons)
    course = replace(COURSE, asked=(part,))
    known = people(tmp_path, ROSTER)
    begun = datetime(2027, 3, 1, 15, tzinfo=UTC)
    name = resource_name("model", known.students[0].name)
    times = [(begun + timedelta(hours=hours)).isoformat() for hours in (0, 3)]
    lease = SeenLease("1", name, "node-1", *times, "ACTIVE", has_machine=True)
    look = SiteObservation((begun + timedelta(hours=1)).isoformat(), "CHI@UC", (lease,))
    record = tmp_path / "leases.jsonl"
    append_looks(record, [look])
    submission, result = handed("ada@uni.edu", timedelta(0))
    at = (begun + timedelta(minutes=30)).isoformat()
    leased = [
        {"kind": kind, "site": "CHI@UC", "node": "node-1", "started_at": at}
        for kind in ("latency", "throughput")
    ]
    of_two = replace(result, leased=leased)
    forged = replace(of_two, leased=[leased[0], leased[1] | {"node": "node-2"}])

    def points(result: Result, looks: list[SiteObservation] | None) -> tuple[float, str]:
        book = graded(known, (submission, result), course=course, looks=looks)
        (grade,) = [each for each in book if each.person.name == "ada-uni-edu"]
        return grade.points, grade.note

    looks = read_looks(record)
    without, note = points(of_two, None)
    assert "leases: 10 points are pending without the site's record" in note
    assert points(of_two, looks) == (without + 10, "leases: 10.00 of 10 points")
    assert points(result, looks) == (without, "leases: 0.00 of 10 points")
    earned, note = points(forged, looks)
    assert (earned, note) == (
        without + 5,
        "leases: 5.00 of 10 points; the site's record does not prove throughput",
    )
    record.write_text(record.read_text().replace("+00:00", ""))
    with pytest.raises(ValueError, match=r"leases\.jsonl, line 1, is no line of .* has no zone"):
        read_looks(record)
