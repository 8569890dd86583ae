"""A function is called without its lesson by the grader; the notebook's check says so while it can be mended."""

from __future__ import annotations

import pytest
from grading.checkpoints.registry import all_checkpoints
from IPython.core.interactiveshell import InteractiveShell

from labs.checkpoints.calls import taken_from_elsewhere
from labs.records import Answer, Records

CLAIM = """
def claim(lost, gained):
    if lost + gained == 0 or binomtest(lost, lost + gained).pvalue >= 0.05:
        return "cannot tell"
    return "better" if gained > lost else "worse"
"""
NOW = "2026-11-27T00:00:00+00:00"
IMPORT = "from scipy.stats import binomtest\n"


def function_of(*cells: str, name: str = "claim"):
    """Return the function that cells of a notebook leave behind."""
    shell = InteractiveShell()
    for cell in cells:
        shell.run_cell(cell).raise_error()
    return shell.user_ns[name]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((IMPORT, CLAIM), ["binomtest"]),
        ((IMPORT + CLAIM,), []),
        ((CLAIM.replace(":\n", ":\n    from scipy.stats import binomtest\n", 1),), []),
        (("import scipy", "def claim(a, b):\n    return [np.mean(scipy.ones(x)) for x in math.sqrt(a)]"), ["scipy"]),
        (("offset = 1", "def claim(a):\n    return shifted(a)\ndef shifted(a):\n    return a + offset"), ["offset"]),
        (("def claim(a):\n    return shifted(a)\nshifted = lambda a: times(max(a, 1))",), []),
        (("%time pass\ndef claim(a):\n    return offset",), ["offset"]),
    ],
)
def test_names_from_other_cells_are_found(cells: tuple[str, ...], expected: list[str]):
    """Also behind a helper in the same cell, and beside a magic."""
    assert taken_from_elsewhere(function_of(*cells)) == expected


def test_another_answer_of_the_lesson_may_be_called():
    """The grader runs all answer cells of a lesson, one after the other."""
    function = function_of("def other():\n    return 1", "def claim(a):\n    return other()")
    assert taken_from_elsewhere(function, ["other"]) == []
    assert taken_from_elsewhere(function) == ["other"]
    assert taken_from_elsewhere(len) == []


def test_check_names_what_the_grader_would_miss():
    """Right here and a NameError there would be learned from a grade (`m.prune.claim`'s import in another cell)."""
    asked = all_checkpoints()["m.prune.claim"].asks
    away, at_hand = (
        asked.tried(function_of(*cells), Records()).answer for cells in ((IMPORT, CLAIM), (IMPORT + CLAIM,))
    )
    said = asked.verdict(Records([Answer(asked.id, away, NOW)]))
    assert not said.ok
    assert "`binomtest` from another cell" in said.message
    assert asked.verdict(Records([Answer(asked.id, at_hand, NOW)])).ok
