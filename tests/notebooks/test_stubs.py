"""The notebooks as students get them: they run from top to bottom, say what is missing, and earn nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from grading.build import build
from grading.rehearse import run_all, scores
from labs.course import lessons
from labs.records import Answer, Ledger, Measurement, Prediction


@pytest.mark.timeout(1800)
def test_untouched_notebooks_run_and_score_nothing(part: int, tmp_path: Path, kernels_run):
    """Neither a crash at a stub, nor a point for having pressed Shift + Enter."""
    kernels_run("hasty_startup.py")
    wanted = lessons(part=part)
    run_all(wanted, build, tmp_path, Console())
    kept = list(Ledger(tmp_path / "workspace" / "ledger.jsonl"))
    assert [one for one in kept if isinstance(one, Answer | Prediction)] == []
    if part == 1:
        latencies = [one for one in kept if isinstance(one, Measurement) and one.kind == "latency"]
        assert latencies, "the lessons' own measurements did not run"
        shortest = min(len(one.samples) for one in latencies)
        assert shortest < 100, "the kernels took no notice of hasty_startup.py"
    found = scores(tmp_path / "workspace", lesson_numbers={lesson.whole_number for lesson in wanted})
    assert {score.checkpoint.id: score.points for score in found if score.points} == {}
