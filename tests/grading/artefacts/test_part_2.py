"""Part 2's artefact: the file behind the recommendation is measured again, also where it takes fewer pixels."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from grading.grade.artefacts.measured import inspect_models
from grading.grade.artefacts.pictures import Pictures
from grading.grade.grader import Setup, grade
from grading.grade.result import Result
from grading.grade.sandbox import abilities
from labs.edge.files import with_input_size
from tests.grading.artefacts.test_measured import MODEL, taken
from tests.grading.recorded import recorded

pytestmark = pytest.mark.skipif(not abilities().apart, reason="no sandbox here")

#: The recorded option whose file is at hand, byte for byte.
OPTION = "edge-int8-qdq"


def recommending(option: str, entries: list[dict]) -> list[dict]:
    """Return a ledger whose recommendation names an option, with everything that belongs to it."""
    right = {
        name: sum(one["samples"]) / len(one["samples"])
        for name in ("edge-fp32", option)
        for one in entries
        if one.get("kind") == "accuracy" and one["option"] == name
    }
    changed = json.loads(json.dumps(entries))
    for entry in changed:
        if entry.get("question") == "e.choose.recommendation":
            given = entry["value"]
            given["to_the_manager"] = given["to_the_manager"].replace(given["choice"], option)
            latency = [one for one in entries if one.get("kind") == "latency" and one["option"] == option][-1]
            given.update(choice=option, p50_s=float(np.median(latency["samples"])))
            given["evidence"] = [one["record_id"] for one in entries if one.get("option") == option]
            given["points_lost"] = 100 * (right["edge-fp32"] - right[option])
    return changed


def judged(folder: Path, entries: list[dict], pictures: Path) -> Result:
    """Return what a ledger and the files beside it are worth in part 2."""
    (folder / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return grade(folder, part=2, setup=Setup(pictures=pictures, rerun=False))


def artefact_points(result: Result) -> int:
    """Return the points for the file."""
    return sum(row.points for row in result.rows if row.id.startswith("e.artefact"))


def test_the_recommended_file_of_part_2_is_measured_again(tmp_path: Path, pictures: Path):
    """It earns all of its points; another file under its name, or none, earns none of them."""
    entries = recommending(OPTION, recorded(2))
    shutil.copy(MODEL, tmp_path)
    result = judged(tmp_path, entries, pictures)
    assert [row.message for row in result.rows if row.id == "e.choose.recommendation" and not row.points] == []
    assert artefact_points(result) == 14
    (tmp_path / MODEL.name).write_bytes(MODEL.read_bytes() + b"\0")
    assert artefact_points(judged(tmp_path, entries, pictures)) == 0


def test_a_record_that_boasts_is_not_what_the_file_does(tmp_path: Path, pictures: Path):
    """Every picture right, says the record, and it hangs together; the file says otherwise."""
    entries = copy.deepcopy(recommending(OPTION, recorded(2)))
    for entry in entries:
        if entry.get("kind") == "accuracy" and entry["option"] == OPTION:
            entry["details"]["predicted"] = list(entry["details"]["labels"])
            entry["samples"] = [1.0] * len(entry["samples"])
    shutil.copy(MODEL, tmp_path)
    rows = {row.id: row.points for row in judged(tmp_path, entries, pictures).rows}
    assert rows["e.artefact.same_classes"] == 0


def test_a_file_that_takes_fewer_pixels_is_shown_fewer(tmp_path: Path, pictures: Path):
    """Part 2 makes such files; one that takes more than there are is refused in words."""
    small = with_input_size(MODEL, tmp_path / "small.onnx", 160)
    large = with_input_size(MODEL, tmp_path / "large.onnx", 256)
    found = inspect_models([taken(small), taken(large)], pictures)
    drawn = Pictures.load(pictures)
    assert found["small.onnx"].fault == ""
    assert np.mean(np.array(found["small.onnx"].predicted) == drawn.labels) > 0.4
    assert "256 pixels" in found["large.onnx"].fault
