"""The course's questions on a student's machine, compiled by the builder and judged by the ledger
alone.

``questions.json`` holds arguments, expected results and sentences, and nothing that could be
called. Questions and their solutions are written beside the lessons, in ``notebooks/source``, which
students do not get.
"""

import difflib
import functools
import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from labs.course import cases, rules
from labs.course.cases import State, Verdict
from labs.course.lessons import Lesson
from labs.course.unlocked import LOST, before_unlocked
from labs.records import Answer, DifferentMachinesError, Records
from labs.records.collection import began
from labs.records.record import ENTRY_TYPES

QUESTIONS_PATH = Path(__file__).with_name("questions.json")

#: Beginning of the subject under which facts about a question's file are written down.
SUBJECT = "file."

#: Under which these facts hold what was handed over, by name: of a text its ``text``, else its
#: ``sha256``.
HANDED = "handed"

#: Exceptions that hand-edited evidence may raise in a reader.
STUMBLES = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError)


class MissingEvidenceError(LookupError):
    """A reader does not find what it reads; the message says which cell makes it."""


@dataclass(frozen=True)
class Question:
    """One task of a lesson; which of the last fields are filled in depends on its kind."""

    #: An idea, such as 'quantize.affine'; its first word is the lesson's id.
    id: str
    title: str
    #: 'function', 'file', 'answer' (which a person gives), 'records' (nothing is handed over) or
    #: 'prediction'.
    kind: str
    points: int
    #: Additional points for the grader's own checks, by kind of check (``grading.grade.hidden``).
    hidden_points: Mapping[str, int] = field(default_factory=dict)
    #: Where to look; not the answer.
    hint: str = ""
    #: Abilities that a machine needs to earn it, by the names of ``labs.machine.capability``.
    gate: Sequence[str] = ()
    #: A function's name, and its cases: ``{"args": …, "expected": …, "says": …}``, from plain to
    #: special.
    name: str = ""
    cases: Sequence[Mapping] = ()
    #: Reader of facts, as 'module:function'; it gets what was handed over, or the records.
    reads: str = ""
    #: Rules for the facts, in order: field, required value, sentence.
    rules: Sequence[tuple[str, Any, str]] = ()
    #: The form of an answer (``labs.course.rules.fitted``).
    form: Any = None
    #: Fields of the measurements that a prediction must precede.
    about: Mapping = field(default_factory=dict)
    #: The predicted figures: labels by name.
    fields: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    #: Numbers outside are taken for slips of the unit.
    between: Sequence[float] = (0.0, float("inf"))
    #: Whether the grader has only the ledger's word for a file, because the grader lacks the file's
    #: maker, or because a program could fill it in from the rules that ship.
    ledger_only: bool = False
    #: 'model' if the grader measures an ONNX file again; for other files, it asks a program.
    opened_by: str = ""

    @property
    def lesson_id(self) -> str:
        """The lesson that asks it."""
        return self.id.partition(".")[0]

    @property
    def opened(self) -> bool:
        """Whether ``points`` depend on evidence that the grader checks itself: it calls a function,
        or reads a file again.

        Otherwise they are for taking part (``labs.course.points.TAKING_PART``). The grader always
        checks the points in ``hidden_points``.
        """
        return self.kind in ("function", "file") and not self.ledger_only

    @property
    def total(self) -> int:
        """All its points: those of its check, and the grader's additional ones."""
        return self.points + sum(self.hidden_points.values())

    def verdict(self, entries: Records | Iterable[Mapping]) -> Verdict:
        """Return how the question stands by a ledger's entries, typed or as plain JSON.

        Evidence comes from others and may be anything: unreadable evidence fails the question,
        never the grader.
        """
        records = as_records(entries)
        earlier = before_unlocked(self.id, records)
        if earlier is None:
            return _guarded(_JUDGES[self.kind], self, records)
        verdict = _guarded(_JUDGES[self.kind], self, earlier)
        return verdict if verdict.ok else Verdict(State.LOST, LOST)

    def read(self, evidence: object) -> dict:
        """Return the facts about what was handed over, or about records."""
        module, _, function = self.reads.partition(":")
        reader = getattr(importlib.import_module(module), function)
        return reader(evidence)

    def by_rules(self, facts: Mapping) -> Verdict:
        """Return the verdict on facts: the first broken rule speaks, and a reader's ``advice`` if
        all hold.
        """
        if fault := rules.fault(self.rules, facts):
            return Verdict(State.FAILED, fault)
        advice = facts.get("advice", "")
        return Verdict(State.PASSED, f"Right. {advice}".strip())


