"""The registry: ids that can be found again, and judges that never take the grader with them."""

from __future__ import annotations

import pytest

from grading.checkpoints import Registry, UnknownCheckpointError, all_checkpoints, passed
from grading.checkpoints.registry import place_of


@pytest.fixture
def registry() -> Registry:
    """Return a registry with one checkpoint that reads a value which may be missing."""
    made = Registry()

    @made.checkpoint("t.first.one", points=2, title="One")
    def judge(entries):
        return passed(yours=str(entries[0]["value"] / 1))

    return made


def test_an_unknown_id_is_answered_with_the_nearest_ones(registry):
    """A slip in a notebook's id must not look like a failed checkpoint."""
    with pytest.raises(UnknownCheckpointError, match=r"did you mean t\.first\.one\?"):
        registry["t.first.on"]


@pytest.mark.parametrize("id", ["p95", "M.latency", "m.latency-p95", "m..p95", ""])
def test_an_id_that_cannot_be_a_cell_id_is_refused(registry, id):
    """Dots become dashes in cell ids, so an id with a dash could not be mapped back."""
    with pytest.raises(ValueError, match="lower-case words joined by dots"):
        registry.checkpoint(id)(lambda entries: passed())


def test_an_id_is_defined_once(registry):
    """The second definition would win in silence."""
    with pytest.raises(ValueError, match="defined twice"):
        registry.checkpoint("t.first.one")(lambda entries: passed())


def test_a_checkpoint_is_worth_something(registry):
    """Zero points would show as passed and failed at once."""
    with pytest.raises(ValueError, match="one is the least"):
        registry.checkpoint("t.first.two", points=0)(lambda entries: passed())


@pytest.mark.parametrize("evidence", [[], [{}], [{"value": "text"}], [{"value": None}], ["junk"]])
def test_evidence_of_any_form_fails_the_checkpoint_and_nothing_else(registry, evidence):
    """A hand-written ledger must not end a grader's run over a whole class."""
    verdict = registry["t.first.one"].verdict(evidence)
    assert not verdict.ok
    assert "form" in verdict.message


def test_the_place_in_the_course_comes_from_the_module():
    """Lessons are grouped by it on the scoreboard and on the page of questions."""
    assert place_of("grading.checkpoints.model.lesson_11") == ("model", 11)
    assert place_of("grading.checkpoints.model.lesson_11_batches") == ("model", 11)
    assert place_of("grading.checkpoints.model.lesson_14b_forms") == ("model", 14)
    assert place_of("tests.grading.test_registry") == ("", 0)


def test_every_checkpoint_of_the_course_knows_its_lesson_and_asks_something():
    """A module with another name would put its checkpoints nowhere."""
    found = list(all_checkpoints())
    assert len(found) >= 18
    assert all(one.part and one.title != one.id for one in found)
    assert [one.lesson for one in found] == sorted(one.lesson for one in found)


def test_every_checkpoint_fails_an_empty_ledger_and_says_what_to_do():
    """The empty submission scores 0, in words of one kind: nothing has been answered, predicted or measured."""
    for one in all_checkpoints():
        verdict = one.verdict([])
        assert not verdict.ok, one.id
        assert verdict.message.startswith(("Not answered yet", "No prediction yet")), one.id
