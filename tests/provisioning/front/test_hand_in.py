"""Handing in: the zip holds what the grader reads, the same bytes each time, and says beforehand what is missing."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from grading.__main__ import app
from grading.builder.pages import questions_page
from grading.grade.grader import Setup, grade
from grading.grade.hidden import all_hidden
from labs.course import lessons
from provisioning.front import hand_in, prepare
from provisioning.front.hand_in import HandIn, submit
from provisioning.front.points import GRADERS_OWN, QUESTIONS, questions_of
from tests.grading.recorded import MODEL

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Return a workspace with a recorded ledger, one of its models, and files that are nobody's business."""
    folder = tmp_path / "mine"
    (folder / "models").mkdir(parents=True)
    (folder / "ledger.jsonl").write_bytes(gzip.decompress((FIXTURES / "epyc-two-cores.jsonl.gz").read_bytes()))
    shutil.copy(MODEL, folder / "models")
    (folder / "models" / "int8-dynamic.onnx").write_bytes(b"changed since")
    (folder / "models" / "private.onnx").write_bytes(b"measured nowhere")
    (folder / "models" / "weights.pth").write_bytes(b"pickle")
    (folder / ".token").write_text("secret")
    (folder / "programs" / "serving" / "__pycache__").mkdir(parents=True)
    (folder / "programs" / "serving" / "app.py").write_text("app = FastAPI()\n")
    (folder / "programs" / "serving" / "__pycache__" / "app.pyc").write_bytes(b"compiled")
    return folder


def test_the_zip_holds_the_allow_list(filled: Path):
    """Notebooks, programs, ledger, the models that records name; nothing else in there."""
    with zipfile.ZipFile(prepare(1, workspace=filled).path) as archive:
        names = set(archive.namelist())
    notebooks = {lesson.notebook.name for lesson in lessons(part=1) if lesson.notebook.is_file()}
    assert names == {*notebooks, "ledger.jsonl", MODEL.name, "programs/serving/app.py"}


