"""How questions are written: the words that a lesson's ``questions.py`` uses, beside its ``lesson.py``.

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

#: One case: the arguments, and the sentence for whoever fails just there; an empty one says nothing of its own.
Case = tuple[tuple, str]
Cases = Callable[[np.random.Generator], Iterator[Case]]


@dataclass
class Asked:
    """A question as its author wrote it."""

    #: What is shipped as it stands (fields of ``labs.course.question.Question``).
    values: dict[str, Any]
    #: Draws a function's cases.
    cases: Cases | None = None
    #: Facts that keep all rules; the tests break them one by one.
    good: Mapping[str, Any] = field(default_factory=dict)
    #: Of a function: another right way to write it (``another``).
    another: Callable | None = None


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
    told: bool = False,
    opened_by: str = "",
    again: Mapping[str, int] | None = None,
) -> Callable[[Cases], Cases]:
    """Ask for a function, by decorating the generator of its cases; or for a file, an answer or records, by rules.

    Args:
        file: 'module:function' that returns facts about what was handed over: a path, a class, a program.
        records: 'module:function' that returns facts about the ledger's records.
        form: What an answer looks like (``labs.course.rules.fitted``); its facts come from ``records``.
        rules: What has to hold of the facts, in order (``labs.course.rules``).
        good: Facts that keep all rules.
        gate: What a machine must be able to do for it to be earned there.
        told: Of a file: that the grader cannot open it again, so that its points are for taking part.
        opened_by: Of a file: how the grader opens it, if not by ``file``: 'model' for an ONNX file, which it measures
            again, or the 'module:function' of a reader that needs no server.
        again: Points on top for what the grader opens itself, by what it looks at (``grading.grade.hidden``); of a
            function, 3 for being right on cases that nobody has seen, unless others are named.
    """
    kind = (
        "file" if file else "answer" if form is not None else "records" if records else "function"
    )
    values = {
        "title": title,
        "kind": kind,
        "points": points,
        "hint": hint,
        "gate": list(gate),
        "form": form,
    }
    values |= ({"told": True} if told else {}) | {"opened_by": opened_by}
    values["again"] = {"computed": 3} if kind == "function" and again is None else dict(again or {})
    asked = Asked(
        values | {"reads": file or records, "rules": [list(rule) for rule in rules]},
        good=good or {},
    )
    _write(id, asked)

    def cases(draw: Cases) -> Cases:
        asked.cases = draw
        return draw

    return cases


def another(id: str) -> Callable[[Callable], Callable]:
    """Give another right way to write the function that the question above asks for, whatever its cases draw.

    Worth its lines if right ways may part: at a tie, half-way between two numbers, on a bound, or in the result's type.

    Raises:
        LessonError: There is no such question above.
    """
    if id not in _WRITTEN:
        raise LessonError(
            f"@another({id!r}) belongs to no question above it: put it below its @question"
        )

    def solution(function: Callable) -> Callable:
        _WRITTEN[id].another = function
        return function

    return solution


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
    """Ask for an option with figures from its records, a price, and what would change one's mind.

    Args:
        price: What is said of a price in fewer than eight words.
        form, rules, good: Of this one alone; rules are asked before the figures.
        how: As for ``question``.
    """
    may_lose = f"its loss may be {100 * MAY_LOSE:g} points or more."
    kept = "The accuracy of `{option}` is not shown to be kept: with these photos, " + may_lose
    p50 = "You quote {p50_ms:g} ms, and the records of `{option}` say {measured_p50_ms:.2f} ms."
    right = (
        "You quote {right} right answers, and the records of `{option}` say {measured_right:.0f}."
    )
    figure = "A price has a figure: how many answers, or milliseconds, or hours of work?"
    change = "Say which measurement, on which machine, would make you choose another file: in 8 words at least."
    measured, *others = rules
    quoted = {"p50_ms": "number", "right": "whole number"}
    question(
        id,
        title,
        points=4,
        again={"submitted": 4, "same_classes": 4, "unseen": 6},
        form={
            "option": "text",
            **form,
            "evidence": quoted,
            "price": "text",
            "would_change_my_mind": "text",
        },
        rules=[
            measured,
            ("kept", True, kept),
            *others,
            ("p50_ms", fact("measured_p50_ms", near=True), p50),
            ("right", fact("measured_right"), right),
            ("price_words", at_least(8), price),
            ("price_has_a_figure", True, figure),
            ("change_words", at_least(8), change),
        ],
        good={
            **{
                "measured": True,
                "kept": True,
                "meets": True,
                "meeting": "",
                "right": 530,
                "measured_right": 530,
            },
            **{"price_words": 20, "price_has_a_figure": True, "change_words": 20, **good},
        },
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
        about: Fields of the records that it must precede: ``{"kind": "latency", "option": …}``, ``{"subject": …}``.
        between: Numbers outside are taken for slips of the unit.
        fields: For each name, the label of its number.
    """
    values = {
        "title": title,
        "kind": "prediction",
        "points": points,
        "about": dict(about),
        "unit": unit,
    }
    _write(id, Asked(values | {"between": list(between), "gate": list(gate), "fields": fields}))


def _write(id: str, asked: Asked) -> None:
    if id in _WRITTEN:
        raise LessonError(f"question {id!r} is written twice")
    _WRITTEN[id] = asked


def written(lesson: Lesson) -> dict[str, Asked]:
    """Return a lesson's questions as their author wrote them, by id.

    Raises:
        LessonError: A question belongs to another lesson by its id, or has no cases and no rules.
    """
    path = lesson.folder / "questions.py"
    return dict(_written(lesson, path.stat().st_mtime_ns)) if path.is_file() else {}


@functools.lru_cache(maxsize=256)
def _written(lesson: Lesson, changed_ns: int) -> dict[str, Asked]:
    _WRITTEN.clear()
    runpy.run_path(str(lesson.folder / "questions.py"))
    found = dict(_WRITTEN)
    for id, asked in found.items():
        if id.partition(".")[0] != lesson.id:
            raise LessonError(f"{lesson.name}: question {id!r} has to begin with '{lesson.id}.'")
        if asked.values["kind"] == "function" and asked.cases is None:
            raise LessonError(
                f"{lesson.name}: question {id!r} has no cases; decorate a generator of them"
            )
    return found


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