#: For a question that the student has not begun.
OPEN = Verdict(State.UNANSWERED, "Not answered yet: fill in what stands above, and run its cell.")


_Judge = Callable[[Question, Records], Verdict]


def _guarded(judge: _Judge, question: Question, records: Records) -> Verdict:
    """Return a verdict, and in words what kept a judge from one."""
    try:
        return judge(question, records)
    except MissingEvidenceError as error:
        return Verdict(State.MISSING, str(error))
    except DifferentMachinesError:
        return Verdict(
            State.FAILED,
            "The newest records come from different machines: measure all of them on one.",
        )
    except STUMBLES as error:
        kind = type(error).__name__
        return Verdict(State.FAILED, f"This cannot be read as an answer to this question ({kind}).")


def counted_answer(question: Question, records: Records) -> tuple[object, Verdict]:
    """Return the answer to a question about a function that counts, with its verdict: the newest
    that is right, else the newest; None where there is none."""
    counted: tuple[object, Verdict] = (None, OPEN)
    for answer in reversed(records.answers(question.id)):
        verdict = _guarded(functools.partial(_of_outputs, given=answer), question, records)
        if verdict.ok or counted[0] is None:
            counted = answer, verdict
        if verdict.ok:
            break
    return counted


def _of_outputs(question: Question, records: Records, *, given: Any) -> Verdict:
    return cases.judge(question.name, question.cases, given["outputs"])


def _of_file(question: Question, records: Records) -> Verdict:
    facts = records.seen(SUBJECT + question.id)
    return OPEN if facts is None else question.by_rules(facts)


def _of_answer(question: Question, records: Records) -> Verdict:
    given = records.answer(question.id)
    if given is None:
        return OPEN
    try:
        rules.fitted(given, question.form)
    except ValueError as error:
        return Verdict(State.FAILED, str(error))
    # A right answer stays right after a leased machine's records are pulled.
    when_answered = _guarded(_of_records, question, _until_answered(question, records))
    return when_answered if when_answered.ok else _of_records(question, records)


def _until_answered(question: Question, records: Records) -> Records:
    """Return the records up to the last answer to a question, which is there."""
    last = 0
    for place, record in enumerate(records):
        if isinstance(record, Answer) and record.question == question.id:
            last = place
    return records[: last + 1]


def _of_records(question: Question, records: Records) -> Verdict:
    return question.by_rules(question.read(records))


def _of_prediction(question: Question, records: Records) -> Verdict:
    predictions = records.predictions(question.id)
    if not predictions:
        return OPEN
    measured = records.first_about(question.about)
    if measured is None:
        return Verdict(State.MISSING, "Noted. It counts as soon as what it is about is measured.")
    measured_at = began(measured)
    for prediction in predictions:
        if datetime.fromisoformat(prediction.made_at) < measured_at:
            return Verdict(State.PASSED, "Predicted before it was measured.")
    return Verdict(
        State.FAILED, "This prediction came after the measurement that it is about. Read on."
    )


def _of_function(question: Question, records: Records) -> Verdict:
    _, verdict = counted_answer(question, records)
    return verdict


_JUDGES: dict[str, _Judge] = {
    "function": _of_function,
    "file": _of_file,
    "answer": _of_answer,
    "records": _of_records,
    "prediction": _of_prediction,
}


