"""Hostile evidence, whole: nothing crashes or hangs, no point is gained, and honest evidence beside it counts.

What is no evidence at all is refused by the intake's own tests; what a cell or a model does is tried in ``functions``
and ``artefacts``.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.grade.grader import Setup, grade
from grading.grade.result import gradescope, page
from labs.course.question import all_questions

ANSWER = {"type": "answer", "question": "quantize.affine", "made_at": "2026-01-01T00:00:00+00:00"}


def append(*lines: str) -> Callable[[Path], None]:
    """Return what appends lines to the ledger."""

    def spoil(path: Path) -> None:
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    return spoil


def samples(first: str) -> Callable[[Path], None]:
    """Return what puts a first sample before those of every record."""
    return lambda path: path.write_text(path.read_text().replace('"samples":[', f'"samples":[{first}, ')) and None


def swollen(path: Path) -> None:
    """Fill the ledger up to its caps: a record of 200,000 samples, and thousands of small ones."""
    lines = path.read_text().splitlines()
    one = next(json.loads(line) for line in lines if '"kind":"latency","option":"torch-eager"' in line)
    huge = {**one, "record_id": "a" * 32, "samples": [0.01 + number * 1e-8 for number in range(200_000)]}
    small = [
        {**one, "record_id": f"{number:032x}", "samples": [0.01 + number * 1e-6 + n * 1e-7 for n in range(20)]}
        for number in range(4_000)
    ]
    path.write_text("".join(f"{line}\n" for line in [*lines, *map(json.dumps, [*small, huge])]))


def answers(*values: object) -> Callable[[Path], None]:
    """Return what answers every question with each of these values in turn; the newest one counts."""

    def spoil(path: Path) -> None:
        given = [{**ANSWER, "question": id, "value": value} for value in values for id in all_questions()]
        append(*(json.dumps(one | {"record_id": f"{place:032x}"}) for place, one in enumerate(given)))(path)

    return spoil


#: What is done to the ledger's file.
HOSTILE: dict[str, Callable[[Path], None]] = {
    "strings for samples": samples('"0.1"'),
    "booleans for samples": samples("true"),
    "huge integers for samples": samples("1" + "0" * 400),
    "as much as the caps allow": swollen,
    "answers of every wrong form": answers({}, [], "", 1e308, -1, True, [[[]]], {"option": ["x"]}, "\ud800"),
    "answers with no end of text": answers("A" * 20_000),
}


@pytest.fixture(scope="module")
def most(wholes: dict[int, Path]) -> int:
    """Return the reference's points."""
    return grade(wholes[1], part=1, setup=Setup(measure=False, rerun=False)).points


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_ledger_is_graded_like_any_other(submission: Path, quick: Setup, most: int, name: str):
    """No fault of the grader's, at most the reference's points, and a page and a form that can be written."""
    HOSTILE[name](submission / "ledger.jsonl")
    result = grade(submission, part=1, student="<script>alert(1)</script>", setup=quick)
    assert result.fault == ""
    assert 0 <= result.points <= most
    assert json.loads(json.dumps(gradescope(result)))["score"] == round(result.grade, 2)
    assert "<script>alert" not in page(result)
    page(result).encode("utf-8", errors="replace")
    if "for samples" in name:
        measured = {"defend.choice", "server.gpu", "measure.times", "compile.faster"}
        assert not measured & {row.id for row in result.rows if row.points}
        assert any("samples" in note.message or "digits" in note.message for note in result.notes)


def test_the_page_of_a_hostile_student_is_plain_text(submission: Path, quick: Setup):
    """Names of files and students, and answers, are shown, never obeyed."""
    (submission / "<img src=x onerror=alert(1)>.onnx").write_bytes(b"x")
    append(json.dumps({**ANSWER, "value": "<b>bold</b>", "record_id": "e" * 32}))(submission / "ledger.jsonl")
    text = page(grade(submission, part=1, student="<i>me</i>", setup=quick))
    assert not [mark for mark in ("<img", "<b>bold", "<i>me") if mark in text]
