"""Hostile submissions, whole: nothing crashes or hangs, no point is gained, and honest evidence beside it counts.

What a hostile cell does when it runs, and what a hostile model does when it is opened, is tried in ``functions`` and
``artefacts``; here the files themselves are the attack.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.grade.grader import Setup, grade
from grading.grade.result import gradescope, page
from labs.checkpoints.question import all_questions
from labs.workspace import PROJECT_DIR
from tests.grading.recorded import recorded

NOTEBOOK = "10_sums.ipynb"


def replace_notebook(content: str | bytes) -> Callable[[Path], None]:
    """Return what puts this content under a notebook's name."""
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / NOTEBOOK).write_bytes(data) and None


def add(name: str, content: str | bytes = "raise SystemExit") -> Callable[[Path], None]:
    """Return what adds a file."""
    data = content.encode() if isinstance(content, str) else content

    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    return spoil


def append(*lines: str) -> Callable[[Path], None]:
    """Return what appends lines to the ledger."""

    def spoil(folder: Path) -> None:
        with (folder / "ledger.jsonl").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    return spoil


def each_line(edit: Callable[[str], str]) -> Callable[[Path], None]:
    """Return what changes every line of the ledger's text."""

    def spoil(folder: Path) -> None:
        path = folder / "ledger.jsonl"
        path.write_text("\n".join(edit(line) for line in path.read_text().splitlines()))

    return spoil


def renamed(folder: Path) -> None:
    """Rename the notebook."""
    (folder / NOTEBOOK).rename(folder / "final_FINAL(2).ipynb")


def linked(folder: Path) -> None:
    """Let the ledger be a link to one elsewhere, and a model a pipe."""
    shutil.move(folder / "ledger.jsonl", folder.parent / "ledger.jsonl")
    (folder / "ledger.jsonl").symlink_to(folder.parent / "ledger.jsonl")
    os.mkfifo(folder / "pipe.onnx")


def doubled(folder: Path) -> None:
    """Hand the notebook in twice, the second one in another folder."""
    add(f"notebooks/{NOTEBOOK}", "[]")(folder)


def oversized(folder: Path) -> None:
    """Let the ledger claim a gigabyte behind its honest lines."""
    os.truncate(folder / "ledger.jsonl", 1 << 30)


def zip_bomb(folder: Path) -> None:
    """Replace everything by a zip that grows a thousandfold, with paths that lead away."""
    bomb = folder.parent / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ledger.jsonl", bytes(64 << 20))
        archive.writestr("../../../tmp/escaped.onnx", b"x")
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.move(bomb, folder / "bomb.zip")


def swollen(folder: Path) -> None:
    """Fill the ledger up to its caps: a record of 200,000 samples, and thousands of small ones."""
    path = folder / "ledger.jsonl"
    lines = path.read_text().splitlines()
    one = next(json.loads(line) for line in lines if '"kind":"latency","option":"torch-eager"' in line)
    huge = {**one, "record_id": "a" * 32, "samples": [0.01 + number * 1e-8 for number in range(200_000)]}
    small = [
        {**one, "record_id": f"{number:032x}", "samples": [0.01 + number * 1e-6 + n * 1e-7 for n in range(20)]}
        for number in range(4_000)
    ]
    path.write_text("".join(f"{line}\n" for line in [*lines, *map(json.dumps, [*small, huge])]))


ANSWER = {"type": "answer", "question": "sums.total", "made_at": "2026-01-01T00:00:00+00:00"}


def answers(*values: object) -> Callable[[Path], None]:
    """Return what answers every question with each of these values in turn; the newest one counts."""

    def spoil(folder: Path) -> None:
        path = folder / "ledger.jsonl"
        asked = list(all_questions())
        with path.open("a") as file:
            for number, (question, value) in enumerate((q, v) for v in values for q in asked):
                entry = {**ANSWER, "question": question, "value": value, "record_id": f"{number:032x}"}
                file.write(json.dumps(entry) + "\n")

    return spoil


