"""``msl`` from a terminal: one command, exit codes that scripts can rely on, completion that binds
to it.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from grading.__main__ import app as grading
from labs.course.assignment import assignment
from labs.course.lessons import PART_TITLES, lesson, lessons
from labs.machine.version import code_version
from provisioning.__main__ import app as provisioning
from provisioning.environment import has_nvidia_gpu
from provisioning.front.command import app
from provisioning.front.doctor import findings
from provisioning.front.lab import command
from provisioning.front.page import front_page
from provisioning.front.standing import standing
from provisioning.front.words import POINTS_NOTE, points_of
from tests.honest import honest


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), prog_name="msl")


def test_check_fails_while_something_is_left(done: Path):
    """Exit code 1 with the open questions."""
    assert run("check", "defend").exit_code == 0
    (done / "ledger.jsonl").write_text(honest(1).text)
    result = run("check", "defend")
    assert result.exit_code == 1
    assert re.search(
        r"^0 of [\d.]+ +not answered yet: A recommendation", result.output, re.MULTILINE
    )
    assert re.search(
        r"^([\d.]+) of \1 +Scale and zero point", run("check", "quantize").output, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("typed", "guess"),
    {
        "check compyle": "Did you mean compile (Compile the graph)?",
        "check nowhere": "There are start, reserve,",
        "lab quantise": "Did you mean quantize (",
        "submit modle": "Did you mean 1 (model)?",
        "lease plan 9": "It may be 1 (model), 2 (edge), 3 (system).",
        "statsu": "Did you mean 'status'?",
        "sweep": "Did you mean `msl lease sweep`?",
    }.items(),
)
def test_wrong_use_is_exit_code_2_with_the_likely_word(typed: str, guess: str):
    """Told from exit code 1, with which a command says that something is left to do."""
    wrong = run(*typed.split())
    assert wrong.exit_code == 2
    assert guess in wrong.output
    assert "Traceback" not in wrong.output


def test_a_lesson_or_part_goes_by_its_title_too(worked: Path):
    """As `msl status` shows both, in capitals or not."""
    first = lessons()[0]
    assert run("check", first.title.upper()).output == run("check", first.id).output
    assert run("submit", PART_TITLES[1]).output == run("submit", "1").output


def test_next_names_the_command_that_opens_the_lesson(workspace: Path):
    """And where its notebook is."""
    following = json.loads(run("next", "--json").output)
    assert f"msl lab {following['id']}` opens {following['notebook']}" in run("next").output


@pytest.mark.parametrize(
    ("line", "completed"),
    {
        "msl check comp": "compile",
        "msl lab comp": "compile",
        "msl submit mod": "model",
        "msl lease plan model --type gpu_m": "gpu_mi100",
        "msl lease plan --zone America/Chic": "America/Chicago",
    }.items(),
)
def test_the_tab_key_completes_lessons_parts_machines_and_zones(line: str, completed: str):
    """As bash asks for it."""
    environ = {"_MSL_COMPLETE": "complete_bash", "COMP_WORDS": line}
    environ["COMP_CWORD"] = str(line.count(" "))
    done = CliRunner().invoke(app, [], prog_name="msl", env=environ)
    assert done.output.split() == [completed]


def test_programs_read_json_and_the_version(worked: Path):
    """The same lessons as in words, times with their zone."""
    status = json.loads(run("status", "--json").output)
    words = run("status").output
    lesson_ids = [lesson.id for lesson in lessons()]
    assert [step["id"] for step in status["lessons"]] == lesson_ids
    assert all(step["title"] in words for step in status["lessons"])
    following = json.loads(run("next", "--json").output)
    assert (following and following["id"]) == status["next"]
    assert run("next").output.startswith("Next: " if following else "Every lesson")
    for commands in (app, grading):
        assert code_version() in CliRunner().invoke(commands, ["--version"]).output


def test_every_page_and_command_shows_the_same_points(worked: Path):
    """A part's on the front page and in the hand-in, a lesson's there and in its check; a deep dive
    has none.
    """
    stands = standing()
    status = json.loads(run("status", "--json").output)
    page = front_page(stands)
    assert f"{points_text(status)} points" in page
    for number in assignment().parts:
        points = f"{points_of(*stands.of_part(number))} points"
        assert f"<p>{points}" in page
        submitted = " ".join(run("submit", str(number)).output.split())
        assert f"{PART_TITLES[number]}: {points}. {POINTS_NOTE}" in submitted
    for step in status["lessons"][::3]:
        points = points_text(step)
        checked = json.loads(run("check", step["id"], "--json").output)
        shown = run("check", step["id"]).output
        for name in ("points", "possible", "state"):
            assert checked[name] == step[name]
        possible = sum(row["possible"] for row in checked["questions"])
        assert possible == pytest.approx(step["possible"], abs=0.3)
        with_points = f"{step['title']}: {points} points. {POINTS_NOTE}"
        without_points = re.search(r"^(done|open)  .* done \(no points\)$", shown, re.DOTALL)
        if step["possible"]:
            assert f"<td>{points}</td>" in page
            assert with_points in shown
            assert without_points is None
        else:
            assert with_points not in shown
            assert without_points is not None


def points_text(facts: dict) -> str:
    return f"{facts['points']:g} of {facts['possible']:g}"


def _words(command: object, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from _words(below, *words, name)


@pytest.mark.parametrize(
    "commands", [app, provisioning, grading], ids=["msl", "provisioning", "grading"]
)
def test_every_command_answers_help_whole_on_80_columns(
    commands: typer.Typer, monkeypatch: pytest.MonkeyPatch
):
    """With exit code 0 and nothing beside it; no sentence of a list of commands is cut."""
    monkeypatch.setenv("COLUMNS", "80")
    for words in _words(typer.main.get_command(commands)):
        done = CliRunner().invoke(commands, [*words, "--help"])
        assert (done.exit_code, done.stderr) == (0, ""), words
        assert done.stdout.startswith("Usage: "), words
        open_lines = [line for line in done.stdout.splitlines() if line.endswith("...")]
        assert [line for line in open_lines if not line.endswith("]...")] == [], words


def test_leases_are_asked_for_without_a_network():
    """`msl lease` says what this computer knows; provisioning's commands are below it."""
    done = run("lease")
    assert done.exit_code == 0
    assert "knows of no lease that runs" in done.output
    assert run("lease", "plan", "--help").exit_code == 0


