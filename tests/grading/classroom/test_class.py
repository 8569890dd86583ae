"""A class from folder to report: kept results, one row a failure, and a second run that does nothing."""

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
from grading.classroom.report import (
    as_csv,
    lesson_minutes,
    question_statistics,
    write_feedback,
    write_report,
)
from grading.classroom.roster import Handed, handed_in
from grading.classroom.unit import Done, Task, key_of, work
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, spot_checks
from grading.grade.result.gradescope import gradescope
from grading.seed import VARIABLE, secret_seed
from labs.course.assignment import assignment
from labs.course.lessons import lesson
from labs.course.question import Row, State
from labs.workspace import PROJECT_DIR
from tests.entries import Entries
from tests.grading.classroom.members import make_class
from tests.grading.recorded import recorded, written

EVIDENCE = Setup(measure=False, rerun=False)


def in_turn(tasks: Sequence[Task]):
    for task in tasks:
        yield task, work(task)


def never(tasks: Sequence[Task]):
    """Grade only what has to be graded, and let nothing have to be."""
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
    """The second run keeps every result; a submission that changed is graded anew; the report names everybody."""
    made = make_class(members := tmp_path / "submissions", 7)
    assert len({path.name.partition("-")[2] for path in made}) >= 3
    (members / ".DS_Store").touch()
    (members / "link").symlink_to("/etc")
    found = handed_in(members)
    assert [one.student for one in found] == sorted(
        path.name for path in members.iterdir() if path.name[0].isdigit()
    )
    results = graded(members, tmp_path)
    assert [result.student for result in results] == [one.student for one in found]
    assert graded(members, tmp_path, never) == results

    (tmp_path / "results" / f"{found[0].slug}.json").write_text("{")
    done = []
    graded(members, tmp_path, lambda tasks: (done.append(pair) or pair for pair in in_turn(tasks)))
    assert [task.student for task, one in done if one.result] == [found[0].student]

    write_feedback(found, results, tmp_path)
    page = write_report(found, results, [], spot_checks(results, seed="x"), tmp_path).read_text()
    listed = {row["question"] for row in table(tmp_path / "questions.csv")}
    assert listed >= {row.id for row in results[0].rows if not row.hidden}
    for one, row in zip(found, table(tmp_path / "class.csv"), strict=True):
        assert row["student"] == one.student
        assert f'href="pages/{one.slug}.html"' in page
        assert (tmp_path / "pages" / f"{one.slug}.html").is_file()


def test_a_lessons_minutes_are_those_from_its_first_entry_to_its_last_without_breaks(
    tmp_path: Path,
):
    """A measurement belongs to the lesson that went on when it was made, and nothing to two lessons at once."""
    made = (
        Entries()
        .predicted("measure.guess", 1)
        .measured("latency", "x", [0.01] * 9)
        .answered("measure.batch", 1)
    )
    made.predicted("quantize.faster", 1).observed("file.quantize.static", {}).observed(
        "model.lease", {}
    )
    made.answered("quantize.affine", 1)
    made[-1]["made_at"] = "2026-01-02T00:00:00+00:00"
    (tmp_path / "ledger.jsonl").write_text(made.text)
    assert grade(tmp_path, part=1, setup=EVIDENCE).minutes == {"measure": 2.0, "quantize": 2.0}


def test_a_class_tells_the_median_of_those_who_went_through_a_lesson():
    """Whoever left a question open did not, and would make the lesson look short."""
    rows = {state: (Row("quantize.x", "X", "quantize", 0, 1, "", state=state),) for state in State}
    took = [
        (30.0, State.PASSED),
        (40.0, State.FAILED),
        (90.0, State.PASSED),
        (1.0, State.UNANSWERED),
    ]
    results = [
        Result("a", 1, "d", rows=rows[state], minutes={"quantize": minutes})
        for minutes, state in took
    ]
    (row,) = lesson_minutes(results)
    assert (row["median minutes"], row["students"]) == (40, 3)
    assert row["estimated minutes"] == lesson("quantize").minutes > 0


