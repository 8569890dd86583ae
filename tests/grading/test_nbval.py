"""Solved notebooks pass nbval as an unattended grader runs it, by the guide's own line."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from grading.builder.notebook import text_of
from grading.builder.solve import solve
from grading.builder.sources import sources
from labs.course.assignment import assignment
from labs.course.lessons import lesson
from labs.workspace import PROJECT_DIR, WORKSPACE_VARIABLE

#: One lesson of each part, whose solved run takes seconds and needs no other lesson.
QUICK = {1: "start", 2: "device", 3: "system"}


def line_of_the_guide() -> list[str]:
    """Return the command on the instructors' page, word by word."""
    page = (PROJECT_DIR / "notebooks" / "instructor" / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^python -m (pytest .*--nbval-lax .*)$", page, re.MULTILINE)
    return shlex.split(command)


def test_each_part_has_a_lesson_here():
    """As the assignment has its parts."""
    for number, id in QUICK.items():
        assert id in {asked.id for asked in assignment().lessons(number)}
    assert set(QUICK) == set(assignment().parts)


@pytest.mark.slow
@pytest.mark.parametrize("id", QUICK.values())
def test_a_solved_lesson_passes_nbval_unattended(tmp_path: Path, id: str):
    """In a new process and a new workspace; every cell is an item, and all of them pass."""
    (source,) = [each for each in sources() if each.id == id]
    notebook = tmp_path / lesson(id).notebook.name
    notebook.write_text(text_of(solve(source)), encoding="utf-8")
    home = tmp_path / "rehearsal"
    environment = os.environ | {
        WORKSPACE_VARIABLE: str(tmp_path / "workspace"),
        "REHEARSAL_HOME": str(home),
        "LABS_STATE": str(home / "state"),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    words = [notebook.name if word == "NOTEBOOK.ipynb" else word for word in line_of_the_guide()]
    try:
        ended = run(*words)
    finally:
        run("provisioning", "rehearsal", "down")
    assert ended.returncode == 0, ended.stdout[-3000:]
    cells = sum(cell.cell_type == "code" for cell in solve(source).cells)
    assert f"{cells} passed" in ended.stdout
