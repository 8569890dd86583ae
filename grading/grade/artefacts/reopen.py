"""Open the files of questions again: run programs, measure models, and judge both by the results.

A ledger's description of a file does not count. The grader runs the text that the check stored, or
the submitted model whose hash was checked. Programs are asked from outside
(``grading.grade.artefacts.programs``). A configuration is for taking part, and is not opened: a
program could fill it in from the rules that ship.
"""

import functools
import json
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.grade.artefacts.measured import Facts
from grading.grade.artefacts.programs import asked
from grading.grade.sandbox import abilities
from labs.course.cases import Verdict
from labs.course.question import STUMBLES, SUBJECT, Question, State, handed_over
from labs.course.rules import fault
from labs.records import Records

#: Facts that a graph does not contain, or that the grader measures in another way: a file's
#: agreement with the float model, the photos of its ranges, its layers in float32.
_NOT_IN_A_GRAPH = ("agreement", "calibrated", "float_kinds", "float_layers", "difference")


@dataclass(frozen=True)
class Opened:
    """The result of opening a question's file."""

    #: None where this grader could not open it.
    verdict: Verdict | None
    #: Why it could not, in words for staff.
    fault: str = ""


def _failed(message: str) -> Opened:
    return Opened(Verdict(State.FAILED, message))


_WITHOUT_END = "Opened again, the file cannot be read, or does not come to its end."
_ABSENT = "The file that was checked is not in the hand-in: run its check again, and hand in again."


def is_model(question: Question) -> bool:
    """Return whether a question's file is an ONNX model, which is measured again."""
    return question.opened_by == "model"


def hashes(records: Records, questions: Iterable[Question]) -> list[str]:
    """Return the sha256s of the models that questions about files were checked with."""
    sha256s = []
    for question in questions:
        for file in _handed(records, question).values():
            sha256 = file.get("sha256")
            if isinstance(sha256, str):
                sha256s.append(sha256)
    return sha256s


def _handed(records: Records, question: Question) -> dict[str, Mapping]:
    return handed_over(records.seen(SUBJECT + question.id) or {})


def fault_of(error: Exception) -> str:
    """Return what went wrong in the grader itself, and where, for staff."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"


def _at_its_own_cost(open_file: Callable[..., Opened]) -> Callable[..., Opened]:
    """Return the same function, protected from errors: an error of the grader leaves only this
    question's file unopened.
    """

    @functools.wraps(open_file)
    def opened(question: Question, *given: object) -> Opened:
        try:
            return open_file(question, *given)
        except Exception as error:
            why = f"{question.id} could not be opened: {fault_of(error)}: {error}"
            return Opened(None, why[:400])

    return opened


@_at_its_own_cost
def judge_model(
    question: Question, records: Records, facts: Mapping[str, Facts], unfit: Callable[[Facts], str]
) -> Opened:
    """Return what was found when the model of a question was measured again.

    Args:
        facts: Of handed-in models, by sha256.
        unfit: Why a file is no model of pictures, in a sentence; an empty text where it is one.
    """
    wanted = hashes(records, [question])
    measured = [facts[sha256] for sha256 in wanted if sha256 in facts]
    if not wanted or len(measured) < len(wanted):
        return _failed(_ABSENT)
    for model in measured:
        if why := unfit(model):
            return _failed(why)
    return _by_rules(question, measured[0].graph)


def open_again(questions: Sequence[Question], records: Records) -> dict[str, Opened]:
    """Return by question what was found when programs that were handed over were asked.

    Args:
        questions: Those about programs that the ledger passes.
    """
    if not abilities().apart:
        unopened = Opened(None, "programs cannot be run apart from the grader's own here")
        return {question.id: unopened for question in questions}
    return {question.id: _opened(question, records) for question in questions}


#: Results of this process, by question and texts.
_OPENED: dict[tuple[str, str], Opened] = {}


@_at_its_own_cost
def _opened(question: Question, records: Records) -> Opened:
    """Return what was found in one question's texts."""
    handed = _handed(records, question).items()
    texts = {name: file["text"] for name, file in handed if isinstance(file.get("text"), str)}
    key = (question.id, json.dumps(texts))
    opened = _OPENED.get(key) or _opened_anew(question, texts)
    if opened.verdict:
        _OPENED[key] = opened
    return opened


def _opened_anew(question: Question, texts: Mapping[str, str]) -> Opened:
    return _by_rules(question, asked(question, texts)) if texts else _failed(_ABSENT)


def _by_rules(question: Question, facts: object) -> Opened:
    """Return the verdict on facts that came out of a sandbox, and may be anything."""
    if not isinstance(facts, dict):
        return _failed(_WITHOUT_END)
    rules = [rule for rule in question.rules if rule[0] in facts or rule[0] not in _NOT_IN_A_GRAPH]
    try:
        why = fault(rules, facts)
    except STUMBLES:
        why = "what it says makes no sense"
    if not why:
        return Opened(Verdict(State.PASSED, "Right, opened again too."))
    why = why.encode(errors="replace").decode()  # a program may have given half a letter
    return _failed(f"Opened again: {why[:400]}")