def test_a_fault_of_the_graders_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whoever mends it runs the class again, and those that it struck are graded anew."""
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
    slugs = {one.slug for one in handed_in(tmp_path)}
    assert len(slugs) == len(names)
    assert all(re.fullmatch(r"[\w-]+", slug) for slug in slugs)


@pytest.mark.parametrize("separator", [";", "\t", "\n", "\r", "; ", ';"', ";'"])
@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)"])
def test_no_spreadsheet_finds_a_formula_wherever_it_splits(separator: str, formula: str):
    """Semicolons split cells in half of the world's spreadsheets, and tabs where one asks for them."""
    text = as_csv([{"name": f"x{separator}{formula};"}, {"name": formula}, {"name": f" {formula}"}])
    assert text.count(f"'{formula}") == 3
    assert not [
        cell for cell in re.split(r"[;\t\r\n]", text) if cell.lstrip(' "').startswith(formula)
    ]
    assert as_csv([{"name": "x;y - z = 1"}]) == "name\nx;y - z = 1\n"


def test_a_name_that_is_no_text_costs_nobody_a_row(tmp_path: Path):
    """A zip made in another encoding: everybody is graded, drawn, asked and reported, and a second run keeps it all.

    Half a UTF-16 pair is a character of JSON and of no encoding: a table has a mark in its place.
    """
    (tmp_path / "in" / "ada").mkdir(parents=True)
    measured = next(entry for entry in recorded(1) if entry["type"] == "measurement")
    measured["machine"]["cpu_model"] = "half \ud800"
    (tmp_path / "in" / "ada" / "ledger.jsonl").write_text(written([measured]))
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("ledger.jsonl", "")
    (tmp_path / "empty.zip").rename(tmp_path / "in" / os.fsdecode(b"zo\xeb.zip"))
    found, out = handed_in(tmp_path / "in"), tmp_path / "out"
    command = [sys.executable, "-m", "grading", "class", str(tmp_path / "in"), "--out", str(out)]
    command += ["--workers", "1", "--no-rerun"]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8", VARIABLE: "public"}
    said = subprocess.run(
        command, cwd=PROJECT_DIR, env=strict, capture_output=True, encoding="utf-8"
    )
    assert (said.returncode, said.stderr) == (0, "")
    rows = table(out / "class.csv")
    assert [row["student"] for row in rows] == ["ada", "zo?"]
    assert "half ?" in rows[0]["machines"]
    for one in found:
        places = (
            f"results/{one.slug}.json",
            f"pages/{one.slug}.html",
            f"defence/{one.slug}-answers.html",
        )
        assert [(out / place).is_file() for place in places] == [True] * 3
    kept = graded(tmp_path / "in", out, never, Setup(rerun=False))
    assert [result.student for result in kept] == ["ada", "zo\udceb"]


def test_pictures_that_are_not_there_are_said_before_a_class_is_graded(tmp_path: Path):
    """A slip in the name would cost every student the artefacts' points; so is a folder without submissions."""
    with pytest.raises(FileNotFoundError, match="one for each student"):
        handed_in(tmp_path)
    (tmp_path / "in" / "a").mkdir(parents=True)
    command = [
        "class",
        str(tmp_path / "in"),
        "--out",
        str(tmp_path / "out"),
        "--pictures",
        str(tmp_path / "none.npz"),
    ]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 2
    assert "Invalid value for '--pictures'" in said.output
    assert not (tmp_path / "out").exists()


def test_the_seed_is_asked_for_and_stands_in_no_list_of_processes(monkeypatch: pytest.MonkeyPatch):
    """No command has it as an argument; the variable is taken away from what is started; nobody to ask is said."""
    for command in (["class", "x", "--out", "y"], ["gradescope"], ["pictures", "z.npz"]):
        said = CliRunner().invoke(app, [*command, "--seed", "words"])
        assert (said.exit_code, "No such option: --seed" in said.output) == (2, True)
    monkeypatch.setenv(VARIABLE, "words")
    assert secret_seed() == "words"
    assert VARIABLE not in os.environ
    said = CliRunner().invoke(app, ["gradescope"], input="")
    assert (said.exit_code, VARIABLE in said.output) == (2, True)


def die_once(task: Task) -> Done:
    """Kill the process under the second submission at its first try, and under the third at every try."""
    mark = task.path / "tried"
    if task.student == "2" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if task.student == "3":
        os.kill(os.getpid(), signal.SIGKILL)
    return work(task)


def _tasks(folder: Path, count: int) -> list[Task]:
    for number in range(count):
        (folder / str(number)).mkdir()
    return [Task(str(number), folder / str(number), 1, EVIDENCE) for number in range(count)]


