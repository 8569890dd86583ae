"""Questions judged by a ledger alone: in time or late, right when it was answered, and whatever was
typed into it.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.course.lessons import lessons
from labs.course.question import State, all_questions, as_records, of_lesson, public_rows, question
from labs.records import Records
from tests.entries import Entries

KEYS = st.sampled_from(["outputs", "value", "$", "values", "choice", "why", "lines"])
NUMBERS = st.integers() | st.floats(allow_nan=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=4)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=6,
)

#: Values in hand-written ledgers in place of an answer.
HOSTILE = (
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "x" * 5000,
    [],
    [[]],
    {},
    {"outputs": None},
    {"outputs": {}},
    {"outputs": [[]] * 9},
    {"outputs": [{"value": {"$": "array"}}] * 9},
    {"outputs": [{"raised": {}}] * 9},
    {"outputs": [{"value": {"$": "float", "text": "ten"}}] * 9},
    {"outputs": [{"value": 10**400}] * 9},
)


def right(*results: object) -> dict:
    """Return what is kept of a function that returned these."""
    return {"source": "", "outputs": [{"value": result} for result in results]}


PICK = {"choice": "a", "why": "it is fast"}


@pytest.mark.parametrize(
    ("steps", "state", "says"),
    [
        ([PICK], State.MISSING, "Measure `a` and `b` first."),
        ([("a", 1.0), ("b", 2.0), PICK], State.PASSED, ""),
        ([PICK, ("a", 1.0), ("b", 2.0)], State.PASSED, ""),
        ([("a", 1.0), ("b", 0.5), PICK], State.FAILED, "`a` is slower than `b`."),
        # A leased machine's records are pulled, and b is faster there.
        ([("a", 1.0), ("b", 2.0), PICK, ("b", 0.5)], State.PASSED, ""),
        # Not right when it was answered, right now.
        ([("a", 1.0), ("b", 0.5), PICK, ("b", 2.0)], State.PASSED, ""),
        # The newest answer counts, and it was never right.
        ([("a", 1.0), ("b", 2.0), PICK, ("b", 0.5), PICK], State.FAILED, "`a` is slower than `b`."),
        (
            [("a", 1.0), ("b", 2.0), {"choice": "c", "why": ""}],
            State.FAILED,
            "`choice` must be one of",
        ),
        ([("a", 1.0), ("b", 2.0), PICK, ("b", 0.5, "another processor")], State.PASSED, ""),
        (
            [("a", 1.0), ("b", 0.5, "another processor"), PICK],
            State.FAILED,
            "come from different machines",
        ),
    ],
)
def test_an_answer_stays_right_that_was_right_when_it_was_given(steps, state, says, toys, entries):
    """By the records before it; without these, by the present ones."""
    for step in steps:
        if isinstance(step, dict):
            entries.answered("toy.pick", step)
        else:
            option, sample_s, *processor = step
            entries.measured(
                "latency", option, [sample_s], machine={"cpu_model": (*processor, "a processor")[0]}
            )
    verdict = toys["toy.pick"].verdict(entries)
    assert verdict.state is state, verdict
    assert says in verdict.message


MEASURED, GUESSED = ("measured", "a"), ("predicted", {"p50": 5, "p95": 7})


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([GUESSED, MEASURED], State.PASSED),
        # A number copied from the result is not a prediction.
        ([MEASURED, GUESSED], State.FAILED),
        ([GUESSED, MEASURED, GUESSED], State.PASSED),
        ([GUESSED], State.MISSING),
        # Another option's latency does not count for this one.
        ([GUESSED, ("measured", "b")], State.MISSING),
        ([("measured", "b"), GUESSED, MEASURED], State.PASSED),
        ([MEASURED], State.UNANSWERED),
    ],
)
def test_a_prediction_counts_when_it_comes_first(steps, state, toys, entries):
    """Being wrong is the point of predicting."""
    for kind, value in steps:
        entries.predicted("toy.guess", value) if kind == "predicted" else entries.measured(
            "latency", value, [1.0]
        )
    assert toys["toy.guess"].verdict(entries).state is state
    if steps == [MEASURED, GUESSED]:
        entries.reverse()  # a line that is moved up in the ledger is found out by its time
        assert toys["toy.guess"].verdict(entries).state is state


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=JSON)
def test_whatever_was_written_fails_the_question_and_never_the_grader(toys, value):
    """As an answer, as facts about a file, as a prediction."""
    for id, toy in toys.items():
        entries = (
            Entries()
            .answered(id, value)
            .observed(f"file.{id}", {"lines": value})
            .predicted(id, value)
        )
        verdict = toy.verdict(entries.measured("latency", "a", [1.0]))
        assert isinstance(verdict.message, str)
        assert not verdict.ok or toy.kind in ("prediction", "file")


@pytest.mark.parametrize("id", all_questions())
def test_no_question_of_the_course_stumbles_or_is_earned_by_nonsense(id: str):
    """Whatever kind it is, and whether anything was measured or not."""
    asked = all_questions()[id]
    for value in HOSTILE:
        for entries in (Entries(), Entries().measured("latency", "torch-eager", [1.0])):
            facts = value if isinstance(value, dict) else {"x": value}
            entries.answered(id, value).observed(f"file.{id}", facts)
            assert not asked.verdict(entries).ok


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(junk=JSON)
def test_an_entry_that_is_none_costs_nothing_else(toys, junk):
    """A hand-written line is left out, and the others count."""
    entries = [
        junk,
        *Entries().answered("toy.middle", right(2.0, -1.0)),
        {"type": "measurement", "samples": junk},
    ]
    assert toys["toy.middle"].verdict(entries).ok
    assert len(as_records(entries)) == 1


def test_rows_have_the_lessons_order_and_a_hint_until_it_is_right(entries):
    """For the present course: all rows are open and public."""
    rows = public_rows(Records(), lessons())
    questions = [asked for lesson in lessons() for asked in of_lesson(lesson.id)]
    assert [row.id for row in rows] == [asked.id for asked in questions]
    for row in rows:
        asked = question(row.id)
        assert (row.points, row.possible, row.lesson, row.hint) == (
            0,
            asked.points,
            asked.lesson_id,
            asked.hint,
        )
        assert row.state in (State.UNANSWERED, State.MISSING)
