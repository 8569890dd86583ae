"""The notebooks as students get them: they run from top to bottom, say what is missing, and earn nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rich.console import Console

from grading.build import build
from grading.course import lessons
from grading.rehearse import run_all, scores
from labs.results import Answer, Ledger, Measurement, Prediction

STARTUP = Path(__file__).with_name("hasty_startup.py")


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels measure hastily: what they find is not looked at."""
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(STARTUP, startup / "00-hasty.py")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


@pytest.mark.timeout(1200)
def test_untouched_notebooks_run_and_score_nothing(tmp_path: Path, hasty: None):
    """Neither a crash at a stub, nor a point for having pressed Shift + Enter."""
    wanted = lessons()
    run_all(wanted, build, tmp_path, Console())
    kept = list(Ledger(tmp_path / "workspace" / "ledger.jsonl"))
    assert [one for one in kept if isinstance(one, Answer | Prediction)] == []
    measured = [one for one in kept if isinstance(one, Measurement)]
    assert measured, "the lessons' own measurements did not run"
    shortest = min(len(one.samples) for one in measured if one.kind == "latency")
    assert shortest < 100, "the kernels took no notice of hasty_startup.py"
    found = scores(tmp_path / "workspace", lesson_numbers={lesson.number for lesson in wanted})
    assert {score.checkpoint.id: score.points for score in found if score.points} == {}