@contextlib.contextmanager
def cluster_of(workers: int) -> Iterator:
    """Give the client of a Dask cluster with so many processes."""
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
        done = {task.student: one.result for task, one in engine(tasks)}
    assert sorted(done) == [task.student for task in tasks]
    assert (tasks[2].path / "tried").exists()
    assert says in done.pop("3").fault
    alone = {task.student: replace(work(task).result, wall_s=0.0) for task in tasks[:3]}
    assert {name: replace(one, wall_s=0.0) for name, one in done.items()} == alone


def at_once(task: Task) -> Done:
    """Say who works on it, and be done."""
    (task.path / f"{os.getpid()}").touch()
    return Done(Result(student=task.student, part=1, digest=""), "key")


def test_a_result_that_is_lost_with_its_worker_is_made_again(tmp_path: Path):
    """Dask, one worker, killed when all is graded and one result is fetched: nobody loses a row."""
    tasks = _tasks(tmp_path, 3)

    def states() -> set[str]:
        return {state.status for state in client.futures.values()}

    with cluster_of(1) as client:
        engine = dask(client, at_once)(tasks)
        done = dict([next(engine)])
        while states() != {"finished"}:
            time.sleep(0.01)
        os.kill(int(next(tasks[0].path.iterdir()).name), signal.SIGKILL)
        while states() == {"finished"}:
            time.sleep(0.01)
        done |= dict(engine)
    assert {task.student: one.result.fault for task, one in done.items()} == {
        task.student: "" for task in tasks
    }
    assert max(len(list(task.path.iterdir())) for task in tasks) > 1, (
        "nothing was made again: no result was lost"
    )


def test_an_export_of_gradescopes_says_who_handed_in_and_one_file_goes_back(tmp_path: Path):
    """Names and e-mail in the tables, a page each, hidden rows by a command alone, and no name that is two people's."""
    for number in range(4):
        (tmp_path / "in" / f"submission_30000{number}").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("submission_metadata.yml"), tmp_path / "in")
    found, out = handed_in(tmp_path / "in"), tmp_path / "out"
    names = [
        "Ada Lovelace, =Bob",
        "Eve (submission_300001)",
        "Eve (submission_300002)",
        "submission_300003",
    ]
    assert [one.student for one in found] == names
    rows = (
        Row("q", "Q", "", 2, 3, ""),
        Row("q.computed", "Called again", "", 1, 1, "", hidden=True),
    )
    graded(
        tmp_path / "in",
        out,
        lambda tasks: ((one, Done(Result(one.student, 1, "d", rows), "k")) for one in tasks),
    )
    command = ["feedback", str(tmp_path / "in"), "--out", str(out)]
    for options, points, shown in ([], 2, False), (["--hidden"], 3, True):
        assert CliRunner().invoke(app, command + options).exit_code == 0
        with zipfile.ZipFile(out / "feedback.zip") as archive:
            grades = list(csv.DictReader(io.TextIOWrapper(archive.open("grades.csv"))))
            pages = {one["page"]: archive.read(one["page"]).decode() for one in grades}
        assert [one["name"] for one in grades] == [
            "Ada Lovelace",
            "'=Bob",
            "Eve",
            "Eve",
            "submission_300003",
        ]
        assert grades[1]["email"] == "bob@example.edu"
        assert {float(one["points"]) for one in grades} == {assignment().part(1).worth * points / 4}
        assert len(pages) == 4
        assert all(("Called again" in text) == shown for text in pages.values())
    (tmp_path / "in" / "late").mkdir()
    assert CliRunner().invoke(app, command).exit_code == 2
    with pytest.raises(FileNotFoundError, match="no result of late"):
        kept_results(handed_in(tmp_path / "in"), out)


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "- 1", "a: b", "a: {':submitters': [3]}", "!!python/object:os.system {}", "\0"],
)
def test_a_damaged_export_names_nobody_and_loses_nobody(tmp_path: Path, damaged: str):
    """The submissions stand under their folders' names."""
    (tmp_path / "a").mkdir()
    (tmp_path / "submission_metadata.yml").write_text(damaged)
    assert [one.student for one in handed_in(tmp_path)] == ["a"]


#: Commands of a terminal in seven and eight bits, a return that hides a line, and a sign that turns a text around.
CONTROLS = ("\x1b[2J", "\x9b31m", "\r", "\x07", "\x00", "\u202e")


