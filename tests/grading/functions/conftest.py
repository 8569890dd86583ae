"""Functions that add, whose cells a test writes, and an honest one beside them."""

import json
from collections.abc import Callable

import pytest

from grading.grade.functions import run
from grading.grade.functions.run import Called
from labs.course.question import Question

#: Functions that add two numbers.
NAMES = tuple("abcdefg")

#: The honest answer, behind all others.
HONEST = "honest.double"

ADD = "def {name}(one, other):\n    return one + other"

CASES = {f"spoiled.{name}": [{"args": [1, 2], "expected": 3}, {"args": [7, 40], "expected": 47}] for name in NAMES} | {
    HONEST: [{"args": [4], "expected": 8}]
}


@pytest.fixture
def rerun(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Called]]:
    """Return a function that calls functions again whose cells are given, and an honest one behind them."""
    # Long enough for a set-up on a machine with ten other jobs, and still short beside for ever.
    monkeypatch.setattr(run, "CELL_S", 6)
    asked = {id: Question(id, "A sum", "function", 1, name=id.partition(".")[2]) for id in CASES}
    monkeypatch.setattr(run, "all_questions", lambda: asked)
    cases = {id: [{**case, "says": ""} for case in some] for id, some in json.loads(json.dumps(CASES)).items()}

    def go(cells: dict[str, str], *, wall_s: float = 300) -> dict[str, Called]:
        cells = {**cells, HONEST: "def double(number):\n    return 2 * number"}
        return run.run_again(cells, wanted=set(cells), cases=cases, wall_s=wall_s)

    return go
