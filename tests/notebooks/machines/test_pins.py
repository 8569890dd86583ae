"""A run through the machines detects a missing pin: it fails, and the message names the package."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grading.builder.execute import LessonFailedError, execute
from grading.builder.rehearse import own_testbed
from grading.builder.solve import solve
from grading.gradescope.package import build_package
from labs.course.lessons import lesson
from tests.conftest import unpack_course
from tests.grading.gradescope.conftest import unpack
from tests.notebooks.machines.conftest import Hub, environment_of, install, kernel_of, uv

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]


def without(path: Path, package: str) -> None:
    """Take a package's pin out of a list; a pin may go on over several lines."""
    entries = path.read_text(encoding="utf-8").replace("\\\n", "\0").splitlines(keepends=True)
    others = [entry for entry in entries if not entry.startswith((f"{package}=", f"{package}>"))]
    assert len(others) < len(entries), f"{path.name} has no pin of {package}"
    path.write_text("".join(others).replace("\0", "\\\n"), encoding="utf-8")


@pytest.mark.parametrize(
    ("machine", "package", "id"),
    [
        ("a100", "onnxscript", "compile"),
        ("mi100", "onnxscript", "compile"),
        ("p100", "tritonclient", "triton"),
        ("edge", "numpy", None),  # its lessons run elsewhere, and the course's measuring code on it
    ],
)
def test_a_machine_that_lacks_a_package_cannot_do_its_lesson(
    machine: str, package: str, id: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The solved lesson fails in the machine's own kernel, or the environment cannot be made at
    all.
    """
    home = tmp_path / "home"
    course = unpack_course(home / "serving-labs")
    without(course / "provisioning" / "node" / machine / "requirements.txt", package)

    def do_the_lesson() -> None:
        python = environment_of(home, machine)
        if id is None:
            subprocess.run(
                [python, "-c", "import labs.edge.measuring"],
                check=True,
                capture_output=True,
                text=True,
            )
            return
        kernel_of(python, tmp_path / "jupyter", monkeypatch)
        folder = course / "notebooks" / lesson(id).notebook.parent.name
        execute(solve(lesson(id)), folder=folder, name=lesson(id).name)

    with pytest.raises((LessonFailedError, subprocess.CalledProcessError)) as failure:
        do_the_lesson()
    assert package in str(failure.value) + str(getattr(failure.value, "stderr", ""))


def test_chameleons_jupyter_without_a_package_cannot_do_its_lesson(hub: Hub, tmp_path: Path):
    """Part 2 is driven from there."""
    wanted = lesson("device")
    hub.solve(wanted)
    uv("pip", "uninstall", "--quiet", "--python", str(hub.python), "python-chi")
    with (
        own_testbed(tmp_path / "testbed", [wanted]),
        pytest.raises(LessonFailedError, match="No module named 'chi'"),
    ):
        hub.run(wanted)


def test_course_and_packages_take_less_than_512_mb_on_the_hub(hub: Hub):
    """How much storage a user of Chameleon's Jupyter has is not documented; its image has most
    packages already.
    """
    folders = (hub.work, hub.python.parents[1])
    size_bytes = sum(
        path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()
    )
    print(f"work folder and packages: {size_bytes / 2**20:.0f} MB", file=sys.stderr)
    assert size_bytes < 512 * 2**20


def test_an_autograder_that_lacks_a_package_is_not_built(tmp_path: Path):
    """Its set-up ends with the grader's imports, so that a fault stops the build, not the class."""
    source = unpack(
        build_package(tmp_path / "autograder.zip", part=1, seed="any"), tmp_path / "source"
    )
    without(source / "requirements.txt", "onnxruntime")
    uv("venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    install(tmp_path / "venv", source)
    (last,) = re.findall(
        r'^"\$root/venv.*import.*$', (source / "setup.sh").read_text(), re.MULTILINE
    )
    here = {"cwd": source, "env": os.environ | {"root": str(tmp_path)}}
    done = subprocess.run(["bash", "-c", last], **here, capture_output=True, text=True)
    assert done.returncode != 0
    assert "onnxruntime" in done.stderr
