"""Slips that newcomers plausibly make, collected before the sentences were written: none passes, most are named.

Whether a sentence names a slip is a person's judgement. It was made once for all of them; those that are not named
stand in ``NOT_NAMED``. ``pytest -s`` prints each slip with what is said to it.
"""

import tomllib
from pathlib import Path

import pytest

from grading.builder.notebook import build
from grading.builder.questions import compiled
from grading.builder.sources import sources
from labs.checkpoints import cases
from labs.checkpoints.calls import call, define, names
from labs.checkpoints.question import read_questions

TABLE = tomllib.loads(Path(__file__).with_name("slips.toml").read_text("utf-8"))
SLIPS = {f"{name}__{slip}": edits for name, slips in TABLE.items() for slip, edits in slips.items()}

#: Wrong, and told so by a sentence that does not name the slip.
NOT_NAMED = {
    "fastest_options__ties_kept",
    "scale_and_zero_point__only_zero_forgotten",
    "may_wait__own_time_forgotten",
}

QUESTIONS = {one.name: one for one in read_questions(compiled(sources())).values() if one.kind == "function"}
SOLVED = {cell.metadata.get("question"): cell.source for one in sources() for cell in build(one, solved=True).cells}


@pytest.mark.parametrize("slip", SLIPS)
def test_no_slip_passes(slip: str):
    """Each gets a sentence about its first wrong case."""
    asked = QUESTIONS[slip.partition("__")[0]]
    source, (wrong, *edits) = SOLVED[asked.id], SLIPS[slip]
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in source
        source = source.replace(old, new)
    define(source, scope := names())
    verdict = cases.judge(asked.name, asked.cases, call(scope[asked.name], [case["args"] for case in asked.cases]))
    assert not verdict.ok
    assert len(verdict.message) > 20
    print(f"\n{slip}: {wrong}\n  {verdict.message}")


def test_most_slips_are_named():
    """At least 42 of 50."""
    assert set(SLIPS) >= NOT_NAMED
    assert len(SLIPS) >= 54
    assert 1 - len(NOT_NAMED) / len(SLIPS) >= 42 / 50
