"""A class from folder to report: kept results, one row a failure, and a second run that does
nothing.
"""

import contextlib
import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.__main__ import app
from grading.classroom import unit
from grading.classroom.batch import grade_class, kept_results
from grading.classroom.engines import Engine, dask, processes
from grading.classroom.handed_in import Handed, handed_in
from grading.classroom.report import (
    as_csv,
    lesson_minutes,
    question_statistics,
    write_feedback,
    write_report,
)
from grading.classroom.unit import Done, Task, key_of, work
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, spot_checks
from grading.grade.result.gradescope import gradescope
from grading.seed import VARIABLE, secret_seed
from labs.course.assignment import assignment
from labs.course.lessons import lesson
from labs.course.question import ResultRow, State
from labs.workspace import PROJECT_DIR
from tests.entries import Entries
from tests.grading.classroom.members import make_class
from tests.grading.recorded import recorded, written

EVIDENCE = Setup(measure=False, rerun=False)


def in_turn(tasks: Sequence[Task]):
    for task in tasks:
        yield task, work(task)


def never(tasks: Sequence[Task]):
    """Grade only missing or changed submissions, in a class that has none."""
    for task in tasks:
        done = work(task)
        assert done.result is None, f"{task.student} was graded again"
        yield task, done


def graded(
    folder: Path, out: Path, engine: Engine = in_turn, setup: Setup = EVIDENCE
) -> list[Result]:
    return grade_class(handed_in(folder), out, part=1, engine=engine, setup=setup)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_class_is_graded_once_and_reported(tmp_path: Path):
    """The second run keeps every result, grades only a changed submission again, and names every
    student in the report.
    """
    members = tmp_path / "submissions"
    folders = make_class(members, 7)
    kinds = {folder.name.partition("-")[2] for folder in folders}
    assert len(kinds) >= 3
    (members / ".DS_Store").touch()
    (members / "link").symlink_to("/etc")
    numbered = [path.name for path in members.iterdir() if path.name[0].isdigit()]
    submissions = handed_in(members)
    students = [submission.student for submission in submissions]
    assert students == sorted(numbered)
    results = graded(members, tmp_path)
    assert [result.student for result in results] == students
    assert graded(members, tmp_path, never) == results

    torn = submissions[0]
    (tmp_path / "results" / f"{torn.slug}.json").write_text("{")
    graded_anew: list[str] = []

    def noted(tasks: Sequence[Task]):
        for task, done in in_turn(tasks):
            if done.result:
                graded_anew.append(task.student)
            yield task, done

    graded(members, tmp_path, noted)
    assert graded_anew == [torn.student]

    write_feedback(submissions, results, tmp_path)
    checks = spot_checks(results, seed="x")
    page = write_report(submissions, results, [], checks, tmp_path).read_text()
    listed = {row["question"] for row in table(tmp_path / "questions.csv")}
    assert listed >= {row.id for row in results[0].rows if not row.hidden}
    rows = table(tmp_path / "class.csv")
    for submission, row in zip(submissions, rows, strict=True):
        assert row["student"] == submission.student
        assert f'href="pages/{submission.slug}.html"' in page
        assert (tmp_path / "pages" / f"{submission.slug}.html").is_file()


def test_a_lessons_minutes_are_those_from_its_first_entry_to_its_last_without_breaks(
    tmp_path: Path,
):
    """A measurement belongs to the lesson that went on when it was made, and nothing to two lessons
    at once.
    """
    entries = Entries()
    entries.predicted("measure.guess", 1)
    entries.measured("latency", "x", [0.01] * 9)
    entries.answered("measure.batch", 1)
    entries.predicted("quantize.faster", 1)
    entries.observed("file.quantize.static", {})
    entries.observed("model.lease", {})
    entries.answered("quantize.affine", 1)
    entries[-1]["made_at"] = "2026-01-02T00:00:00+00:00"
    (tmp_path / "ledger.jsonl").write_text(entries.text)
    result = grade(tmp_path, part=1, setup=EVIDENCE)
    assert result.minutes == {"measure": 2.0, "quantize": 2.0}


