"""The first notebooks with their answers, in the lessons' order: no error in any cell, and every point.

Those of the other parts run through their machines (``machines/``).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from grading.builder.rehearse import missed, run_all, scores
from grading.builder.solve import solve
from labs.course import lessons


@pytest.mark.machine
@pytest.mark.timeout(600)
def test_the_first_solved_notebooks_earn_every_point(tmp_path: Path, kernels_run):
    """As an author rehearses them."""
    kernels_run("brisk_startup.py")
    wanted = lessons(part=0)
    run_all(wanted, solve, tmp_path, Console(quiet=True))
    here, _ = missed(scores(tmp_path / "workspace", wanted))
    assert {row.id: row.message for row in here} == {}
