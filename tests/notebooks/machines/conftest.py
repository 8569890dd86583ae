"""The machines of the course, each with exactly the packages that it gets."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from grading.builder.execute import execute
from grading.builder.notebook import text_of
from grading.builder.solve import solve
from labs.course.lessons import Lesson
from labs.workspace import PROJECT_DIR, WORKSPACE_VARIABLE
from tests.conftest import unpack_course

#: What Chameleon's image of Jupyter has, whatever the archive asks for.
_IN_THE_IMAGE = ("ipykernel", "nbformat")


def uv(*words: str, folder: Path | None = None) -> str:
    """Run uv and return what it said; a test that needs it is skipped where no package index
    answers.
    """
    program = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if program is None:
        pytest.skip("uv is not installed")
    done = subprocess.run(
        [program, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if any(
        sign in done.stderr for sign in ("dns error", "Failed to fetch", "error sending request")
    ):
        pytest.skip(f"no package index: {done.stderr[:100]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(environment: Path, source: Path) -> None:
    """Install what an unpacked autograder asks for, as its ``setup.sh`` does."""
    python = environment / "bin" / "python"
    pinned = [
        "--constraint",
        str(source / "constraints.txt"),
        "--requirement",
        str(source / "requirements.txt"),
    ]
    uv("pip", "install", "--quiet", "--python", str(python), *pinned)


@dataclass(frozen=True)
class Hub:
    """Chameleon's Jupyter: the published archive in its work folder, and the packages of its
    list.
    """

    #: The work folder, with the course in it.
    work: Path
    #: Its Python.
    python: Path

    @property
    def workspace(self) -> Path:
        """Ledger and models."""
        return self.work / "workspace"

    def solve(self, lesson: Lesson) -> None:
        """Put a solved notebook in the place of a lesson, like a student's own work."""
        self.notebook(lesson).write_text(text_of(solve(lesson)), encoding="utf-8")

    def choose(self, lesson: Lesson, machine: str) -> None:
        """Let the lesson's student choose a machine that is reserved by number, not the planner's
        first offer.
        """
        notebook = nbformat.read(path := self.notebook(lesson), as_version=4)
        offered = 'plan = planner("model")\n'
        cell = next(cell for cell in notebook.cells if offered in cell.source)
        options = "option for option in plan.chooser.options"
        choose = f'plan.choose(next({options} if option.type == "{machine}"))\n'
        cell.source = cell.source.replace(offered, offered + choose)
        node = "add_node_reservation(amount=1, node_name=block.resource)"
        mine = next(cell for cell in notebook.cells if node in cell.source)
        mine.source = mine.source.replace(
            node, "add_flavor_reservation(amount=1, name=block.option.type)"
        )
        nbformat.write(notebook, path)

    def notebook(self, lesson: Lesson) -> Path:
        """The path of a lesson here."""
        return self.work / "notebooks" / lesson.link

    def run(self, lesson: Lesson) -> float:
        """Run a lesson here, in a new kernel, from its own folder; return the memory that it held,
        in MB.
        """
        path, report = self.notebook(lesson), self.work / "memory.txt"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(new_code_cell(_MEMORY.format(path=str(report))))
        execute(notebook, folder=path.parent, name=f"{lesson.name}, on the hub")
        return float(report.read_text())


#: What a kernel held at most. On Linux, ru_maxrss begins with the peak of the process that started
#: this one; the kernel's own is VmHWM. macOS counts each process for itself.
_MEMORY = """
import pathlib, re, resource
status = pathlib.Path("/proc/self/status")
own = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
peak_mb = int(own[1]) / 2**10 if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
pathlib.Path({path!r}).write_text(str(round(peak_mb)))
"""


def run_here(lesson: Lesson, workspace: Path, course: Path | None = None) -> None:
    """Run a solved lesson; by default, in this environment and from this checkout."""
    beside = (
        lesson.notebook.parent if course is None else (course / "notebooks" / lesson.link).parent
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(workspace))
        if course is None:
            patch.delenv("JUPYTER_PATH", raising=False)
        execute(solve(lesson), folder=beside, name=lesson.name)


def environment_of(home: Path, machine: str) -> Path:
    """Make a node's or a device's environment below its home, by the script that makes it there;
    return its Python.
    """
    script = home / "serving-labs" / "provisioning" / "node" / "bin" / "environment.sh"
    own = {"HOME": str(home), "REHEARSAL_MACHINE": machine, "REHEARSAL_PINNED": "1"}
    own["UV_CACHE_DIR"] = uv("cache", "dir").strip()
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", str(script), machine, "any"],
        env=os.environ | own,
        check=True,
        capture_output=True,
        text=True,
    )
    return home / ".serving-labs" / "venv" / "bin" / "python"


def kernel_of(python: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let notebooks of this test run in another Python, with nothing of this checkout on its
    path.
    """
    kernel = folder / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    start = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(
        json.dumps({"argv": start, "display_name": "its own", "language": "python"}),
        encoding="utf-8",
    )
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    # Its own workspace is in its course's folder.
    monkeypatch.delenv(WORKSPACE_VARIABLE, raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Chameleon's Jupyter, in which this test's kernels start."""
    work = unpack_course(tmp_path / "hub" / "work")
    environment = tmp_path / "hub" / "environment"
    uv("venv", "--quiet", "--python", sys.executable, str(environment))
    python = environment / "bin" / "python"
    pinned = ["--constraint", str(PROJECT_DIR / "constraints.txt")]
    # In the work folder, as Chameleon does it; pinned, so that another release does not break this
    # over night.
    asked = ["pip", "install", "--quiet", "--python", str(python), "-r", "requirements.txt"]
    uv(*asked, *_IN_THE_IMAGE, *pinned, folder=work)
    kernel_of(python, tmp_path / "hub" / "jupyter", monkeypatch)
    return Hub(work, python)
