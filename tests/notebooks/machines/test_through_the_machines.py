"""A scripted student: reserve and provision from Chameleon's Jupyter, work in the machine's own, come home, be graded.

Every environment is made from exactly the pins that the machine gets, by the script that makes it on a lease.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grading.gradescope.package import build_package
from grading.rehearse import own_testbed, scores
from labs.course import lessons
from labs.edge.making import part_1_files
from provisioning.setup.state import StateFile
from provisioning.sites.spec import PARTS
from tests.grading.gradescope.conftest import planted, unpack
from tests.grading.gradescope.tree import SEED
from tests.notebooks.machines.conftest import Hub, install, uv
from tests.notebooks.machines.jupyter import Jupyter

#: Kernels measure less than a student's would; part 1's look at one evaluation image in three.
STARTUP = {1: ("brisk_startup.py", "fewer_images_startup.py"), 2: ("brisk_startup.py",), 3: ("brisk_startup.py",)}


@pytest.mark.machine
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_part_is_done_on_its_own_machine_and_graded_in_full(
    number: int, hub: Hub, tmp_path: Path, kernels_run, monkeypatch: pytest.MonkeyPatch
):
    """(A1, A2, A3, A4, A7) From the lease to the grade, under each machine's own pins."""
    kernels_run(*STARTUP[number])
    part = PARTS[number - 1]
    # The first part's student has met the testbed there too.
    wanted = [one for one in lessons() if one.part == number or (number == 1 and one.number == "01")]
    hub.write_solved(wanted, tmp_path / "solved")
    if part == "edge":
        part_1_files(hub.workspace / "models")  # part 1's files, which its student has brought home
    monkeypatch.setenv("REHEARSAL_PINNED", "1")
    with own_testbed(tmp_path / "testbed", wanted):
        jupyter = None
        for lesson in wanted:
            if "hub" in lesson.where or part == "edge":
                hub.run(lesson)
                continue
            jupyter = jupyter or _node(tmp_path / "testbed", STARTUP[number])
            jupyter.run(f"notebooks/{lesson.notebook.parent.name}/{lesson.notebook.name}")
    earned = scores(hub.workspace, lesson_numbers={lesson.whole_number for lesson in wanted})
    assert {one.checkpoint.id: one.message for one in earned if one.is_open} == {}
    elsewhere = {one.checkpoint.id for one in earned if one.lacks}
    packed = hub.work / "handed-in.zip"
    submit = [str(hub.python), "-m", "grading", "submit", "--part", str(number), "--out", str(packed)]
    done = subprocess.run(submit, cwd=hub.work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (tmp_path / "graded").mkdir()
    lost = _lost_points(packed, number, tmp_path / "graded")
    assert {name: why for name, why in lost.items() if name not in elsewhere} == {}


def _node(testbed: Path, startup: tuple[str, ...]) -> Jupyter:
    """Return the Jupyter that provisioning has linked to, its kernels measuring briefly."""
    for home in (testbed / "nodes").glob("*/home/cc"):
        folder = home / ".ipython" / "profile_default" / "startup"
        folder.mkdir(parents=True, exist_ok=True)
        for name in startup:
            shutil.copy(Path(__file__).parents[1] / name, folder)
    (record,) = (testbed / "state").glob("*.json")
    return Jupyter(StateFile(record).facts("links")["jupyter"])


def _lost_points(packed: Path, number: int, folder: Path) -> dict[str, str]:
    """Let the autograder grade a zip in its own environment; return why each checkpoint lost points that lost some."""
    package = build_package(folder / "autograder.zip", part=number, seed=SEED)
    with planted(unpack(package, folder / "source")) as tree:
        shutil.rmtree(tree.root / "venv")
        uv("venv", "--quiet", "--python", sys.executable, str(tree.root / "venv"))
        install(tree.root / "venv", tree.root / "source")
        shutil.copy(packed, tree.submission)
        said = tree.run()
        assert said == "result: whole\n"
        rows = tree.results["tests"]
    return {row["name"].partition(":")[0]: row["output"] for row in rows if row["score"] < row["max_score"]}
