"""The notebooks with their answers, run by nbval in the lessons' order: no error in any cell, and every point."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from grading.rehearse import own_testbed, scores
from grading.solve import write_solved
from labs.course import lessons

#: A cell that takes longer hangs. nbval's own default is 2000 s, and it notices a dead kernel only then.
CELL_TIMEOUT_S = 600

#: Chameleon's Jupyter gives a user 1 GB for everything: a kernel that reserves must leave most of it.
HUB_LIMIT_MB = 350
#: Last cell of a lesson that runs there: what its kernel held at most, and which heavy packages it has loaded.
REPORT = """
import json, pathlib, re, resource, sys
# On Linux, ru_maxrss begins with the peak of the process that started this one; the kernel's own is VmHWM. macOS counts
# each process for itself.
status = pathlib.Path("/proc/self/status")
own = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
peak_mb = int(own[1]) / 2**10 if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
heavy = sorted({{"torch", "onnxruntime", "openvino", "scipy"}} & set(sys.modules))
pathlib.Path({path!r}).write_text(json.dumps({{"peak_mb": peak_mb, "heavy": heavy}}))
"""


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


def ask_for_its_memory(notebook: Path, report: Path) -> None:
    """Let a notebook's last cell write down what its kernel held."""
    content = nbformat.read(notebook, as_version=4)
    content.cells.append(new_code_cell(REPORT.format(path=str(report))))
    nbformat.write(content, notebook)


@pytest.mark.machine
@pytest.mark.timeout(1800)
def test_solved_notebooks_run_and_earn_every_point(part: int, tmp_path: Path, workspace: Path, kernels_run):
    """What an instructor promises students: it can be done, on this machine, from top to bottom.

    Lessons of Chameleon's Jupyter also stay small enough for it.
    """
    kernels_run("brisk_startup.py", *(["fewer_images_startup.py"] if part == 1 else []))
    wanted = lessons(part=part)
    notebooks = write_solved(wanted, tmp_path / "solved")
    reports = {}
    for lesson, notebook in zip(wanted, notebooks, strict=True):
        if "hub" in lesson.where:
            reports[lesson.number] = tmp_path / f"{lesson.number}.json"
            ask_for_its_memory(notebook, reports[lesson.number])
    with own_testbed(tmp_path / "testbed", wanted):
        done = run_nbval(notebooks, tmp_path / "solved")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    open_points = {
        score.checkpoint.id: score.message
        for score in scores(workspace, lesson_numbers={lesson.whole_number for lesson in wanted})
        if score.is_open
    }
    assert open_points == {}
    assert reports, "a part is reserved and released from Chameleon's Jupyter"
    held = {number: json.loads(report.read_text()) for number, report in reports.items()}
    print(f"held at most by lesson: {held}", file=sys.stderr)
    assert {number: one["heavy"] for number, one in held.items() if one["heavy"]} == {}
    assert all(50 < one["peak_mb"] < HUB_LIMIT_MB for one in held.values()), held


def test_a_failing_cell_fails_the_run(tmp_path: Path):
    """The run above is worth something only if it can fail."""
    path = tmp_path / "broken.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    done = run_nbval([path], tmp_path)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout
