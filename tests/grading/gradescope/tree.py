"""``/autograder`` in another place, and ``run_autograder`` started in it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from grading.grade.hidden import all_hidden
from labs.course.assignment import assignment
from labs.course.lessons import lesson
from labs.course.question import all_questions

SEED = "a seed that no student may see"


def by_id(tests: list[dict], part: int = 1) -> dict[str, dict]:
    """Return what Gradescope shows of each row of a part, by the row's id, which it does not
    show; the pending row of leases is no question.
    """
    ids = {lesson.id for lesson in assignment().lessons(part)}
    names = {
        f"{lesson(asked.lesson_id).title}: {asked.title}": id
        for id, asked in all_questions().items()
        if asked.lesson_id in ids
    }
    names |= {question.title: question.id for question in all_hidden() if question.lesson in ids}
    return {names[test["name"]]: test for test in tests if test["tags"] != ["lease"]}


@dataclass(frozen=True)
class Tree:
    """``/autograder``, in another folder."""

    root: Path
    part: int = 1

    @property
    def submission(self) -> Path:
        return self.root / "submission"

    @property
    def results(self) -> dict:
        """What Gradescope would read."""
        return json.loads((self.root / "results" / "results.json").read_text())

    @property
    def fallback(self) -> dict:
        """The content of ``results.json`` until the grader is done."""
        return json.loads((self.root / "source" / "secret" / "fallback.json").read_text())

    def start(self, *command: str) -> subprocess.Popen:
        """Start ``run_autograder``, or another command in its place, as Gradescope does: from
        another folder.
        """
        environment = {"PATH": os.environ["PATH"], "GRADESCOPE_ROOT": str(self.root)}
        return subprocess.Popen(
            command or [str(self.root / "source" / "run_autograder")],
            cwd=self.root / "source" if command else "/",
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str) -> str:
        """Return what the command prints; it has to end well."""
        with self.start(*command) as process:
            output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        return output

    def python(self, code: str) -> str:
        """Return what a line of Python prints in the tree's environment."""
        return self.run(str(self.root / "venv" / "bin" / "python"), "-c", code)
