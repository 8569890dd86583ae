"""Every checkpoint passes its recorded answer: each recording is the ledger of one part, solved and run as a whole."""

from __future__ import annotations

import pytest
from grading.checkpoints import Checkpoint, all_checkpoints
from grading.checkpoints.artefacts import SUBJECT

from labs.course import lessons
from tests.grading.recorded import DONE, recorded

PARTS = (0, 1, 2, 3)

#: Capabilities of machines that nothing was recorded on; the lesson's own test judges made-up records of one.
ELSEWHERE = {"CUDA provider", "TensorRT provider", "GPU provider", "two NVIDIA GPUs", "an ARM processor"}


def checkpoints_of(part: int) -> list[Checkpoint]:
    """Return the public checkpoints of a part; no recording has earned what a GPU or a Pi alone can earn."""
    numbers = {lesson.whole_number for lesson in lessons(part=part)}
    asked = [one for one in all_checkpoints() if one.lesson in numbers]
    return [one for one in asked if not ELSEWHERE & set(one.gate)]


def without(entries: list[dict], name: str) -> list[dict]:
    """Return a ledger without the answers to a question, or its file, or, where doing is the answer, what was seen."""
    kept = [entry for entry in entries if name not in (entry.get("question"), _file(entry))]
    return [entry for entry in kept if entry["type"] in ("answer", "prediction")] if name in DONE else kept


def _file(entry: dict) -> str:
    return str(entry.get("subject", "")).removeprefix(SUBJECT)


def noticed(one: Checkpoint, entries: list[dict]) -> bool:
    """Return whether a checkpoint is not as it should be: right for the recorded answer, and wrong for none."""
    return not one.verdict(entries).ok or one.verdict(without(entries, one.id)).ok


@pytest.mark.parametrize("part", PARTS)
def test_every_checkpoint_passes_its_recorded_answer_and_fails_without(part: int):
    """All of them: a checkpoint that the recording does not answer would be no fixture's business."""
    entries = recorded(part)
    assert len(checkpoints_of(part)) >= 2
    assert [one.id for one in checkpoints_of(part) if noticed(one, entries)] == []
