"""A scripted student: at home, on Chameleon's Jupyter, on the leased machine, and home again to be
graded.

Every environment is made from exactly the pins that the machine gets, by the script that makes it
on a lease.
"""

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from chameleon_rehearsal.testing import ask
from grading.builder.rehearse import missed, own_testbed, scores
from grading.gradescope.package import build_package
from labs.course.lessons import KINDS, Lesson, lessons
from labs.edge.files import part_1_files
from tests.conftest import unpack_course
from tests.grading.exported import exported
from tests.grading.gradescope.conftest import planted, unpack
from tests.grading.gradescope.tree import SEED, by_id
from tests.notebooks.machines.conftest import Hub, environment_of, install, kernel_of, run_here, uv

pytestmark = [pytest.mark.machine, pytest.mark.timeout(3600)]

#: Kernels measure less than a student's would; part 1's look at one image in three.
STARTUP = {1: ("brisk", "fewer_images"), 2: ("brisk",), 3: ("brisk",)}

#: Asks for an accuracy over all evaluation images.
OF_ALL_IMAGES = {"defend.same_classes"}

#: Whose pins a part's node has.
NODES = {1: "a100", 3: "p100"}

#: Chameleon's Jupyter gives a user 1 GB for everything: a kernel that reserves must leave most of
#: it.
HUB_LIMIT_MB = 350


# The longest first; part 3's deep dives take none of its lessons' files, so another worker can run
# them. The last is another student, who chooses a slice of an H100 and runs what is new then.
@pytest.mark.parametrize(
    ("number", "kinds", "machine"),
    [
        pytest.param(1, KINDS, "", id="part 1"),
        pytest.param(3, ["deeper"], "", id="part 3's deep dives"),
        pytest.param(3, ["core"], "", id="part 3's core"),
        pytest.param(2, KINDS, "", id="part 2"),
        pytest.param(1, ["core"], "g1.h100.vgpu.1g.12gb", id="a slice of an H100"),
    ],
)
def test_a_part_is_done_at_home_and_on_its_machine_and_graded_in_full(
    number: int,
    kinds: Sequence[str],
    machine: str,
    hub: Hub,
    tmp_path: Path,
    kernels_run,
    monkeypatch: pytest.MonkeyPatch,
):
    """An instructor's promise to students: they can do it, and earn every point."""
    # The first part's student has begun at the start.
    parts = (0, 1) if number == 1 else (number,)
    wanted = [lesson for lesson in lessons() if lesson.part in parts and lesson.kind in kinds]
    wanted = [lesson for lesson in wanted if "hub" in lesson.where] if machine else wanted
    for lesson in wanted:
        hub.solve(lesson)
    if machine:
        hub.choose(next(lesson for lesson in wanted if lesson.id == "reserve"), machine)
    if number > 1 or machine:
        part_1_files(hub.workspace / "models")  # part 1's files, which its student has brought home
    monkeypatch.setenv("REHEARSAL_PINNED", "1")
    node = _node(tmp_path, NODES[number]) if number in NODES and not machine else None
    # The slice's student only lets the machine measure.
    pace = ("hasty",) if machine else STARTUP[number]
    held = {}
    with own_testbed(tmp_path / "testbed", wanted):
        for lesson in wanted:
            began_s, used_s = time.monotonic(), _used_s()
            kernels_run(*pace, f"lesson-{lesson.id}")
            if {"hub", "device"} & set(lesson.where):
                held[lesson.id] = hub.run(lesson)
            elif "node" in lesson.where:
                _under_the_pins_of(node, tmp_path, lesson, hub.workspace)
            else:
                run_here(lesson, hub.workspace)
            # The gate's use of time, which `pytest -rP` shows.
            print(
                f"{lesson.name}: {time.monotonic() - began_s:.0f} s, {_used_s() - used_s:.0f} s of "
                "processor"
            )
        if machine:
            left = ask(tmp_path / "testbed", "GET", "/status")
            assert left["servers"] == left["volumes"] == left["floating_ips"] == []
            leases = {(lease["site"], lease["name"]) for lease in left["leases"]}
            assert leases <= {("CHI@TACC", "practice")}
    here, away = missed(scores(hub.workspace, wanted))
    assert {row.id: row.message for row in here} == {}
    elsewhere = {row.id for row in away}
    print(f"held at most by lesson, MB: {held}", file=sys.stderr)
    assert all(50 < peak_mb < HUB_LIMIT_MB for peak_mb in held.values()), held
    if kinds == ["deeper"]:
        return  # a deep dive earns no points, so there is nothing to hand in
    packed = hub.work / "handed-in.zip"
    submit = [
        str(hub.python),
        "-m",
        "provisioning.front.command",
        "submit",
        str(number),
        "--out",
        str(packed),
    ]
    done = subprocess.run(submit, cwd=hub.work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (tmp_path / "graded").mkdir()
    asked = {lesson.id for lesson in wanted}
    lost = _lost_points(packed, number, tmp_path / "graded")
    lost = {name: why for name, why in lost.items() if name.partition(".")[0] in asked}
    assert {name: why for name, why in lost.items() if name not in elsewhere | OF_ALL_IMAGES} == {}


@pytest.mark.parametrize("machine", ["mi100"])
def test_a_lesson_of_part_1_runs_under_the_other_servers_pins(
    machine: str, tmp_path: Path, kernels_run
):
    """The one that needs most packages, from the file that an earlier lesson made."""
    lesson = next(lesson for lesson in lessons() if lesson.id == "quantize")
    models = tmp_path / "workspace" / "models"
    models.mkdir(parents=True)
    shutil.copy(exported(), models)
    kernels_run("hasty")
    _under_the_pins_of(_node(tmp_path, machine), tmp_path, lesson, tmp_path / "workspace")


def _used_s() -> float:
    """Return the processor time of this process and its finished children."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def _node(tmp_path: Path, machine: str) -> Path:
    """Return the home folder of a node: the course as students get it, and the environment that
    set-up makes there.
    """
    home = tmp_path / machine
    unpack_course(home / "serving-labs")
    environment_of(home, machine)
    return home


def _under_the_pins_of(home: Path, tmp_path: Path, wanted: Lesson, workspace: Path) -> None:
    """Run a solved lesson in the environment below a node's home, from the course that was unpacked
    there.
    """
    python = home / ".serving-labs" / "venv" / "bin" / "python"
    with pytest.MonkeyPatch.context() as patch:
        kernel_of(python, tmp_path / f"jupyter-{home.name}-{wanted.name}", patch)
        run_here(wanted, workspace, course=home / "serving-labs")


def _lost_points(packed: Path, number: int, folder: Path) -> dict[str, str]:
    """Let the autograder grade a zip in its own environment; return why each question lost points
    that lost some.
    """
    package = build_package(folder / "autograder.zip", part=number, seed=SEED)
    with planted(unpack(package, folder / "source")) as tree:
        shutil.rmtree(tree.root / "venv")
        uv("venv", "--quiet", "--python", sys.executable, str(tree.root / "venv"))
        install(tree.root / "venv", tree.root / "source")
        shutil.copy(packed, tree.submission)
        output = tree.run()
        assert output == "result: whole\n"
        rows = by_id(tree.results["tests"], number)
    return {id: row["output"] for id, row in rows.items() if row["score"] < row["max_score"]}