def test_a_class_tells_the_median_of_those_who_went_through_a_lesson():
    """Whoever left a question open did not, and would make the lesson look short."""

    def member(minutes: float, state: State) -> Result:
        row = ResultRow("quantize.x", "X", "quantize", 0, 1, "", state=state)
        return Result("a", 1, "d", rows=(row,), minutes={"quantize": minutes})

    results = [
        member(30.0, State.PASSED),
        member(40.0, State.FAILED),
        member(90.0, State.PASSED),
        member(1.0, State.UNANSWERED),
    ]
    (row,) = lesson_minutes(results)
    assert (row["median minutes"], row["students"]) == (40, 3)
    assert row["estimated minutes"] == lesson("quantize").minutes > 0


def test_a_fault_of_the_graders_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After a repair, staff run the class again, and only the affected submissions are graded
    again.
    """
    (tmp_path / "in" / "ada").mkdir(parents=True)
    stumbled = Result(student="ada", part=1, digest="d", fault="a bug of ours")
    with monkeypatch.context() as patched:
        patched.setattr(unit, "grade", lambda *args, **settings: stumbled)
        assert graded(tmp_path / "in", tmp_path / "out")[0].fault
    assert not graded(tmp_path / "in", tmp_path / "out")[0].fault


def test_names_are_told_apart_as_names_of_files(tmp_path: Path):
    """A student's folder may be named like markup, a path or a spreadsheet's formula."""
    names = ["=1+1", "<script>x", "a b", "a-b", "[bold]"]
    for name in names:
        (tmp_path / name).mkdir()
    slugs = {submission.slug for submission in handed_in(tmp_path)}
    assert len(slugs) == len(names)
    assert all(re.fullmatch(r"[\w-]+", slug) for slug in slugs)


@pytest.mark.parametrize("separator", [";", "\t", "\n", "\r", "; ", ';"', ";'"])
@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)"])
def test_no_spreadsheet_finds_a_formula_wherever_it_splits(separator: str, formula: str):
    """Semicolons split cells in half of the world's spreadsheets, and tabs where one asks for
    them.
    """
    names = [f"x{separator}{formula};", formula, f" {formula}"]
    text = as_csv([{"name": name} for name in names])
    assert text.count(f"'{formula}") == 3
    cells = [cell.lstrip(' "') for cell in re.split(r"[;\t\r\n]", text)]
    assert not [cell for cell in cells if cell.startswith(formula)]
    assert as_csv([{"name": "x;y - z = 1"}]) == "name\nx;y - z = 1\n"


def test_a_name_that_is_no_text_costs_nobody_a_row(tmp_path: Path):
    """A zip made in another encoding: everybody is graded, drawn, asked and reported, and a second
    run keeps it all.

    Half a UTF-16 pair is a character of JSON and of no encoding: a table has a mark in its place.
    """
    folder = tmp_path / "in"
    out = tmp_path / "out"
    (folder / "ada").mkdir(parents=True)
    measured = next(entry for entry in recorded(1) if entry["type"] == "measurement")
    measured["machine"]["cpu_model"] = "half \ud800"
    (folder / "ada" / "ledger.jsonl").write_text(written([measured]))
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("ledger.jsonl", "")
    (tmp_path / "empty.zip").rename(folder / os.fsdecode(b"zo\xeb.zip"))
    submissions = handed_in(folder)
    command = [sys.executable, "-m", "grading", "class", str(folder), "--out", str(out)]
    command += ["--workers", "1", "--no-rerun"]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8", VARIABLE: "public"}
    process = subprocess.run(
        command, cwd=PROJECT_DIR, env=strict, capture_output=True, encoding="utf-8"
    )
    assert (process.returncode, process.stderr) == (0, "")
    rows = table(out / "class.csv")
    assert [row["student"] for row in rows] == ["ada", "zo?"]
    assert "half ?" in rows[0]["machines"]
    for submission in submissions:
        slug = submission.slug
        assert (out / f"results/{slug}.json").is_file()
        assert (out / f"pages/{slug}.html").is_file()
        assert (out / f"defence/{slug}-answers.html").is_file()
    results = graded(folder, out, never, Setup(rerun=False))
    assert [result.student for result in results] == ["ada", "zo\udceb"]


def test_pictures_that_are_not_there_are_said_before_a_class_is_graded(tmp_path: Path):
    """A slip in the name would cost every student the artefacts' points; so is a folder without
    submissions.
    """
    with pytest.raises(FileNotFoundError, match="one for each student"):
        handed_in(tmp_path)
    folder = tmp_path / "in"
    out = tmp_path / "out"
    pictures = tmp_path / "none.npz"
    (folder / "a").mkdir(parents=True)
    command = ["class", str(folder), "--out", str(out), "--pictures", str(pictures)]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 2
    assert "Invalid value for '--pictures'" in ended.output
    assert not out.exists()


def test_the_seed_is_asked_for_and_stands_in_no_list_of_processes(monkeypatch: pytest.MonkeyPatch):
    """Commands do not have it as an argument, child processes do not get the variable, and a run
    without a terminal gets a message.
    """
    for command in (["class", "x", "--out", "y"], ["gradescope"], ["pictures", "z.npz"]):
        ended = CliRunner().invoke(app, [*command, "--seed", "words"])
        assert ended.exit_code == 2
        assert "No such option: --seed" in ended.output
    monkeypatch.setenv(VARIABLE, "words")
    assert secret_seed() == "words"
    assert VARIABLE not in os.environ
    ended = CliRunner().invoke(app, ["gradescope"], input="")
    assert ended.exit_code == 2
    assert VARIABLE in ended.output


def die_once(task: Task) -> Done:
    """Kill the process under the second submission at its first try, and under the third at every
    try.
    """
    mark = task.path / "tried"
    if task.student == "2" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if task.student == "3":
        os.kill(os.getpid(), signal.SIGKILL)
    return work(task)


def _tasks(folder: Path, count: int) -> list[Task]:
    tasks: list[Task] = []
    for number in range(count):
        path = folder / str(number)
        path.mkdir()
        tasks.append(Task(str(number), path, 1, EVIDENCE))
    return tasks


@contextlib.contextmanager
def cluster_of(workers: int) -> Iterator:
    """Give the client of a Dask cluster with ``workers`` processes."""
    distributed = pytest.importorskip("distributed")
    options = {
        "host": "127.0.0.1",
        "dashboard_address": ":0",
        "processes": True,
        "threads_per_worker": 1,
    }
    with (
        distributed.LocalCluster(n_workers=workers, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("on_cluster", "says"), [(False, "killed"), (True, "KilledWorker")], ids=["here", "Dask"]
)
def test_a_worker_that_is_killed_costs_nobody_else_anything(
    tmp_path: Path, on_cluster: bool, says: str
):
    """One failure is one row; who was merely beside it is graded, as one process would grade it."""
    tasks = _tasks(tmp_path, 4)
    with cluster_of(2) if on_cluster else contextlib.nullcontext() as client:
        engine = dask(client, die_once) if on_cluster else processes(2, die_once)
        results = {task.student: done.result for task, done in engine(tasks)}
    assert sorted(results) == [task.student for task in tasks]
    assert (tasks[2].path / "tried").exists()
    assert says in results.pop("3").fault
    untimed = {name: replace(result, wall_s=0.0) for name, result in results.items()}
    alone = {task.student: replace(work(task).result, wall_s=0.0) for task in tasks[:3]}
    assert untimed == alone


def at_once(task: Task) -> Done:
    """Say who works on it, and be done."""
    (task.path / f"{os.getpid()}").touch()
    return Done(Result(student=task.student, part=1, digest=""), "key")


def test_a_result_that_is_lost_with_its_worker_is_made_again(tmp_path: Path):
    """Dask, one worker, killed when all is graded and one result is fetched: every student keeps a
    row.
    """
    tasks = _tasks(tmp_path, 3)

    def states() -> set[str]:
        return {state.status for state in client.futures.values()}

    with cluster_of(1) as client:
        engine = dask(client, at_once)(tasks)
        pairs = dict([next(engine)])
        while states() != {"finished"}:
            time.sleep(0.01)
        mark = next(tasks[0].path.iterdir())
        os.kill(int(mark.name), signal.SIGKILL)
        while states() == {"finished"}:
            time.sleep(0.01)
        pairs |= dict(engine)
    faults = {task.student: done.result.fault for task, done in pairs.items()}
    assert faults == {task.student: "" for task in tasks}
    workers_of_each = [len(list(task.path.iterdir())) for task in tasks]
    assert max(workers_of_each) > 1, "nothing was made again: no result was lost"


def test_an_export_of_gradescopes_says_who_handed_in_and_one_file_goes_back(tmp_path: Path):
    """Names and e-mail in the tables, a page each, hidden rows by a command alone, and no name that
    is two people's.
    """
    folder = tmp_path / "in"
    out = tmp_path / "out"
    for number in range(4):
        (folder / f"submission_30000{number}").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("submission_metadata.yml"), folder)
    names = [
        "Ada Lovelace, =Bob",
        "Eve (submission_300001)",
        "Eve (submission_300002)",
        "submission_300003",
    ]
    assert [submission.student for submission in handed_in(folder)] == names
    public = ResultRow("q", "Q", "", 2, 3, "")
    hidden = ResultRow("q.computed", "Called again", "", 1, 1, "", hidden=True)

    def all_alike(tasks: Sequence[Task]):
        for task in tasks:
            yield task, Done(Result(task.student, 1, "d", (public, hidden)), "k")

    graded(folder, out, all_alike)
    worth = assignment().part(1).worth
    command = ["feedback", str(folder), "--out", str(out)]
    for options, points, shown in ([], 2, False), (["--hidden"], 3, True):
        assert CliRunner().invoke(app, command + options).exit_code == 0
        with zipfile.ZipFile(out / "feedback.zip") as archive:
            book = io.TextIOWrapper(archive.open("grades.csv"))
            grades = list(csv.DictReader(book))
            pages = {grade["page"]: archive.read(grade["page"]).decode() for grade in grades}
        assert [grade["name"] for grade in grades] == [
            "Ada Lovelace",
            "'=Bob",
            "Eve",
            "Eve",
            "submission_300003",
        ]
        assert grades[1]["email"] == "bob@example.edu"
        assert {float(grade["points"]) for grade in grades} == {worth * points / 4}
        assert len(pages) == 4
        for page in pages.values():
            assert ("Called again" in page) == shown
    (folder / "late").mkdir()
    assert CliRunner().invoke(app, command).exit_code == 2
    with pytest.raises(FileNotFoundError, match="no result of late"):
        kept_results(handed_in(folder), out)


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "- 1", "a: b", "a: {':submitters': [3]}", "!!python/object:os.system {}", "\0"],
)
def test_a_damaged_export_names_nobody_and_loses_nobody(tmp_path: Path, damaged: str):
    """The submissions are listed under their folders' names."""
    (tmp_path / "a").mkdir()
    (tmp_path / "submission_metadata.yml").write_text(damaged)
    assert [submission.student for submission in handed_in(tmp_path)] == ["a"]


