"""Run the whole course without a student: every lesson solved, in order, then the scoreboard.

All lessons share one workspace, as a student's do, and one testbed. Both are new each time: no
user's results or rehearsed leases change, and no process remains.
"""

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from nbformat import NotebookNode
from rich.console import Console

from grading.builder.clock import record
from grading.builder.execute import execute
from grading.builder.notebook import text_of
from grading.builder.repository import food_classifier
from grading.builder.solve import solve
from labs.course.assignment import assignment
from labs.course.lessons import NOTEBOOKS_DIR, Lesson, lessons
from labs.course.points import promised_rows
from labs.course.points_table import points_table
from labs.course.question import ResultRow, public_rows, question
from labs.display.format import duration
from labs.machine import capabilities
from labs.records import Ledger
from labs.runtimes.loopback import ANY_PORT_VARIABLE
from labs.serve.triton.catalogue import ModelRepository
from labs.workspace import WORKSPACE_VARIABLE, programs_dir
from provisioning.heartbeat import heartbeat

#: How many times shorter waits are in the testbed of a rehearsal: a boot of ten minutes takes less
#: than a second.
TESTBED_SPEED = 2000


def scores(workspace: Path, wanted: list[Lesson]) -> list[ResultRow]:
    """Return what the ledger of a workspace is worth at each question of some lessons."""
    return public_rows(Ledger(workspace / "ledger.jsonl").read(), wanted)


def missed(rows: list[ResultRow]) -> tuple[list[ResultRow], list[ResultRow]]:
    """Return the rows without all points: first the rows that this machine could have earned, then
    the rows that need another machine.
    """
    lacking = {capability.name for capability in capabilities() if not capability.available}
    here = []
    elsewhere = []
    for row in rows:
        if row.points >= row.possible:
            continue
        if lacking.isdisjoint(question(row.id).gate):
            here.append(row)
        else:
            elsewhere.append(row)
    return here, elsewhere


def rehearse(
    wanted: list[Lesson], keep: Path | None, console: Console, *, recorded: bool = False
) -> bool:
    """Run the lessons solved, print the scoreboard, and return whether every point was earned that
    can be earned here.

    Args:
        keep: Folder that receives the executed notebooks and the workspace; nothing is kept when
            None.
        recorded: Whether the seconds of each lesson are written down beside the sources, for their
            minutes.

    Raises:
        LessonFailedError: A lesson did not run to its end.
    """
    with _folder(keep) as folder:
        run_all(wanted, solve, folder, console, recorded=recorded)
        own = scores(folder / "workspace", lessons())
    asked = {lesson.id for lesson in wanted}
    here, elsewhere = missed([row for row in own if row.lesson in asked])
    rows = [row for row in promised_rows(own, assignment()) if row.lesson in asked]
    title = (
        f"Scoreboard: {len(rows)} questions, {len(here)} not right, and {len(elsewhere)} for "
        "another machine"
    )
    console.print(points_table(rows, title))
    if keep:
        console.print(f"Executed notebooks and their ledger are in {keep}")
    return not here


def run_all(
    wanted: list[Lesson], make, folder: Path, console: Console, *, recorded: bool = False
) -> dict[str, float]:
    """Run notebooks in the lessons' order in one workspace below ``folder``, and return seconds by
    lesson.

    Args:
        make: Returns the notebook to run for a lesson (``build`` for stubs, or a solver).
    """
    spent_s: dict[str, float] = {}
    with _workspace(folder / "workspace"), own_testbed(folder / "testbed", wanted):
        _bring(wanted)
        for number, lesson in enumerate(wanted, start=1):
            position = f"lesson {number} of {len(wanted)}: {lesson.name}"
            begin_s = time.monotonic()
            executed = _executed(lesson, make(lesson), position)
            (folder / lesson.notebook.name).write_text(text_of(executed), encoding="utf-8")
            lesson_s = time.monotonic() - begin_s
            spent_s[lesson.name] = lesson_s
            console.print(f"{lesson.name}: {duration(lesson_s)}")
            if recorded:
                record(lesson, lesson_s)
    total = duration(sum(spent_s.values()))
    console.print(f"All {len(wanted)} lessons: {total}")
    return spent_s


def _executed(lesson: Lesson, notebook: NotebookNode, position: str) -> NotebookNode:
    """Run a lesson's notebook next to the lessons, as in JupyterLab, so that a path relative to it
    works alike.
    """
    with heartbeat(lambda: position):
        return execute(notebook, folder=lesson.notebook.parent, name=lesson.name)


def _bring(wanted: list[Lesson]) -> None:
    """Write the model that lessons take of *Serve with Triton*, where that is not rehearsed with
    them.
    """
    rehearsed = {lesson.id for lesson in wanted}
    is_taken = any("triton" in lesson.takes for lesson in wanted)
    if is_taken and "triton" not in rehearsed:
        ModelRepository(programs_dir() / "repository").write([food_classifier()])


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
            yield Path(name)
        return
    if keep.resolve().is_relative_to(NOTEBOOKS_DIR.resolve()):
        raise ValueError(
            f"{keep} lies among the lessons, where students would find the answers: name another "
            "folder"
        )
    if (keep / "workspace" / "ledger.jsonl").exists():
        raise ValueError(
            f"{keep} holds an earlier rehearsal, whose points would count again: name a new folder"
        )
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


@contextlib.contextmanager
def own_testbed(folder: Path, wanted: list[Lesson], speed: float = TESTBED_SPEED) -> Iterator[None]:
    """Start a separate rehearsal testbed if one of the lessons reserves machines, and stop it at
    the end.

    The user's running rehearsal and leases stay as they are. The testbed's files and its records of
    provisioned machines are deleted with the folder.

    Args:
        speed: Seconds that pass on the testbed in one second.

    Raises:
        RuntimeError: The testbed did not start; the message comes from the testbed.
    """
    if not any(map(_reserves, wanted)):
        yield
        return
    home = folder.resolve()
    variables = {"REHEARSAL_HOME": str(home), "LABS_STATE": str(home / "state")}
    with patch.dict(os.environ, variables):
        # By its command line: grading runs where provisioning's libraries are not installed.
        _provisioning("rehearsal", "up", "--speed", str(speed))
        try:
            yield
        finally:
            _provisioning("rehearsal", "down")


def _reserves(lesson: Lesson) -> bool:
    # Part 2's lessons run on a laptop, and ask a device all the same.
    text = lesson.notebook.read_text(encoding="utf-8") if lesson.notebook.exists() else ""
    return bool({"hub", "device"} & set(lesson.where)) or "rehearsal.use()" in text


def _provisioning(*words: str) -> None:
    # Output goes to a file and input is empty, so that the testbed's processes inherit no pipe
    # whose end a reader would wait for.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        command = [sys.executable, "-m", "provisioning", *words]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
        output.seek(0)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)}:\n{output.read()}")


def _workspace(folder: Path) -> contextlib.AbstractContextManager:
    """Point this process, and the kernels it starts, at a workspace."""
    folder.mkdir(parents=True, exist_ok=True)
    # The reader's open lessons may occupy the lessons' own ports.
    variables = {WORKSPACE_VARIABLE: str(folder.resolve()), ANY_PORT_VARIABLE: "1"}
    return patch.dict(os.environ, variables)
