"""Nonsense and copying earn next to nothing, though everything was measured: no card tells the answer (C1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.builder.notebook import build
from grading.builder.solve import checkpoint_cells
from grading.checkpoints import all_checkpoints
from grading.checkpoints.registry import PARTS
from labs.course import lessons
from tests.grading.questions.beside import needed, recorded
from tests.grading.questions.blind import points

ASKED = [one for one in all_checkpoints() if one.kind != "prediction"]

#: Share of the points that may be had blindly.
MOST = 0.05


@pytest.fixture(scope="module")
def stubs() -> dict[str, str]:
    """Return the sources of all stubs, by question."""
    cells = [cell for lesson in lessons() for cell in checkpoint_cells(build(lesson))]
    return {cell.metadata.checkpoint: cell.source for cell in cells}


@pytest.mark.parametrize("part", PARTS)
def test_a_student_who_only_copies_from_cards_earns_next_to_nothing(
    part: str, stubs: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """At most one point in twenty, of those that are not predictions."""
    asked = [one for one in ASKED if one.part == part]
    earned = {}
    for one in asked:
        beside = [*needed(one), *recorded(one)]
        if got := points(one, stubs.get(one.id, ""), beside, tmp_path):
            earned[one.id] = got
    most = sum(one.points for one in asked)
    with capsys.disabled():
        print(f"\n{part}: blindly {sum(earned.values())} of {most} points: {earned}")
    assert sum(earned.values()) <= MOST * most
