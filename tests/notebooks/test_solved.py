"""The first notebooks with their answers, run by nbval in the lessons' order: no error in any cell, and every point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from grading.builder.rehearse import missed, own_testbed, scores
from grading.builder.solve import write_solved
from labs.course import lessons

#: A cell that takes longer hangs. nbval's own default is 2000 s, and it notices a dead kernel only then.
CELL_TIMEOUT_S = 600


def run_nbval(notebooks: list[Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run notebooks under nbval, in order, in one process, with nothing of this project's pytest settings.

    Args:
        notebooks: Notebooks to run.
        folder: Root of the run.
    """
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env"]
    command += [
        "--nbval-cell-timeout",
        str(CELL_TIMEOUT_S),
        "--noconftest",
        "-c",
        "/dev/null",
        "-p",
        "no:cacheprovider",
    ]
    command += ["--rootdir", str(folder), "-q", "--tb=short", *map(str, notebooks)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.machine
@pytest.mark.timeout(600)
def test_the_first_solved_notebooks_run_under_nbval(tmp_path: Path, workspace: Path, kernels_run):
    """As an instructor would run them; those of the other parts run through their machines (``machines/``)."""
    kernels_run("brisk_startup.py")
    wanted = lessons(part=0)
    notebooks = write_solved(wanted, tmp_path / "solved")
    with own_testbed(tmp_path / "testbed", wanted):
        done = run_nbval(notebooks, tmp_path / "solved")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    here, _ = missed(scores(workspace, wanted))
    assert {row.id: row.message for row in here} == {}


def test_a_failing_cell_fails_the_run(tmp_path: Path):
    """The run above is worth something only if it can fail."""
    path = tmp_path / "broken.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    done = run_nbval([path], tmp_path)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
