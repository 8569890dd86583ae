"""The sandbox's version of a lesson's ``check``: it calls a function and records its results,
without judging.

This file contains neither questions nor answers.
"""

import json
from pathlib import Path

from grading.grade.functions.names import CASES, RESULTS
from labs.course.cells import alone
from labs.judge.calls import call

#: The run's folder; a cell may change the working folder.
_HERE = Path.cwd()


def check(question: str, name: str, cell: str) -> None:
    """Call the function of a cell that a check kept, by itself, on the cases that lie ready; write
    down what it did.
    """
    cases = json.loads((_HERE / CASES).read_text(encoding="utf-8"))[question]
    results = call(alone(cell, name), cases)
    for result in results:
        result.pop("said", None)
    (_HERE / RESULTS.format(question)).write_text(json.dumps(results), encoding="utf-8")
