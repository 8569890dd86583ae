"""Every question's promises: a stub earns nothing, a solution everything, and each case and rule
gives its message.
"""

import functools
import inspect
import itertools
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _pytest.mark import ParameterSet
from nbformat import NotebookNode

from grading.builder.clock import shows
from grading.builder.compiled import compiled, drawn, solutions
from grading.builder.notebook import build, question_of
from grading.builder.questions import Asked, written
from grading.builder.sources import sources
from labs.course import cases as judged
from labs.course import rules
from labs.course.assignment import SHIPPED, assignment
from labs.course.cells import absent_import, alone, names
from labs.course.lessons import Lesson
from labs.course.question import Question, State, read_questions
from labs.judge.calls import call, decode

LESSONS = sources()
BY_ID = {lesson.id: lesson for lesson in LESSONS}
ASKED = {id: (lesson, asked) for lesson in LESSONS for id, asked in written(lesson).items()}
FUNCTIONS = [id for id, (_, asked) in ASKED.items() if asked.cases]
BY_RULES = [id for id, (_, asked) in ASKED.items() if asked.values.get("rules")]


def slips_of(lesson: Lesson) -> Iterator[ParameterSet]:
    """Yield plausible slips of newcomers, from the file beside a lesson's questions: lesson,
    function, fault, edits of the solution.
    """
    path = lesson.folder / "slips.toml"
    if not path.is_file():
        return
    for name, slips in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for title, (wrong, *edits) in slips.items():
            yield pytest.param(lesson, name, wrong, edits, id=f"{lesson.id} {name} {title}")


@functools.cache
def cells_of(lesson: Lesson, *, solved: bool) -> list[NotebookNode]:
    """Return the cells of a lesson's notebook."""
    return build(lesson, solved=solved).cells


def source_of(id: str, *, solved: bool) -> str:
    """Return the source of a question's cell."""
    cells = cells_of(ASKED[id][0], solved=solved)
    return next(cell.source for cell in cells if cell.metadata.get("question") == id)


SLIPS = [slip for lesson in LESSONS for slip in slips_of(lesson)]
IDEAS = tomllib.loads(Path(__file__).with_name("ideas.toml").read_text(encoding="utf-8"))

#: Seeds on which a second right solution must agree with the first.
SEEDS = 200


@pytest.fixture(scope="module")
def questions():
    """Return the questions as they ship, from the JSON's text."""
    return read_questions(compiled(LESSONS))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_each_question_has_its_cell(lesson: Lesson):
    """By its id a student's answer is found, and the box of a prediction is filled in."""
    cells = {question_of(cell) for cell in cells_of(lesson, solved=True)} - {None}
    assert cells == set(written(lesson))


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_stub_is_unanswered_and_the_solution_is_right(id: str, questions):
    """From its cell alone, with the grader's packages; a function that does nothing or returns its
    input is not right.
    """
    asked = questions[id]
    arguments = [case["args"] for case in asked.cases]

    def verdict(function: Callable) -> judged.Verdict:
        return judged.judge(asked.name, asked.cases, call(function, arguments))

    solution = source_of(id, solved=True)
    stub = source_of(id, solved=False)
    assert verdict(alone(solution, asked.name)).ok
    assert absent_import(solution) == ""
    assert verdict(alone(stub, asked.name)).state is State.UNANSWERED
    for nonsense in (None, 0, 1.0, True, []):
        assert not verdict(lambda *_, nonsense=nonsense: nonsense).ok
    assert not verdict(lambda first, *_: first).ok


@pytest.mark.parametrize("id", FUNCTIONS)
def test_each_case_speaks_when_it_alone_fails(id: str, questions):
    """With its own sentence, or a general one."""
    asked = questions[id]
    right = [{"value": case["expected"]} for case in asked.cases]
    for place, case in enumerate(asked.cases):
        outputs = list(right)
        outputs[place] = {"value": _spoilt(decode(case["expected"], arrays=False))}
        verdict = judged.judge(asked.name, asked.cases, outputs)
        assert not verdict.ok
        assert verdict.message
        assert dict(verdict.shown)["Call"].startswith(f"{asked.name}(")


@pytest.mark.parametrize("id", FUNCTIONS)
def test_a_case_keeps_its_sentence_when_a_dictionary_has_another_key(id: str, questions):
    """The keys that came say what is wrong, and the case's sentence says why."""
    asked = questions[id]
    right = [{"value": case["expected"]} for case in asked.cases]
    for place, case in enumerate(asked.cases):
        expected = decode(case["expected"], arrays=False)
        if isinstance(expected, dict):
            outputs = list(right)
            outputs[place] = {"value": expected | {"another key": 1}}
            message = judged.judge(asked.name, asked.cases, outputs).message
            assert message.startswith(case["says"])
            assert "another key" in message


@pytest.mark.parametrize("id", FUNCTIONS)
def test_two_right_solutions_agree_whatever_is_drawn(id: str):
    """If the lesson knows a second one (``@another``); and the first one never stops."""
    lesson, asked = ASKED[id]
    for seed in range(SEEDS if asked.another else 20):
        cases = drawn(lesson, id, np.random.default_rng(seed))
        if asked.another:
            outputs = call(asked.another, [case["args"] for case in cases])
            verdict = judged.judge(id, cases, outputs)
            assert verdict.ok, f"seed {seed}: {verdict}"


