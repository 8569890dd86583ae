"""The registry: ids that can be found again, and judges that never take the grader with them."""

from __future__ import annotations

import pytest
from grading.checkpoints import (
    Registry,
    State,
    UnknownCheckpointError,
    all_checkpoints,
    failed,
    failed_as,
    passed,
)
from grading.checkpoints.registry import place_of
from grading.checkpoints.values import fault_of_form, fitted

from labs.records import DifferentMachinesError


@pytest.fixture
def registry() -> Registry:
    """Return a registry with one question, whose judge looks into an answer without care."""
    made = Registry()

    @made.checkpoint(
        "t.first.one", points=2, title="One", hints=("look", "look there"), mistakes={"half": "Only half."}
    )
    def judge(records):
        given = records.answer("t.first.one")
        if given == "half":
            return failed_as("half")
        return passed("Whole.", expected="2") if given["value"] / 1 == 2 else failed("No.", expected="2")

    return made


def test_an_unknown_id_is_answered_with_the_nearest_ones(registry):
    """A slip in a notebook's id must not look like a failed checkpoint."""
    with pytest.raises(UnknownCheckpointError, match=r"did you mean t\.first\.one\?"):
        registry["t.first.on"]


@pytest.mark.parametrize(
    ("id", "points", "says"),
    [
        *((id, 1, "lower-case words joined by dots") for id in ("p95", "M.latency", "m.latency-p95", "m..p95", "")),
        ("t.first.one", 1, "defined twice"),
        ("t.first.two", 0, "one is the least"),
    ],
)
def test_a_definition_with_a_fault_is_refused(registry, id, points, says):
    """Dots become dashes in cell ids, a second definition would win in silence, zero points pass and fail at once."""
    with pytest.raises(ValueError, match=says):
        registry.checkpoint(id, points=points)(lambda entries: passed())


@pytest.mark.parametrize(
    ("value", "says"),
    [({}, "lacks the part `value`"), ({"value": "text"}, "a text where a number belongs"), ([1], "form"), (7, "form")],
)
def test_an_answer_of_any_form_fails_in_one_sentence(registry, entries, value, says):
    """No exception's own words reach a student, and none ends a grader's run over a whole class."""
    verdict = registry["t.first.one"].verdict(entries.answered("t.first.one", value))
    assert verdict.state is State.FAILED
    assert says in verdict.message
    assert "Error" not in f"{verdict.message} {verdict.yours}"


def test_records_of_two_machines_are_named_as_the_trouble(registry, entries):
    """Not the answer's form: a lease's records have come home, and both machines' are there."""

    @registry.checkpoint("t.first.raced", points=1, title="Race", hints=("look", "look there"))
    def judge(records):
        raise DifferentMachinesError("a label and another one")

    verdict = registry["t.first.raced"].verdict(entries.answered("t.first.raced", 1))
    assert verdict.state is State.FAILED
    assert "come from different machines" in verdict.message


@pytest.mark.parametrize("junk", [{}, {"type": "answer"}, "junk", {"type": "measurement", "samples": 3}, None])
def test_an_entry_that_is_none_costs_nothing_else(registry, entries, junk):
    """A hand-written line is left out, and the others count."""
    entries.answered("t.first.one", {"value": 2}).insert(0, junk)
    assert registry["t.first.one"].verdict(entries).ok


def test_what_was_expected_is_shown_after_a_pass_only(registry, entries):
    """Whatever the judge says."""
    one = registry["t.first.one"]
    assert one.verdict(entries.answered("t.first.one", {"value": 3})).expected == ""
    assert one.verdict(entries.answered("t.first.one", {"value": 2})).expected == "2"


def test_a_known_mistake_has_its_sentence_and_the_second_try_a_stronger_hint(registry, entries):
    """The judge names the mistake; its words stand in one table."""
    one = registry["t.first.one"]
    verdict = one.verdict(entries.answered("t.first.one", "half"))
    assert (verdict.mistake, verdict.message) == ("half", "Only half.")
    assert [one.hint(tries) for tries in (1, 2, 3)] == ["look", "look there", "look there"]


@pytest.mark.parametrize(
    ("form", "value", "says"),
    [
        (float, "3", "is a text; a number is asked for"),
        (float, True, "is True or False; a number is asked for"),
        (int, 2.5, "a whole number is asked for"),
        (("Latency", "size"), "speed", "is one of `Latency`, `size`"),
        ([float], 3, "a list is asked for"),
        ({"why": str}, {"because": "x"}, "lacks `why`"),
        ({"why": str}, {"why": 3}, "`why` is a number; a text is asked for"),
        ({"why": str}, "x", "a dictionary with `why` is asked for"),
    ],
)
def test_a_form_is_checked_in_one_place_with_one_sentence(form, value, says):
    """Before any judge sees it."""
    assert says in fault_of_form(value, form)


@pytest.mark.parametrize(
    ("form", "value", "kept"),
    [
        (("Latency", "size"), " LATENCY ", "Latency"),
        ({"by": ("a b",)}, {"by": "A  B"}, {"by": "a b"}),
        (float, 3, 3),
        ([("x",)], ["X"], ["x"]),
    ],
)
def test_a_words_capitals_and_spaces_are_forgiven(form, value, kept):
    """All spellings of 'Latency' are one word."""
    assert fitted(value, form) == kept
    assert fault_of_form(value, form) == ""


def test_needed_evidence_comes_before_the_judge(entries):
    """The card then says which cell to run, and the state says that nothing is wrong."""
    made = Registry()
    made.checkpoint("t.needs.one", needs=({"kind": "latency", "option": "y"},))(lambda records: passed())
    verdict = made["t.needs.one"].verdict(entries.answered("t.needs.one", 1))
    assert verdict.state is State.MISSING_EVIDENCE
    assert "no latency record of `y`" in verdict.message
    assert made["t.needs.one"].verdict(entries.measured("latency", "y", [1.0])).ok


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
