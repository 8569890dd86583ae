"""The unit of work as engines carry it: plain values in, plain values out, nothing shared."""

import functools
import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from grading.grade.artefacts.pictures import at_hand
from grading.grade.grader import Setup, grade
from grading.grade.intake.take import copy_in
from grading.grade.result import Result
from labs.course.assignment import assignment
from labs.workspace import PROJECT_DIR


@dataclass(frozen=True)
class Task:
    """One submission, a folder or a zip, and how to grade it."""

    student: str
    path: Path
    part: int
    setup: Setup
    #: ``key`` of the result that is kept already; empty when there is none.
    kept_key: str = ""


@dataclass(frozen=True)
class Done:
    """The result of a task."""

    #: The result; None when the kept one is still good.
    result: Result | None
    #: Inputs of the result: submission, part, setup, source of the rules.
    key: str


def work(task: Task) -> Done:
    """Grade a submission, unless the kept result is still good."""
    if task.kept_key and task.kept_key == key_of(task, _digest(task)):
        return Done(None, task.kept_key)
    result = grade(task.path, part=task.part, student=task.student, setup=task.setup)
    # After a fault of the grader, the next run grades a submission again in any case.
    return Done(result, "" if result.fault else key_of(task, result.digest))


def failed(task: Task, why: str) -> Done:
    """Return the row of a submission whose grader ended; it is graded again at the next run."""
    return Done(Result(student=task.student, part=task.part, digest="", fault=why), "")


def key_of(task: Task, digest: str) -> str:
    """Return a sha256 over everything that a result depends on; ``digest`` is that of the
    submission's contents.
    """
    # The pictures' folder does not matter, their content does.
    pictures = task.setup.pictures
    shown = at_hand(pictures)[1] if pictures else "public"
    setup = {**asdict(replace(task.setup, pictures=None)), "pictures": shown}
    # Dates, points and mid-term changes count when a gradebook is written, without grading again.
    part = assignment().part(task.part)
    asked = [[lesson.id for lesson in part.asked()], part.leaderboard]
    facts = [digest, task.student, task.part, asked, setup, rules_sha256()]
    text = json.dumps(facts, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def rules_sha256() -> str:
    """Return a sha256 over the code that decides about a result: questions, points, records,
    statistics.
    """
    files = list(PROJECT_DIR.glob("labs/stats.py"))
    for room in ("grading", "labs/checkpoints", "labs/course", "labs/records", "notebooks/source"):
        files += (PROJECT_DIR / room).rglob("*.py")
        files += (PROJECT_DIR / room).rglob("*.json")
    digest = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(PROJECT_DIR).as_posix()
        digest.update(f"{name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _digest(task: Task) -> str:
    with tempfile.TemporaryDirectory(prefix="digest-") as folder:
        return copy_in(task.path, Path(folder)).digest