#: Commands of a terminal in seven and eight bits, a return that hides a line, and a sign that turns
#: a text around.
CONTROLS = ("\x1b[2J", "\x9b31m", "\r", "\x07", "\x00", "\u202e")


def test_no_terminal_obeys_what_a_submission_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In names, messages and answers: pages, tables and printed output are free of control
    characters.
    """
    monkeypatch.setenv(VARIABLE, "seed")
    folder, out = tmp_path / "in", tmp_path / "out"
    name = "Ada" + "".join(CONTROLS).replace("\x00", "")
    for entry in (name, "bob"):
        (folder / entry).mkdir(parents=True)
        (folder / entry / f"{name}.exe").touch()
    text = f"Hidden{''.join(CONTROLS)}words"
    row = ResultRow("q", text, "", 0, 3, text, hint=text, shown=((text, text),))
    result = Result(name, 1, "d", (row,), fault=text, machines=(text,), reruns={"q": text})
    options = ["--out", str(out), "--no-rerun", "--workers", "1"]
    printed = CliRunner().invoke(app, ["class", str(folder), *options]).output
    assert "submissions" in printed
    hand_ins = handed_in(folder)
    results = [result, replace(result, student="bob")]
    write_report(hand_ins, results, [], spot_checks(results, seed="seed", alike={}), out)
    write_feedback(hand_ins, results, out, hidden=True)
    book = ["gradebook", str(folder), "--out", str(out)]
    roster = _roster(out)
    printed += CliRunner().invoke(app, [*book, "--pending"]).output
    printed += CliRunner().invoke(app, [*book, "--roster", str(roster)]).output
    texts: dict[str, str] = {}
    for path in out.rglob("*"):
        if path.suffix in (".csv", ".html"):
            texts[path.name] = path.read_bytes().decode()
    with zipfile.ZipFile(out / "feedback.zip") as archive:
        for member in archive.namelist():
            texts[f"zip/{member}"] = archive.read(member).decode()
    texts["gradescope"] = "".join(_texts_of(gradescope(result)))
    assert len(texts) > 10
    assert "Hidden" in "".join(texts.values())
    for where, content in {**texts, "terminal": printed}.items():
        lines = content.replace("\r\n", "\n")
        assert not [sign for sign in CONTROLS if sign[0] in lines], where


def _roster(folder: Path) -> Path:
    """Write a roster of other people, so that the command refuses all hand-ins and names them."""
    path = folder / "roster"
    path.write_text("name,email\nnobody,nobody@example.edu\n")
    return path


def _texts_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts_of(part)


def test_a_submission_whose_name_begins_with_a_dot_is_a_row(tmp_path: Path):
    """Students name their folders; folders and files that programs leave there are known by
    name.
    """
    for name in (
        ".ada",
        "..bob",
        ".git",
        ".ipynb_checkpoints",
        ".venv",
        ".Trash-1000",
        ".DS_Store",
    ):
        (tmp_path / name).mkdir()
    for name in (".eve.zip", "._eve.zip"):
        (tmp_path / name).write_bytes(b"")
    students = [submission.student for submission in handed_in(tmp_path)]
    assert students == ["..bob", ".ada", ".eve"]


def test_a_zip_beside_its_folder_is_a_row_of_its_own(tmp_path: Path):
    """Nobody can say which of them counts, so both are shown; a zip alone is named without its
    ending.
    """
    (tmp_path / "ada.zip").write_bytes(b"")
    assert handed_in(tmp_path) == [Handed("ada", tmp_path / "ada.zip")]
    (tmp_path / "ada").mkdir()
    assert [submission.student for submission in handed_in(tmp_path)] == ["ada", "ada.zip"]


def test_a_changed_rule_makes_kept_results_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A question's points are in its source and in the compiled file, and both hashes are in the
    key.
    """
    project = tmp_path / "project"
    rules = [
        project / name
        for name in ("grading/rule.py", "labs/course/questions.json", "notebooks/source/q.py")
    ]
    monkeypatch.setattr(unit, "PROJECT_DIR", project)
    seen = set()
    for rule in rules:
        rule.parent.mkdir(parents=True)
        rule.write_text("POINTS = 1")
        unit.rules_sha256.cache_clear()
        seen.add(key_of(Task("ada", tmp_path, 1, EVIDENCE), "digest"))
    unit.rules_sha256.cache_clear()
    assert len(seen) == len(rules)