def test_weights_of_ones_own_are_taken_and_the_courses_are_not_missed(filled: Path):
    """A network that a student trained is an artefact; the course's own weights lie elsewhere."""
    content = b"own weights"
    (filled / "models" / "own.safetensors").write_bytes(content)
    lines = (filled / "ledger.jsonl").read_text().splitlines()
    record = next(json.loads(line) for line in lines if '"kind":"size"' in line)
    model = {"name": "own.safetensors", "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    record |= {"model": model, "samples": [len(content)], "record_id": "a" * 32}
    (filled / "ledger.jsonl").write_text("\n".join([*lines, json.dumps(record)]) + "\n")
    made = prepare(1, workspace=filled)
    with zipfile.ZipFile(made.path) as archive:
        assert archive.read("own.safetensors") == content
    assert "safetensors" not in "\n".join(made.said)


def test_what_is_missing_is_said_with_its_reason(filled: Path):
    """A model that has changed, one that is gone: to be made again before the deadline and not after it."""
    said = "\n".join(prepare(1, workspace=filled).said)
    assert "int8-dynamic.onnx has changed since it was measured" in said
    assert "food11.onnx was measured, and is not in" in said


def test_the_preview_is_what_the_grader_says(filled: Path):
    """The same intake and the same checkpoints: no surprise in public."""
    made = prepare(1, workspace=filled)
    result = grade(made.path, part=1, setup=Setup(measure=False, rerun=False))
    assert {row.id: row.points for row in made.preview.rows} == {
        row.id: row.points for row in result.rows if not row.hidden
    }
    assert made.preview.points >= 90


def test_the_same_work_gives_the_same_zip(filled: Path, tmp_path: Path):
    """Whoever hands in twice without a change has handed in the same."""
    first = prepare(1, workspace=filled, target=tmp_path / "a.zip")
    again = prepare(1, workspace=filled, target=tmp_path / "b.zip")
    assert first.sha256 == again.sha256


def test_an_empty_workspace_is_said_and_no_error(tmp_path: Path):
    """The first thing that a student may try."""
    made = prepare(1, workspace=tmp_path)
    assert made.preview.points == 0
    assert any("no ledger" in line for line in made.said)
    with pytest.raises(ValueError, match="there is no part 9"):
        prepare(9, workspace=tmp_path)


def test_the_command_says_points_gaps_and_questions(filled: Path):
    """On a terminal."""
    console = Console(record=True, width=160)
    submit(1, console, workspace=filled)
    text = console.export_text()
    assert "public points" in text
    assert "has changed since it was measured" in text
    assert "To be answered by hand" in text
    assert "is written, and not complete" in text
    done = CliRunner().invoke(
        app, ["submit", "--part", "1", "--workspace", str(filled), "--out", str(filled / "x.zip")]
    )
    assert done.exit_code == 0, done.output
    assert (filled / "x.zip").is_file()


def test_the_button_shows_the_same_and_does_nothing_unpressed(filled: Path):
    """A notebook that is run from top to bottom must not write a zip."""
    made = HandIn(1, make=lambda part: prepare(part, workspace=filled))
    assert not list(filled.glob("*.zip"))
    assert "msl submit 1" in repr(made)
    made.button.click()
    assert (filled / "submission-part-1.zip").is_file()
    assert "public points" in made.said.value
    assert "not complete" in made.said.value
    assert "has changed since it was measured" in made.said.value
    assert not made.button.disabled


def test_a_lesson_gets_the_button_by_one_word():
    """``hand_in(1)`` is all that a lesson says."""
    assert "msl submit 1" in repr(hand_in(1))
    assert "text/plain" in hand_in(1)._repr_mimebundle_()


@pytest.mark.parametrize("part", [1, 2, 3])
def test_each_parts_last_lesson_has_the_button_and_asks_something_in_words(part: int):
    """Where a part ends, it is handed in; and a person reads something of each."""
    last = json.loads(lessons(part=part)[-1].notebook.read_text(encoding="utf-8"))
    assert any(f"hand_in({part})" in "".join(cell["source"]) for cell in last["cells"])
    assert questions_of(part)


def test_a_button_that_cannot_write_says_why():
    """A full disk is a sentence, not a traceback in a log."""

    def full(part: int):
        raise OSError("No space left on device <here>")

    made = HandIn(1, make=full)
    made.button.click()
    assert "Nothing was written" in made.said.value
    assert "&lt;here&gt;" in made.said.value


def test_questions_for_a_person_have_a_rubric_that_adds_up():
    """And stand on the page from the first lesson on."""
    page = questions_page()
    for one in QUESTIONS:
        assert sum(int(line.partition(":")[0]) for line in one.rubric) == one.points
        if one.part in {lesson.part for lesson in lessons()}:
            assert one.text in page


def test_the_graders_own_points_are_the_graders():
    """The plain figures that students see are those of the hidden checkpoints."""
    for part, own in GRADERS_OWN.items():
        hidden = [one for one in all_hidden() if one.part == part]
        assert own.again == sum(one.points for one in hidden if one.is_rerun)
        assert own.files == sum(one.points for one in hidden if not one.is_rerun)


def test_a_hand_in_with_missing_files_says_what_they_cost(filled: Path):
    """It is not called ready, and the points that depend on them are named."""
    made = prepare(1, workspace=filled)
    assert len(made.missing) >= 2
    assert "is ready" not in made.state_text
    assert f"{len(made.missing)} files are missing" in made.state_text
    assert "18 points for model files depend on them" in made.state_text
    assert f"up to {GRADERS_OWN[1].points} more" in made.points_text


def test_a_slip_in_a_path_or_part_is_an_error_and_makes_nothing(tmp_path: Path):
    """No folder, no traceback, and an exit code that scripts can rely on."""
    for slip in (["--part", "1", "--workspace", str(tmp_path / "TYPO")], ["--part", "4"]):
        done = CliRunner().invoke(app, ["submit", *slip])
        assert done.exit_code == 1
        assert "there is no" in done.output
        assert "Traceback" not in done.output
    assert not (tmp_path / "TYPO").exists()
