"""A scripted student: at home, on Chameleon's Jupyter, on the leased machine, and home again to be graded.

Every environment is made from exactly the pins that the machine gets, by the script that makes it on a lease.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.builder.rehearse import missed, own_testbed, scores
from grading.gradescope.package import build_package
from labs.course import Lesson, lessons
from labs.edge.files import part_1_files
from provisioning.sites.spec import PARTS
from tests.grading.gradescope.conftest import planted, unpack
from tests.grading.gradescope.tree import SEED, by_id
from tests.notebooks.machines.conftest import Hub, environment_of, install, kernel_of, run_here, unpack_course, uv
from tests.notebooks.machines.jupyter import Jupyter

pytestmark = [pytest.mark.machine, pytest.mark.timeout(2400)]

#: Kernels measure less than a student's would; part 1's look at one image in three.
STARTUP = {1: ("brisk_startup.py", "fewer_images_startup.py"), 2: ("brisk_startup.py",), 3: ("brisk_startup.py",)}

#: Asks for an accuracy over all evaluation images.
OF_ALL_IMAGES = {"defend.same_classes"}

#: Chameleon's Jupyter gives a user 1 GB for everything: a kernel that reserves must leave most of it.
HUB_LIMIT_MB = 350


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_part_is_done_at_home_and_on_its_machine_and_graded_in_full(
    number: int, hub: Hub, tmp_path: Path, kernels_run, monkeypatch: pytest.MonkeyPatch
):
    """What an instructor promises students: it can be done, and every point be earned.

    Lessons at home run on this machine, which plays the laptop; those that may be done on the node too run under the
    node's pins; those around the lease in Chameleon's Jupyter, and stay small enough for it; the lease lesson in the
    node's own Jupyter, or on the device through its container. The autograder has its own environment too.
    """
    kernels_run(*STARTUP[number])
    part = PARTS[number - 1]
    # The first part's student has met the testbed there too.
    wanted = [one for one in lessons() if one.part == number or (number == 1 and one.id == "reserve")]
    hub.write_solved(wanted, tmp_path / "solved")
    if part == "edge":
        part_1_files(hub.workspace / "models")  # part 1's files, which its student has brought home
    monkeypatch.setenv("REHEARSAL_PINNED", "1")
    held = {}
    with own_testbed(tmp_path / "testbed", wanted):
        for one in wanted:
            began_s, used_s = time.monotonic(), _used_s()
            if one.where == ("node",):
                with _node(hub, part, tmp_path / "testbed", STARTUP[number]) as jupyter:
                    # As before a second block: what was made since set-up travels too.
                    hub.python_does(f"lab.push({part!r})")
                    jupyter.run(f"notebooks/{one.link}")
                # As the countdown does while it is open.
                hub.python_does(f"lab.pull({part!r})")
                if part == "model":
                    kernels_run("hasty_startup.py")  # no point is earned there
                    _on_the_amd_node(hub, tmp_path, one)
                    kernels_run(*STARTUP[number])
            elif {"hub", "device"} & set(one.where):
                held[one.id] = hub.run(one)
            elif "node" in one.where:
                # In the environment that the lesson which reserves has made there.
                (home,) = [
                    venv.parents[1] for venv in (tmp_path / "testbed" / "nodes").glob("*/home/cc/.serving-labs/venv")
                ]
                _under_the_pins_of(home, tmp_path, one, hub.workspace)
            else:
                run_here(tmp_path / "solved", one, hub.workspace)
            # What the gate spends its time on: `pytest -rP` shows it.
            print(f"{one.name}: {time.monotonic() - began_s:.0f} s, {_used_s() - used_s:.0f} s of processor")
    here, away = missed(scores(hub.workspace, wanted))
    assert {one.id: one.message for one in here} == {}
    elsewhere = {one.id for one in away}
    print(f"held at most by lesson, MB: {held}", file=sys.stderr)
    assert all(50 < peak_mb < HUB_LIMIT_MB for peak_mb in held.values()), held
    packed = hub.work / "handed-in.zip"
    submit = [str(hub.python), "-m", "provisioning.front.command", "submit", str(number), "--out", str(packed)]
    done = subprocess.run(submit, cwd=hub.work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (tmp_path / "graded").mkdir()
    lost = _lost_points(packed, number, tmp_path / "graded")
    assert {name: why for name, why in lost.items() if name not in elsewhere | OF_ALL_IMAGES} == {}


def _used_s() -> float:
    """Return the processor time of this process and of those that it has waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def _on_the_amd_node(hub: Hub, tmp_path: Path, lease_lesson: Lesson) -> None:
    """Run the lease lesson under the MI100's pins too, with what its student would have brought there."""
    workspace, home = tmp_path / "mi100-workspace", tmp_path / "mi100"
    shutil.copytree(hub.workspace, workspace)
    unpack_course(tmp_path, home / "serving-labs")
    environment_of(home, "mi100")
    _under_the_pins_of(home, tmp_path, lease_lesson, workspace)


def _under_the_pins_of(home: Path, tmp_path: Path, wanted: Lesson, workspace: Path) -> None:
    """Run a solved lesson in the environment below a node's home, from the course that was unpacked there."""
    python = home / ".serving-labs" / "venv" / "bin" / "python"
    with pytest.MonkeyPatch.context() as patch:
        kernel_of(python, tmp_path / f"jupyter-{home.name}-{wanted.name}", patch)
        run_here(tmp_path / "solved", wanted, workspace, course=home / "serving-labs")


#: What a student does in a notebook of Chameleon's Jupyter, or in a terminal by `python -m provisioning forward`.
FORWARD = """
from provisioning import lab, rehearsal

rehearsal.use()
tunnel = lab.forward({part!r})
print(tunnel.rows[0].link, flush=True)
tunnel.wait()
"""


@contextlib.contextmanager
def _node(hub: Hub, part: str, testbed: Path, startup: tuple[str, ...]) -> Iterator[Jupyter]:
    """Reach the node's Jupyter through its tunnel; its kernels measure briefly."""
    for home in (testbed / "nodes").glob("*/home/cc"):
        folder = home / ".ipython" / "profile_default" / "startup"
        folder.mkdir(parents=True, exist_ok=True)
        for name in startup:
            shutil.copy(Path(__file__).parents[1] / name, folder)
    command = [str(hub.python), "-c", FORWARD.format(part=part)]
    with subprocess.Popen(command, cwd=hub.work, stdout=subprocess.PIPE, text=True) as tunnel:
        try:
            yield Jupyter(tunnel.stdout.readline().strip())
        finally:
            tunnel.terminate()


def _lost_points(packed: Path, number: int, folder: Path) -> dict[str, str]:
    """Let the autograder grade a zip in its own environment; return why each row lost points that lost some."""
    package = build_package(folder / "autograder.zip", part=number, seed=SEED)
    with planted(unpack(package, folder / "source")) as tree:
        shutil.rmtree(tree.root / "venv")
        uv("venv", "--quiet", "--python", sys.executable, str(tree.root / "venv"))
        install(tree.root / "venv", tree.root / "source")
        shutil.copy(packed, tree.submission)
        said = tree.run()
        assert said == "result: whole\n"
        rows = by_id(tree.results["tests"], number)
    return {id: row["output"] for id, row in rows.items() if row["score"] < row["max_score"]}