HOSTILE: dict[str, Callable[[Path], None]] = {
    "a missing notebook": lambda folder: (folder / NOTEBOOK).unlink(),
    "a renamed notebook": renamed,
    "a duplicated notebook": doubled,
    "a notebook of 200 MB": lambda folder: os.truncate(folder / NOTEBOOK, 200 << 20),
    "truncated JSON": replace_notebook('{"cells": [{"cell_type": "code", "sou'),
    "an HTML login page": replace_notebook("<!doctype html><html><form>Log in</form></html>"),
    "a list": replace_notebook("[]"),
    "an old format": replace_notebook('{"nbformat": 3, "worksheets": [{"cells": []}]}'),
    "a very deep notebook": replace_notebook("[" * 100_000),
    "a notebook without cells": replace_notebook('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}'),
    "a binary notebook": replace_notebook(b"\x00\xff" * 1000),
    "a conftest": add("conftest.py"),
    "a pytest.ini": add("pytest.ini", "[pytest]\naddopts = --collect-only"),
    "a kernel launcher": add("ipykernel_launcher.py"),
    "a site customization": add("sitecustomize.py"),
    "a shadowing module": add("labs/stats.py", "def percentile(*_): return 0"),
    "a pickled model": add("model.pth", b"\x80\x02cos\nsystem\n."),
    "a bomb of strides": add("strides.pth", b"PK\x03\x04" + b"torch._utils._rebuild_tensor_v2" * 100),
    "a foreign manifest": add("manifest.json", '{"files": {"ledger.jsonl": {"sha256": 1}}}'),
    "a link and a pipe": linked,
    "a zip bomb": zip_bomb,
    "NaN, 1e999, booleans and depths in lines": append(
        '{"type": "answer", "question": "sums.total", "value": NaN}',
        '{"type": "measurement", "samples": [1e999]}',
        '{"type": "measurement", "samples": [true, false]}',
        "[" * 50_000,
        "{" * 50_000,
        '"text"',
        "9" * 10_000,
    ),
    "strings for samples": each_line(lambda line: line.replace('"samples":[', '"samples":["0.1", ')),
    "booleans for samples": each_line(lambda line: line.replace('"samples":[', '"samples":[true, ')),
    "huge integers for samples": each_line(lambda line: line.replace('"samples":[', '"samples":[1' + "0" * 400 + ", ")),
    "an oversized ledger": oversized,
    "a cut ledger": lambda folder: os.truncate(folder / "ledger.jsonl", 5_000),
    "a ledger of zeros": lambda folder: (folder / "ledger.jsonl").write_bytes(bytes(1 << 20)) and None,
    "a ledger up to its caps": swollen,
    "answers of every wrong form": answers(
        {}, [], "", 1e308, -1, True, [[[]]], {"low": {}}, {"choice": ["x"]}, "\ud800"
    ),
    "answers with no end of text": answers("A" * 20_000),
}


@pytest.fixture(scope="module")
def most(_reference: Path) -> int:
    """Return the reference's points."""
    return grade(_reference, part=1, setup=Setup(measure=False, rerun=False)).points


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_submission_is_graded_like_any_other(submission: Path, quick: Setup, most: int, name: str):
    """No fault of the grader's, at most the reference's points, and a page and a form that can be written."""
    HOSTILE[name](submission)
    result = grade(submission, part=1, student="<script>alert(1)</script>", setup=quick)
    assert result.fault == ""
    assert 0 <= result.points <= most
    assert json.loads(json.dumps(gradescope(result)))["score"] == result.points
    assert "<script>alert" not in page(result)
    page(result).encode("utf-8", errors="replace")
    assert not Path("/tmp/escaped.onnx").exists()


@pytest.mark.parametrize("name", ["strings for samples", "booleans for samples", "huge integers for samples"])
def test_records_of_the_wrong_form_are_no_evidence(submission: Path, quick: Setup, name: str):
    """Answers that rest on them earn nothing."""
    HOSTILE[name](submission)
    result = grade(submission, part=1, setup=quick)
    measured = {"defend.choice", "defend.race", "defend.right", "defend.size", "sums.guess"}
    assert not measured & {row.id for row in result.rows if row.points}
    assert any("samples" in note.message or "digits" in note.message for note in result.notes)


def test_the_page_of_a_hostile_student_is_plain_text(submission: Path, quick: Setup):
    """Names of files, options and students are shown, never obeyed."""
    (submission / "<img src=x onerror=alert(1)>.onnx").write_bytes(b"x")
    append(json.dumps({**ANSWER, "value": "<b>bold</b>", "record_id": "e" * 32}))(submission)
    text = page(grade(submission, part=1, student="<i>me</i>", setup=quick))
    assert "<img" not in text
    assert "<b>bold" not in text
    assert "<i>me" not in text


def test_a_processors_name_that_is_no_text_ends_no_command(tmp_path: Path):
    """Half a UTF-16 pair is a character of JSON and of no encoding: a table has a mark in its place."""
    measured = next(entry for entry in recorded(1) if entry["type"] == "measurement")
    measured["machine"]["cpu_model"] = "half \ud800"
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "ledger.jsonl").write_text(json.dumps(measured) + "\n")
    command = [sys.executable, "-m", "grading", "class", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    done = subprocess.run([*command, "--no-rerun"], cwd=PROJECT_DIR, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "half ?" in (tmp_path / "out" / "class.csv").read_text()


#: Grades the folder that it is told of by evidence alone, and prints the most memory that this took, in MB.
#: (``ru_maxrss`` begins with the peak of whoever started the process.)
MEASURED = """
import sys
from pathlib import Path
from grading.grade.grader import Setup, grade
result = grade(Path(sys.argv[1]), part=1, setup=Setup(measure=False, rerun=False))
assert not result.fault, result.fault
(peak,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(peak.split()[1]) / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's own peak")
def test_a_ledger_of_nested_lists_stays_below_400_mb(tmp_path: Path):
    """Of what costs most memory a byte; what is left of it is named."""
    filling = "[" + ",".join(["[" + ",".join(["[]"] * 4900) + "]"] * 80) + "]"
    entry = '{"type": "answer", "question": "a.x%d", "value": %s, "made_at": "2026-01-01T00:00:00+00:00", '
    entry += '"record_id": "%032x"}\n'
    lines = [entry % (number, filling, number) for number in range((64 << 20) // len(filling))]
    (tmp_path / "ledger.jsonl").write_text("".join(lines))
    done = subprocess.run([sys.executable, "-c", MEASURED, tmp_path], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 400
    result = grade(tmp_path, part=1, setup=Setup(measure=False, rerun=False))
    assert any("were left, since the ledger holds more" in note.message for note in result.notes)