def test_each_question_tells_the_instructor_who_tried_what_was_wrong_and_what_it_says():
    """Near 1 if the students who pass the rest pass it. An unanswered question counts as not
    tried.
    """

    def member(
        name: str, right: bool, state: str = "failed", message: str = "Seconds, not milliseconds."
    ) -> Result:
        if right:
            first = ResultRow("q.one", "One", "", 1, 1, "Right.", state="")
            answers = {"q.one": 1}
        else:
            first = ResultRow("q.one", "One", "", 0, 1, message, state=state)
            answers = {"q.one": 4}
        second = ResultRow("q.two", "Two", "", 3 * right, 3, "")
        return Result(name, 1, "", rows=(first, second), answers=answers)

    right = [member("a", True), member("b", True)]
    wrong = [
        member("c", False),
        member("d", False, "unanswered"),
        member("e", False),
        member("f", False, message="Think again."),
    ]
    first, second = question_statistics([*right, *wrong])
    counts = [first[column] for column in ("tried", "passed", "wrong", "not done")]
    assert counts == [5, 2, 3, 1]
    assert first["most common mistake"] == "Seconds, not milliseconds."
    assert first["of so many"] == 2
    assert first["discrimination"] == pytest.approx(1)
    assert first["answers each"] == 2.8, "one that was not tried counts nowhere"
    assert second["tried"] == 6
    assert question_statistics(right)[0]["discrimination"] == ""