def handed_over(seen: Mapping) -> dict[str, Mapping]:
    """Return what was handed over with a check of a file, by name; a ledger may contain any
    text.
    """
    handed = seen.get(HANDED)
    if not isinstance(handed, Mapping):
        return {}
    return {name: facts for name, facts in handed.items() if isinstance(facts, Mapping)}


def as_records(entries: Records | Iterable[Mapping]) -> Records:
    """Return entries as typed records; one that has not the form of an entry is left out, and the
    others count.
    """
    if isinstance(entries, Records):
        return entries
    records = []
    values: Any  # typed or plain, and by its writer's leave anything
    for values in entries:
        try:
            entry_type = ENTRY_TYPES[values["type"]]
            records.append(entry_type.from_json(dict(values)))
        except STUMBLES:
            continue
    return Records(records)


def read_questions(text: str) -> dict[str, Question]:
    """Return questions by id, as the builder wrote them."""
    by_id = json.loads(text)
    return {id: Question(id, **values) for id, values in by_id.items()}


@functools.lru_cache(maxsize=1)
def all_questions() -> dict[str, Question]:
    """Return the course's questions by id, in the lessons' order."""
    return read_questions(QUESTIONS_PATH.read_text(encoding="utf-8"))


def question(id: str) -> Question:
    """Return one question.

    Raises:
        KeyError: There is none with this id; the message names the nearest ones.
    """
    questions = all_questions()
    if id not in questions:
        near = difflib.get_close_matches(id, questions, 3) or sorted(questions)[:3]
        raise KeyError(f"there is no question {id!r}; did you mean {', '.join(near)}?")
    return questions[id]


def of_lesson(id: str) -> list[Question]:
    """Return the questions of one lesson, in its order."""
    return [question for question in all_questions().values() if question.lesson_id == id]


@dataclass(frozen=True)
class ResultRow:
    """One line of a result."""

    id: str
    title: str
    #: Id of its lesson; empty where it belongs to none.
    lesson: str
    points: float
    possible: float
    message: str
    shown: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    state: State | str = ""
    #: Known to the grader only; shown after the grades are out.
    hidden: bool = False
    #: The public question that it rests on; empty for public ones.
    needs: str = ""
    #: Whether it depends on the grader's own checks; otherwise its points are for taking part.
    opened: bool = True

    @property
    def asked(self) -> str:
        """Id of the public question that it is about."""
        return self.needs or self.id

    @property
    def is_pending(self) -> bool:
        """Whether the row is pending: the grader could not open the evidence, and the hand-in is
        not at fault.
        """
        return self.state == State.PENDING

    @property
    def about(self) -> str:
        """Id of the lesson that it belongs to."""
        return self.lesson or self.needs.partition(".")[0]

    @property
    def is_open(self) -> bool:
        """Whether it is unanswered: the message then mentions a cell that only the notebook
        shows.
        """
        return self.state == State.UNANSWERED

    @property
    def is_left(self) -> bool:
        """Whether it can still be earned; a prediction that came too late cannot."""
        if self.state == State.FAILED:
            return question(self.id).kind != "prediction"
        return self.state not in (State.PASSED, State.VOID, State.CREDITED, State.LOST)


def public_rows(
    records: Records,
    lessons: Iterable[Lesson],
    verdict: Callable[[Question, Records], Verdict] = Question.verdict,
) -> list[ResultRow]:
    """Return a row for each question of some lessons, judged by a student's records."""
    asked = [question for lesson in lessons for question in of_lesson(lesson.id)]
    return [_public_row(question, verdict(question, records)) for question in asked]


def _public_row(question: Question, verdict: Verdict) -> ResultRow:
    return ResultRow(
        id=question.id,
        title=question.title,
        lesson=question.lesson_id,
        points=question.points if verdict.ok else 0,
        possible=question.points,
        message=verdict.message,
        shown=verdict.shown,
        hint="" if verdict.ok else question.hint,
        state=verdict.state,
        opened=question.opened,
    )
