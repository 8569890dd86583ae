"""Slips that newcomers plausibly make, collected before the sentences were written: none passes, most are named.

Whether a sentence names a slip is a person's judgement. It was made once for all of them; those that are not named
stand in ``NOT_NAMED``. ``pytest -s`` prints each slip with what is said to it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.builder.questions import compiled
from grading.builder.sources import sources
from labs.checkpoints import cases
from labs.checkpoints.calls import call
from labs.checkpoints.question import read_questions

HERE = Path(__file__).parent / "slips"

#: Wrong, and told so by a sentence that does not name the slip.
NOT_NAMED = {
    "fastest_options__ties_kept",
    "scale_and_zero_point__only_zero_forgotten",
    "may_wait__own_time_forgotten",
}

QUESTIONS = {one.name: one for one in read_questions(compiled(sources())).values() if one.kind == "function"}


def _slips() -> dict[str, Callable]:
    found = {}
    for path in sorted(HERE.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"slips_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= {name: one for name, one in vars(module).items() if callable(one) and "__" in name}
    return found


SLIPS = _slips()


@pytest.mark.parametrize("name", SLIPS)
def test_no_slip_passes(name: str):
    """Each gets a sentence about its first wrong case."""
    asked = QUESTIONS[name.partition("__")[0]]
    verdict = cases.judge(asked.name, asked.cases, call(SLIPS[name], [case["args"] for case in asked.cases]))
    assert not verdict.ok
    assert len(verdict.message) > 20
    print(f"\n{name}: {SLIPS[name].__doc__}\n  {verdict.message}")


def test_most_slips_are_named():
    """At least 42 of 50."""
    assert set(SLIPS) >= NOT_NAMED
    assert len(SLIPS) >= 54
    assert 1 - len(NOT_NAMED) / len(SLIPS) >= 42 / 50