def test_no_terminal_obeys_what_a_submission_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In names, messages and answers: neither pages nor tables nor what the commands print hold control characters."""
    monkeypatch.setenv(VARIABLE, "seed")
    folder, out = tmp_path / "in", tmp_path / "out"
    name = "Ada" + "".join(CONTROLS).replace("\x00", "")
    for entry in (name, "bob"):
        (folder / entry).mkdir(parents=True)
        (folder / entry / f"{name}.exe").touch()
    text = f"Hidden{''.join(CONTROLS)}words"
    rows = (Row("q", text, "", 0, 3, text, hint=text, shown=((text, text),)),)
    result = Result(name, 1, "d", rows, fault=text, machines=(text,), reruns={"q": text})
    options = ["--out", str(out), "--no-rerun", "--workers", "1"]
    printed = CliRunner().invoke(app, ["class", str(folder), *options]).output
    assert "submissions" in printed
    hand_ins = handed_in(folder)
    results = [result, replace(result, student="bob")]
    write_report(hand_ins, results, [], spot_checks(results, seed="seed", alike={}), out)
    write_feedback(hand_ins, results, out, hidden=True)
    book = ["gradebook", str(folder), "--out", str(out)]
    printed += CliRunner().invoke(app, [*book, "--pending"]).output
    printed += CliRunner().invoke(app, [*book, "--roster", str(_roster(out))]).output
    texts = {
        path.name: path.read_bytes().decode()
        for path in out.rglob("*")
        if path.suffix in (".csv", ".html")
    }
    with zipfile.ZipFile(out / "feedback.zip") as archive:
        texts |= {f"zip/{name}": archive.read(name).decode() for name in archive.namelist()}
    texts["gradescope"] = "".join(_texts_of(gradescope(result)))
    assert len(texts) > 10
    assert "Hidden" in "".join(texts.values())
    for where, content in {**texts, "terminal": printed}.items():
        lines = content.replace("\r\n", "\n")
        assert not [sign for sign in CONTROLS if sign[0] in lines], where


def _roster(folder: Path) -> Path:
    """Write a roster with nobody of the class, so that the command names all hand-ins as it refuses them."""
    path = folder / "roster"
    path.write_text("name,email\nnobody,nobody@example.edu\n")
    return path


def _texts_of(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _texts_of(part)


def test_a_submission_whose_name_begins_with_a_dot_is_a_row(tmp_path: Path):
    """Students name their folders; programs that leave folders and files of their own there are known by name."""
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
    assert [one.student for one in handed_in(tmp_path)] == ["..bob", ".ada", ".eve"]


def test_a_zip_beside_its_folder_is_a_row_of_its_own(tmp_path: Path):
    """Nobody can say which of them counts, so both are shown; a zip alone is named without its ending."""
    (tmp_path / "ada.zip").write_bytes(b"")
    assert handed_in(tmp_path) == [Handed("ada", tmp_path / "ada.zip")]
    (tmp_path / "ada").mkdir()
    assert [one.student for one in handed_in(tmp_path)] == ["ada", "ada.zip"]


def test_a_changed_rule_makes_kept_results_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a question is worth stands in its source and in what was compiled, and their hashes in the key."""
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
    """Passed by those who pass the rest: near 1. An unanswered one was not tried."""

    def member(
        name: str, right: bool, state: str = "failed", message: str = "Seconds, not milliseconds."
    ) -> Result:
        first = Row(
            "q.one",
            "One",
            "",
            int(right),
            1,
            "Right." if right else message,
            state="" if right else state,
        )
        rows = (first, Row("q.two", "Two", "", 3 * right, 3, ""))
        return Result(name, 1, "", rows=rows, answers={"q.one": 1 if right else 4})

    members = [
        member("a", True),
        member("b", True),
        member("c", False),
        member("d", False, "unanswered"),
    ]
    one, two = question_statistics(
        [*members, member("e", False), member("f", False, message="Think again.")]
    )
    assert (one["tried"], one["passed"], one["wrong"], one["not done"]) == (5, 2, 3, 1)
    assert (one["most common mistake"], one["of so many"]) == ("Seconds, not milliseconds.", 2)
    assert one["discrimination"] == pytest.approx(1)
    assert one["answers each"] == 2.8, "one that was not tried counts nowhere"
    assert two["tried"] == 6
    assert question_statistics(members[:2])[0]["discrimination"] == ""
