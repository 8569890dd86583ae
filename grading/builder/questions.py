"""How questions are written: the words that a lesson's ``questions.py`` uses, beside its
``lesson.py``.

``written`` returns what an author wrote with them. ``compiled`` says what students get of it.
"""

import functools
import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labs.course.lessons import Lesson, LessonError
from labs.records.targets import MAY_LOSE

#: One case: the arguments, and the message for students who fail it; it may be empty.
Case = tuple[tuple, str]
Cases = Callable[[np.random.Generator], Iterator[Case]]

#: Draws the arguments of one call that a function's docstring allows.
Domain = Callable[[np.random.Generator], tuple]


@dataclass
class Asked:
    """A question as its author wrote it."""

    #: Fields that ship unchanged (of ``labs.course.question.Question``).
    values: dict[str, Any]
    #: Draws a function's cases.
    cases: Cases | None = None
    #: Facts that keep all rules; the tests break them one by one.
    good: Mapping[str, Any] = field(default_factory=dict)
    #: For a function: another right solution (``another``).
    another: Callable | None = None
    #: For a function: draws any call that its docstring allows (``domain``), and the number of
    #: draws that represent them all.
    domain: Domain | None = None
    draws: int = 0


_WRITTEN: dict[str, Asked] = {}


def question(
    id: str,
    title: str,
    *,
    points: int,
    hint: str = "",
    file: str = "",
    records: str = "",
    form: object = None,
    rules: Sequence[tuple[str, Any, str]] = (),
    good: Mapping[str, Any] | None = None,
    gate: Sequence[str] = (),
    ledger_only: bool = False,
    opened_by: str = "",
    hidden_points: Mapping[str, int] | None = None,
) -> Callable[[Cases], Cases]:
    """Ask for a function, by decorating the generator of its cases, or for a file, an answer or
    records, by rules.

    Args:
        file: 'module:function' that returns facts about the checked object: a path, a class, a
            program.
        records: 'module:function' that returns facts about the ledger's records.
        form: The form of an answer (``labs.course.rules.fitted``); its facts come from ``records``.
        rules: Conditions on the facts, in order (``labs.course.rules``).
        good: Facts that keep all rules.
        gate: The capabilities that a machine needs to earn it.
        ledger_only: Whether a file's points are for taking part, because the grader cannot open it
            again, or because a program could fill it in from the rules that ship.
        opened_by: 'model' if the file is an ONNX file, which the grader measures again. Any other
            file that the grader opens is a program, and ``file`` its judge.
        hidden_points: Additional points for evidence that the grader checks itself, by kind of
            check (``grading.grade.hidden``). By default, a function's secret cases have the same
            points as its public ones.
    """
    if file:
        kind = "file"
    elif form is not None:
        kind = "answer"
    elif records:
        kind = "records"
    else:
        kind = "function"
    extra = dict(hidden_points or {})
    if hidden_points is None and kind == "function":
        extra = {"computed": points}
    values: dict[str, Any] = {
        "title": title,
        "kind": kind,
        "points": points,
        "hint": hint,
        "gate": list(gate),
        "form": form,
    }
    if ledger_only:
        values["ledger_only"] = True
    values["opened_by"] = opened_by
    values["hidden_points"] = extra
    values["reads"] = file or records
    values["rules"] = [list(rule) for rule in rules]
    asked = Asked(values, good=good or {})
    _write(id, asked)

    def cases(draw: Cases) -> Cases:
        asked.cases = draw
        return draw

    return cases


def another(id: str) -> Callable[[Callable], Callable]:
    """Give another right solution of the function above, for all draws of its cases.

    Worth its lines if right ways may part: at a tie, half-way between two numbers, on a bound, or
    in the result's type.

    Raises:
        LessonError: There is no such question above.
    """
    asked = _above("another", id)

    def solution(function: Callable) -> Callable:
        asked.another = function
        return function

    return solution


def domain(id: str, *, draws: int = 300) -> Callable[[Domain], Domain]:
    """Describe all calls that the docstring of the question above allows, by drawing one of them.

    Mutants of the solution are compared with it on these calls (``grading.builder.mutants``), and
    the grader draws its cases from them too. Leave out only calls that right functions may answer
    differently: a number half-way between two marks, or floats that differ only by rounding.

    Args:
        draws: Number of draws that represent the domain in tests.

    Raises:
        LessonError: There is no such question above.
    """
    asked = _above("domain", id)

    def drawing(function: Domain) -> Domain:
        asked.domain = function
        asked.draws = draws
        return function

    return drawing


def _above(decorator: str, id: str) -> Asked:
    """Return the question that a decorator below it belongs to."""
    if id not in _WRITTEN:
        raise LessonError(
            f"@{decorator}({id!r}) belongs to no question above it: put it below its @question"
        )
    return _WRITTEN[id]


def pick(random: np.random.Generator, *values: Any) -> Any:
    """Return one of some values, which may be of any kind."""
    return values[int(random.integers(len(values)))]


