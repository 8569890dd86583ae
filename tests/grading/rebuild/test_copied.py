"""Functions lifted out of the course's own checks are found; those that somebody wrote are not."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

from grading.builder.solve import AnswerKey
from grading.checkpoints import all_checkpoints
from grading.grade import Setup
from grading.rebuild.copied import copied
from grading.rebuild.notebook import Part
from grading.result import Row


def lifted(part: str) -> dict[str, str]:
    """Return cells that hold the references of a part's questions with all that stands around them."""
    asked = [one for one in all_checkpoints() if one.kind == "function" and one.id.startswith(part)]
    return {one.id: inspect.getsource(sys.modules[one.asks.reference.__module__]) for one in asked}


@pytest.mark.parametrize("part", ["m.", "e.", "s."])
def test_references_are_found_with_other_names_too(part: str):
    """Another name for each argument makes no other function of it."""
    (found,) = copied({name: re.sub(r"\bone\b", "uno", source) for name, source in lifted(part).items()})
    assert found.rule == "functions-of-the-course"
    assert not found.impossible


@pytest.mark.parametrize("part", ["m.", "e.", "s."])
def test_sample_solutions_are_not_flagged(part: str):
    """By the same people as the references, so no stranger's could be more alike."""
    known = {one.id for one in all_checkpoints() if one.kind == "function" and one.id.startswith(part)}
    cells = {name: source for name, source in AnswerKey.read().answers.items() if name in known}
    assert len(cells) == len(known)
    assert list(copied(cells)) == []


def test_cells_that_are_no_python_are_nobodys():
    """A magic, an unfinished line, a sum of nine thousand ones, and a cell that asks for no function."""
    long = f"def f():\n    return {'+'.join('1' * 9_000)}"
    cells = {"m.prune.claim": "%%bash\nls", "m.prune.keep": "x = (", "m.train.seeds": long, "m.never.asked": long}
    assert list(copied(cells)) == []


def test_functions_that_earned_nothing_hide_no_copied_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Else stubs of one's own beside six copied functions would bring their share below the bar."""
    import grading.grade as grader

    cells = lifted("m.")
    copies, own = list(cells)[:6], dict.fromkeys(list(cells)[6:], "def f(a, b):\n    return " + "a + b + " * 30 + "a")
    part = Part("any", {name: cells[name] for name in copies} | own)
    monkeypatch.setattr(grader, "run_again", lambda *about, **more: {})
    monkeypatch.setattr(grader, "parts_of", lambda *about: [part])
    work = grader._Work(tmp_path, [], 1, Setup(), tmp_path)
    work.public = [Row(name, "", 0, int(name in copies), 1, "") for name in part.cells]
    grader.rerun(work)
    assert [one.rule for one in work.examined.flags] == ["functions-of-the-course"]