@pytest.mark.parametrize("id", BY_RULES)
def test_each_rule_speaks_when_it_alone_is_broken(id: str):
    """And none does where all hold."""
    _, asked = ASKED[id]
    given = [tuple(rule) for rule in asked.values["rules"]]
    assert asked.good, f"{id} says no good facts"
    assert rules.fault(given, asked.good) == ""
    for name, wanted, says in given:
        broken = asked.good | {name: _breaking(asked, name, wanted)}
        assert rules.fault(given, broken) == says.format_map(broken)


@pytest.mark.parametrize("id", FUNCTIONS)
def test_no_hint_is_the_answer(id: str, questions):
    """Code from a hint, used as the function's body, earns nothing."""
    lesson, asked = ASKED[id]
    cases = questions[id].cases
    signature = inspect.signature(solutions(lesson)[id])
    sentences = [asked.values["hint"], *(case["says"] for case in cases)]
    for code in re.findall(r"`([^`]+)`", " ".join(sentences)):
        source = f"def pasted{signature}:\n    return {code}"
        scope = names(source)
        try:
            exec(source, scope)
        except SyntaxError:
            continue
        outputs = call(scope["pasted"], [case["args"] for case in cases])
        assert not judged.judge(id, cases, outputs).ok, code


def slipped(asked: Question, edits: list[str]) -> judged.Verdict:
    """Return what is said of a function's solution after some edits, pairs of old and new."""
    source = source_of(asked.id, solved=True)
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in source
        source = source.replace(old, new)
    outputs = call(alone(source, asked.name), [case["args"] for case in asked.cases])
    return judged.judge(asked.name, asked.cases, outputs)


@pytest.mark.parametrize(("lesson", "name", "wrong", "edits"), SLIPS)
def test_a_slip_is_refused_by_a_sentence_about_it(
    lesson: Lesson, name: str, wrong: str, edits: list[str], questions
):
    """Its first wrong case's own message, or a general one; ``pytest -s`` prints each slip with its
    message.
    """
    of_lesson = [questions[id] for id in written(lesson)]
    (asked,) = [question for question in of_lesson if question.name == name]
    verdict = slipped(asked, edits)
    assert verdict.state is State.FAILED
    general = ("work this call out by hand.", "work one of them out by hand.", "and compare.")
    assert not verdict.message.endswith(general)
    print(f"\n{name}: {wrong}\n  {verdict.message}")


def measured(lesson: str, text: str) -> bool:
    """Return whether a lesson shows a table or a picture from a text on, up to the next heading."""
    cells = cells_of(BY_ID[lesson], solved=True)
    first = next(place for place, cell in enumerate(cells) if text in cell.source)
    rest = itertools.takewhile(lambda cell: "\n## " not in f"\n{cell.source}", cells[first + 1 :])
    code = [cell.source for cell in (cells[first], *rest) if cell.cell_type == "code"]
    return any(shows(source) for source in code)


def edits_of(id: str) -> list[str]:
    """Return the edits of a slip, by its test's id."""
    (slip,) = [slip for slip in SLIPS if slip.id == id]
    return slip.values[3]


@pytest.mark.parametrize(
    ("where", "idea"), [(where, idea) for where in IDEAS for idea in IDEAS[where]]
)
def test_of_each_idea_of_the_unit_a_wrong_one_fails_or_a_table_is_measured(
    where: str, idea: str, questions
):
    """With its own sentence. Ideas at home are in both assignments, those on a lease in the longer
    one.
    """
    id, *wrong = IDEAS[where][idea]
    lesson, _, of_lesson = id.partition(".")
    for path in SHIPPED if where == "at_home" else SHIPPED[:1]:
        assert lesson in [asked.id for asked in assignment(path).lessons()], path.name
    if not wrong:
        assert measured(lesson, f'predicted("{id}")')
    elif not of_lesson:
        assert measured(lesson, f"## {wrong[0]}")
    elif isinstance(wrong[0], dict):
        _, asked = ASKED[id]
        given = asked.values["rules"]
        facts = asked.good | wrong[0]
        of_the_facts = [says for name, _, says in given if name in wrong[0]]
        assert rules.fault(given, facts) in [says.format_map(facts) for says in of_the_facts]
    else:
        question = questions[id]
        verdict = slipped(question, edits_of(f"{lesson} {question.name} {wrong[0]}"))
        assert verdict.state is State.FAILED
        sentences = [case["says"] for case in question.cases]
        assert any(says and says in verdict.message for says in sentences)


def test_what_ships_holds_nothing_that_can_be_called(questions):
    """No source, no reference: arguments, results and sentences."""
    text = compiled(LESSONS)
    assert not re.search(r"\bdef \w+\(|\blambda\b|### (BEGIN|END) SOLUTION", text)


def _spoilt(value: Any) -> Any:
    """Return another value of the same kind, wrong in a way that no general sentence knows."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return type(value)(value * 3 + 7)
    if isinstance(value, str):
        return f"{value} else"
    if isinstance(value, dict):
        return {name: _spoilt(part) for name, part in value.items()} or {"else": 1}
    return [_spoilt(value[0]), *value[1:]] if value else [1]


def _breaking(asked: Asked, name: str, wanted: Any) -> Any:
    """Return a value of a fact that breaks one rule about it, but no earlier rule."""
    good = asked.good[name]
    if not isinstance(wanted, dict):
        broken = not good if isinstance(good, bool) else _spoilt(good)
        return asked.values.get("broken", {}).get(name, broken)
    ((test, to),) = wanted.items()
    if test == "is not":
        return to
    if test == "at least":
        return to - 0.01 * max(1, abs(to))
    if test == "at most":
        return to + 0.01 * max(1, abs(to))
    if test == "holds":
        return "" if isinstance(good, str) else []
    return _spoilt(good)
