"""``msl`` from a terminal: one command, exit codes that scripts can rely on, completion that binds to it."""

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
    ("typed", "said"),
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
def test_wrong_use_is_exit_code_2_with_the_likely_word(typed: str, said: str):
    """Told from exit code 1, with which a command says that something is left to do."""
    wrong = run(*typed.split())
    assert wrong.exit_code == 2
    assert said in wrong.output
    assert "Traceback" not in wrong.output


def test_programs_read_json_and_the_version(worked: Path):
    """The same lessons as in words, times with their zone."""
    status, words = json.loads(run("status", "--json").output), run("status").output
    assert [step["id"] for step in status["lessons"]] == [lesson.id for lesson in lessons()]
    assert all(step["title"] in words for step in status["lessons"])
    following = json.loads(run("next", "--json").output)
    assert (following and following["id"]) == status["next"]
    assert run("next").output.startswith("Next: " if following else "Every lesson")
    assert code_version() in run("--version").output


def test_every_page_and_command_shows_the_same_points(worked: Path):
    """A part's on the front page and in the hand-in, a lesson's there and in its check; a deep dive has none."""
    stands, status = standing(), json.loads(run("status", "--json").output)
    page = front_page(stands)
    assert f"{status['points']:g} of {status['possible']:g} points" in page
    for number in assignment().parts:
        points = f"{points_of(*stands.of_part(number))} points"
        assert f"<p>{points}" in page
        submitted = " ".join(run("submit", str(number)).output.split())
        assert f"{PART_TITLES[number]}: {points}. {POINTS_NOTE}" in submitted
    for step in status["lessons"][::3]:
        points = f"{step['points']:g} of {step['possible']:g}"
        checked, shown = (
            json.loads(run("check", step["id"], "--json").output),
            run("check", step["id"]).output,
        )
        assert {
            name: checked[name] for name in ("points", "possible", "state")
        }.items() <= step.items()
        assert sum(row["possible"] for row in checked["questions"]) == pytest.approx(
            step["possible"], abs=0.3
        )
        if step["possible"]:
            assert f"<td>{points}</td>" in page
        assert (f"{step['title']}: {points} points. {POINTS_NOTE}" in shown) == bool(
            step["possible"]
        )
        assert bool(re.search(r"^(done|open)  .* done \(no points\)$", shown, re.DOTALL)) == (
            not step["possible"]
        )


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
        cut = [
            line
            for line in done.stdout.splitlines()
            if line.endswith("...") and not line.endswith("]...")
        ]
        assert (done.exit_code, done.stderr, done.stdout[:7], cut) == (0, "", "Usage: ", [])


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
    """What a person says comes after what the course says, and traitlets take the last."""
    given, url, one = (
        ["--port", "0", "--no-browser", "--allow-root"],
        "--LabApp.default_url=/lab",
        lessons()[0],
    )
    assert command(given)[-4:] == given
    assert url in command()
    assert [word for word in command([f"{url}/tree/README.md"]) if "default_url" in word] == [
        f"{url}/tree/README.md"
    ]
    assert f"{url}/tree/notebooks/{one.link}" in command(lesson=lesson(one.id))


# The doctor: a sentence a finding, a way out wherever something is wrong, and nothing is changed


def test_a_course_in_order_has_no_way_out_to_say(workspace: Path):
    """Where the tests run, the course runs; looking makes no folder."""
    known = findings()
    assert [one for one in known if not one.ok] == []
    assert not workspace.exists()


@pytest.mark.parametrize("gpu", [False, True])
def test_cuda_without_a_gpu_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool):
    """With its size; its binding for NVML, which everybody has, is no library of it."""
    for name, size in {
        "nvidia_cublas_cu12": 3 * 10**9,
        "cuda_bindings": 10**9,
        "nvidia_ml_py": 10**9,
    }.items():
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info" / "METADATA").write_text(
            f"Name: {name.replace('_', '-')}\nVersion: 1\n"
        )
        (tmp_path / f"{name}-1.dist-info" / "RECORD").write_text(f"{name}.so,,{size}\n")
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
    (cuda,) = [one for one in findings() if one.name == "CUDA"]
    assert str(cuda).startswith("ok" if gpu else "note")  # the lessons run all the same
    assert gpu or (
        "2 of its libraries take 4.0 GB" in cuda.said and "make clean setup" in cuda.way_out
    )


def test_a_damaged_ledger_is_named(worked: Path):
    """With the line's number, and the promise that nothing else is lost."""
    with (worked / "ledger.jsonl").open("a", encoding="utf-8") as file:
        file.write("{cut\n")
    wrong = {finding.name: finding for finding in findings() if not finding.ok}["ledger"]
    assert "1 lines cannot be read" in wrong.said
    assert "nothing else is lost" in wrong.way_out