def recommendation(
    id: str,
    title: str,
    *,
    price: str,
    form: Mapping,
    rules: Sequence[tuple[str, Any, str]],
    good: Mapping,
    **how: Any,
) -> None:
    """Ask for an option with figures from its records, a price, and a reason to change the choice.

    Args:
        price: The message about a price in fewer than eight words. form, rules, good: Of this one
        alone; rules are checked before the figures.
        how: As for ``question``.
    """
    accuracy = (
        "The accuracy of `{option}` is not shown to be kept: with these photos, "
        f"its loss may be {100 * MAY_LOSE:g} points or more."
    )
    p50 = "You quote {p50_ms:g} ms, and the records of `{option}` say {measured_p50_ms:.2f} ms."
    right = (
        "You quote {right} right answers, and the records of `{option}` say {measured_right:.0f}."
    )
    figure = "A price has a figure: how many answers, or milliseconds, or hours of work?"
    change = (
        "Say which measurement, on which machine, would make you choose another file: in 8 "
        "words at least."
    )
    whole_form = {
        "option": "text",
        **form,
        "evidence": {"p50_ms": "number", "right": "whole number"},
        "price": "text",
        "would_change_my_mind": "text",
    }
    as_published = (
        "`{option}` is the network as the course trained it. Recommend a file that you optimized: "
        "quantized, or pruned and trained."
    )
    measured, *others = rules
    figures = [
        ("p50_ms", fact("measured_p50_ms", near=True), p50),
        ("right", fact("measured_right"), right),
        ("price_words", at_least(8), price),
        ("price_has_a_figure", True, figure),
        ("change_words", at_least(8), change),
    ]
    whole_good = {
        "measured": True,
        "published": False,
        "kept": True,
        "meets": True,
        "meeting": "",
        "right": 530,
        "measured_right": 530,
        "price_words": 20,
        "price_has_a_figure": True,
        "change_words": 20,
        **good,
    }
    question(
        id,
        title,
        points=4,
        hidden_points={"submitted": 2, "same_classes": 2, "unseen": 4},
        form=whole_form,
        rules=[
            measured,
            ("published", False, as_published),
            ("kept", True, accuracy),
            *others,
            *figures,
        ],
        good=whole_good,
        **how,
    )


def prediction(
    id: str,
    title: str,
    *,
    about: Mapping[str, Any],
    unit: str = "",
    between: tuple[float, float] = (0.0, 1e12),
    points: int = 1,
    gate: Sequence[str] = (),
    **fields: str,
) -> None:
    """Ask for numbers before they are measured.

    Args:
        about: Fields of the records that it must precede: ``{"kind": "latency", "option": …}``,
            ``{"subject": …}``.
        between: Numbers outside are taken for slips of the unit.
        fields: For each name, the label of its number.
    """
    values = {
        "title": title,
        "kind": "prediction",
        "points": points,
        "about": dict(about),
        "unit": unit,
        "between": list(between),
        "gate": list(gate),
        "fields": fields,
    }
    _write(id, Asked(values))


def _write(id: str, asked: Asked) -> None:
    if id in _WRITTEN:
        raise LessonError(f"question {id!r} is written twice")
    _WRITTEN[id] = asked


def written(lesson: Lesson) -> dict[str, Asked]:
    """Return a lesson's questions as their author wrote them, by id.

    Raises:
        LessonError: By its id, a question belongs to another lesson, or it lacks both cases and
            rules.
    """
    path = lesson.folder / "questions.py"
    if not path.is_file():
        return {}
    return dict(_written(lesson, path.stat().st_mtime_ns))


@functools.lru_cache(maxsize=256)
def _written(lesson: Lesson, changed_ns: int) -> dict[str, Asked]:
    _WRITTEN.clear()
    runpy.run_path(str(lesson.folder / "questions.py"))
    questions = dict(_WRITTEN)
    for id, asked in questions.items():
        if id.partition(".")[0] != lesson.id:
            raise LessonError(f"{lesson.name}: question {id!r} has to begin with '{lesson.id}.'")
        if asked.values["kind"] == "function" and asked.cases is None:
            raise LessonError(
                f"{lesson.name}: question {id!r} has no cases; decorate a generator of them"
            )
    return questions


def at_least(least: float) -> dict[str, Any]:
    """Return what holds a number to a lower bound."""
    return {"at least": least}


def at_most(most: float) -> dict[str, Any]:
    """Return what holds a number to an upper bound."""
    return {"at most": most}


def one_of(*values: object) -> dict[str, Any]:
    """Return what holds a value to some others."""
    return {"one of": list(values)}


def not_(value: object) -> dict[str, Any]:
    """Return what forbids one value."""
    return {"is not": value}


def holds(value: object) -> dict[str, Any]:
    """Return what asks a text or a list to hold something."""
    return {"holds": value}


def fact(name: str, *, near: bool = False) -> dict[str, Any]:
    """Return what holds a value to another fact; ``near`` leaves one per cent."""
    return {"near fact" if near else "is fact": name}
