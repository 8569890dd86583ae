"""Handing in: the zip holds what the grader reads, the same bytes each time, and says beforehand
what is missing.
"""

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.grade.grader import Setup, grade
from labs.course.assignment import assignment
from labs.course.points import sums
from provisioning.front.command import app
from provisioning.front.hand_in import prepare
from tests.grading.recorded import MODEL

#: Parts that are handed in.
PARTS = list(assignment().parts)


@pytest.fixture
def filled(done: Path) -> Path:
    """Return a workspace with a whole ledger, one of its models, and private files."""
    (done / "models").mkdir()
    shutil.copy(MODEL, done / "models")
    (done / "models" / "int8-dynamic.onnx").write_bytes(b"changed since")
    (done / "models" / "private.onnx").write_bytes(b"measured nowhere")
    (done / "models" / "weights.pth").write_bytes(b"pickle")
    (done / ".token").write_text("secret")
    (done / "programs" / "serving" / "__pycache__").mkdir(parents=True)
    (done / "programs" / "serving" / "app.py").write_text("app = FastAPI()\n")
    (done / "programs" / "serving" / "__pycache__" / "app.pyc").write_bytes(b"compiled")
    return done


def test_the_zip_holds_the_allow_list_and_the_same_bytes_each_time(filled: Path, tmp_path: Path):
    """Notebooks, programs, ledger, the models that records name; nothing else in there."""
    first = prepare(1, workspace=filled, target=tmp_path / "first.zip")
    second = prepare(1, workspace=filled, target=tmp_path / "second.zip")
    assert first.sha256 == second.sha256
    with zipfile.ZipFile(first.path) as archive:
        names = set(archive.namelist())
    notebooks = {lesson.notebook.name for lesson in assignment().lessons(1)}
    assert names == {*notebooks, "ledger.jsonl", MODEL.name, "programs/serving/app.py"}


def test_weights_of_ones_own_are_taken_and_the_courses_are_not_missed(filled: Path):
    """A network that a student trained is an artefact; the course's own weights are in another
    folder.
    """
    content = b"own weights"
    (filled / "models" / "own.safetensors").write_bytes(content)
    ledger = filled / "ledger.jsonl"
    lines = ledger.read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    record = next(entry for entry in entries if entry.get("kind") == "size")
    model = {
        "name": "own.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
    }
    record |= {"model": model, "samples": [len(content)], "record_id": "a" * 32}
    lines.append(json.dumps(record))
    ledger.write_text("\n".join(lines) + "\n")
    prepared = prepare(1, workspace=filled)
    with zipfile.ZipFile(prepared.path) as archive:
        assert archive.read("own.safetensors") == content
    assert "safetensors" not in "\n".join(prepared.missing)


def test_the_preview_is_what_the_grader_says(filled: Path):
    """The same questions judged by the same ledger: no surprise in public."""
    prepared = prepare(1, workspace=filled)
    result = grade(prepared.path, part=1, setup=Setup(measure=False, rerun=False))
    worth = assignment().part(1).worth
    assert sums(prepared.rows) == {"points": worth, "possible": sums(result.graded)["possible"]}
    assert {row.id for row in prepared.rows} == {row.asked for row in result.rows}


def test_the_command_says_points_and_what_is_missing_with_its_reason_and_what_it_costs(
    filled: Path,
):
    """A model that has changed, one that is gone: to be made again before the deadline and not
    after it.
    """
    worth = assignment().part(1).worth
    words = ["submit", "1", "--workspace", str(filled), "--out", str(filled / "x.zip")]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    assert f"{worth:g} of {worth:g} points" in done.output
    assert "int8-dynamic.onnx has changed since it was measured" in done.output
    assert "food11.onnx was measured, and is not in" in done.output
    assert "files are missing, and what they are worth is lost" in done.output
    assert "is ready" not in done.output
    assert (filled / "x.zip").is_file()


@pytest.mark.parametrize("part", PARTS)
def test_a_parts_last_core_lesson_says_how_to_hand_in(part: int):
    """With the command that does it."""
    last = assignment().lessons(part)[-1]
    assert "msl submit" in last.notebook.read_text(encoding="utf-8")


def test_an_empty_workspace_or_a_slip_in_a_path_or_part_makes_nothing(tmp_path: Path):
    """The first things that a student may try: no folder, no traceback, an exit code that scripts
    can rely on.
    """
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match=r"holds nothing of Part 1: the model, .*lab start"):
        prepare(1, workspace=tmp_path / "mine")
    assert not list((tmp_path / "mine").iterdir())
    wrong_folder = ["1", "--workspace", str(tmp_path / "TYPO")]
    for slip, code in ((wrong_folder, 1), (["9"], 2)):
        done = CliRunner().invoke(app, ["submit", *slip])
        assert done.exit_code == code
        assert re.search(r"there is\s+no", done.output)
        assert "Traceback" not in done.output
    assert not (tmp_path / "TYPO").exists()
