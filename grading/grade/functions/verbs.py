"""The lessons' verbs as the sandbox has them: they call functions and write down what these did, and judge nothing.

This file knows no question and no answer. Where a cell imports ``labs.checkpoints``, it is given this module.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grading.grade.functions.names import CASES, RESULTS
from labs.course.calls import call

__all__ = ["check", "predict", "predicted"]

#: The run's folder; a cell may go elsewhere.
_HERE = Path.cwd()


def check(question: str, function: object = None) -> None:
    """Call a function on the cases that lie ready for its question, and write down what it did."""
    cases = json.loads((_HERE / CASES).read_text(encoding="utf-8"))
    if question in cases and callable(function):
        done = [{name: part for name, part in one.items() if name != "said"} for one in call(function, cases[question])]
        (_HERE / RESULTS.format(question)).write_text(json.dumps(done), encoding="utf-8")


def predict(question: str, **values: object) -> None:
    """Do nothing."""


def predicted(question: str) -> None:
    """Do nothing."""


sys.modules["labs.checkpoints"] = sys.modules[__name__]