@pytest.mark.parametrize("word", ["doctor", "lab"])
def test_results_that_cannot_be_written_are_a_sentence(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With the way out; a file where the folder should be."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SERVING_LABS_WORKSPACE", str(tmp_path / "file"))
    done = run(word)
    assert done.exit_code == 1
    assert "cannot be written (Not a directory)" in done.output
    assert "export SERVING_LABS_WORKSPACE" in done.output


def test_options_reach_jupyterlab_and_win_and_a_lesson_is_opened_by_its_id():
    """A person's options come after the course's, and traitlets use the last one."""
    options = ["--port", "0", "--no-browser", "--allow-root"]
    url = "--LabApp.default_url=/lab"
    assert command(options)[-4:] == options
    assert url in command()
    readme = f"{url}/tree/README.md"
    assert [word for word in command([readme]) if "default_url" in word] == [readme]
    first = lessons()[0]
    assert f"{url}/tree/notebooks/{first.link}" in command(lesson=lesson(first.id))


# The doctor: a sentence a finding, a way out wherever something is wrong, and nothing is changed


def test_a_course_in_order_has_no_way_out_to_say(workspace: Path):
    """Where the tests run, the course runs; looking makes no folder."""
    assert [finding for finding in findings() if not finding.ok] == []
    assert not workspace.exists()


@pytest.mark.parametrize("gpu", [False, True])
def test_cuda_without_a_gpu_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool):
    """With its size; its binding for NVML, which everybody has, is no library of it."""
    sizes_gb = {"nvidia_cublas_cu12": 3, "cuda_bindings": 1, "nvidia_ml_py": 1}
    for name, size_gb in sizes_gb.items():
        size_bytes = size_gb * 10**9
        package = name.replace("_", "-")
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {package}\nVersion: 1\n")
        (info / "RECORD").write_text(f"{name}.so,,{size_bytes}\n")
        (tmp_path / f"{name}.so").touch()  # Python 3.13 leaves out what is not there
    monkeypatch.setattr(
        "provisioning.front.doctor.distributions", lambda: distributions(path=[str(tmp_path)])
    )
    (tmp_path / "bin").mkdir()
    if gpu:
        (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\n")
        (tmp_path / "bin" / "nvidia-smi").chmod(0o755)
    elif has_nvidia_gpu():
        pytest.skip("there is an NVIDIA GPU here")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (cuda,) = [finding for finding in findings() if finding.name == "CUDA"]
    assert str(cuda).startswith("ok" if gpu else "note")  # the lessons run all the same
    if not gpu:
        assert "2 of its libraries take 4.0 GB" in cuda.sentence
        assert "make clean setup" in cuda.way_out


def test_a_damaged_ledger_is_named(worked: Path):
    """With the line's number, and the promise that nothing else is lost."""
    with (worked / "ledger.jsonl").open("a", encoding="utf-8") as file:
        file.write("{cut\n")
    wrong = {finding.name: finding for finding in findings() if not finding.ok}["ledger"]
    assert "1 lines cannot be read" in wrong.sentence
    assert "nothing else is lost" in wrong.way_out
