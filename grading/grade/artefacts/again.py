"""Files that questions ask for, opened again: parsed, imported, run, or measured, and judged by what was found there.

A ledger's word for a file counts for nothing: what is read is the text that was handed over, or the model that was
handed in under the hash that was checked. Programs are asked from outside (``grading.grade.artefacts.programs``).
"""

import contextlib
import functools
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.grade.artefacts.measured import MEMORY_BYTES, Facts
from grading.grade.artefacts.programs import asked, is_program
from grading.grade.sandbox import Limits, Outcome, Sandbox, abilities
from labs.course.cases import Verdict
from labs.course.question import STUMBLES, SUBJECT, Question, State, handed_over
from labs.course.rules import fault
from labs.records import Records
from labs.records.strict import StrictJsonError, loads

#: Seconds for one file, on half of a busy processor; honest ones take one of a whole one.
_WITHIN_S = 40

#: A grader on which nothing but Python's start takes longer than this many seconds is too slow to say who hangs.
_SLOW_S = 10

#: What only the float model beside an ONNX file tells: how well they agree, and whose ranges it has.
_NOT_IN_A_GRAPH = ("agreement", "of_evaluation")


@dataclass(frozen=True)
class Opened:
    """What came of opening a question's file."""

    #: None where this grader could not open it.
    verdict: Verdict | None
    #: Why it could not, in words for staff.
    fault: str = ""


class _TooLongError(Exception):
    """What was asked did not come to its end in time."""


def _failed(message: str) -> Opened:
    return Opened(Verdict(State.FAILED, message))


_READER = "grading.grade.artefacts.readings"

#: How writing a file ends whose name is a folder's too.
_ODD_NAMES = (FileExistsError, NotADirectoryError, IsADirectoryError)

_WITHOUT_END = "Opened again, the file cannot be read, or does not come to its end."
_ABSENT = "The file that was checked is not in the hand-in: run its check again, and hand in again."


def reader(question: Question) -> str:
    """Return what reads a question's evidence here, as 'module:function'."""
    return question.opened_by or question.reads


def is_model(question: Question) -> bool:
    """Return whether a question's file is an ONNX model, which is measured again."""
    return question.opened_by == "model"


def hashes(records: Records, questions: Iterable[Question]) -> list[str]:
    """Return the sha256s of the models that questions about files were checked with."""
    found = [
        one.get("sha256") for question in questions for one in _handed(records, question).values()
    ]
    return [one for one in found if isinstance(one, str)]


def _handed(records: Records, question: Question) -> dict[str, Mapping]:
    return handed_over(records.seen(SUBJECT + question.id) or {})


def fault_of(error: Exception) -> str:
    """Return what went wrong in the grader itself, and where, for staff."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"


def _at_its_own_cost(open_file: Callable[..., Opened]) -> Callable[..., Opened]:
    """Return the same function of a question, which no error ends: one that is the grader's leaves this file unopened,
    and every other one as it is."""

    @functools.wraps(open_file)
    def opened(question: Question, *given: object) -> Opened:
        try:
            return open_file(question, *given)
        except Exception as error:
            return Opened(
                None, f"{question.id} could not be opened: {fault_of(error)}: {error}"[:400]
            )

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
    found = [facts[one] for one in wanted if one in facts]
    if not wanted or len(found) < len(wanted):
        return _failed(_ABSENT)
    faults = list(filter(None, map(unfit, found)))
    return _failed(faults[0]) if faults else _by_rules(question, found[0].graph)


def open_again(questions: Sequence[Question], records: Records) -> dict[str, Opened]:
    """Return by question what was found in the texts and programs that were handed over.

    Args:
        questions: Those about files that are no models, and that the ledger passes.
    """
    if not abilities().apart:
        return {
            one.id: Opened(None, "files cannot be opened apart from the grader's own here")
            for one in questions
        }
    return {one.id: _opened(one, records) for one in questions}


#: What was found in this process, by question and texts: right configurations are the same in most of a class.
_OPENED: dict[tuple[str, str], Opened] = {}


@_at_its_own_cost
def _opened(question: Question, records: Records) -> Opened:
    """Return what was found in one question's texts."""
    handed = _handed(records, question).items()
    texts = {name: file["text"] for name, file in handed if isinstance(file.get("text"), str)}
    known = question.id, json.dumps(texts)
    opened = _OPENED.get(known) or _opened_anew(question, texts)
    if opened.verdict:
        _OPENED[known] = opened
    return opened


def _opened_anew(question: Question, texts: Mapping[str, str]) -> Opened:
    if texts and is_program(question):
        return _by_rules(question, asked(question, texts))
    if not texts or not all(map(_is_plain, texts)):
        return _failed(_ABSENT)
    try:
        reading = _read(question, texts)
        if reading.get("fault") == "ModuleNotFoundError":
            return Opened(
                None,
                f"{question.id} cannot be opened here: install `{reading.get('name')}` for the grader",
            )
        return _by_rules(question, reading.get("facts"))
    except _TooLongError:
        return (
            Opened(None, "this grader is too slow to open files")
            if _is_slow()
            else _failed(_WITHOUT_END)
        )
    except (*STUMBLES, *_ODD_NAMES):  # replies and names that no honest file has
        return _failed(_WITHOUT_END)


def _is_slow() -> bool:
    """Return whether reading nothing at all takes this grader long, too."""
    begin_s = time.monotonic()
    with Sandbox() as sandbox:
        _ask(sandbox, [])
    return time.monotonic() - begin_s > _SLOW_S


def _is_plain(name: str) -> bool:
    """Return whether a name that a ledger gives leads to a place below its folder."""
    is_below = not Path(name).is_absolute() and ".." not in Path(name).parts
    return is_below and "\0" not in name and 0 < len(name.encode(errors="replace")) < 200


def _by_rules(question: Question, facts: object) -> Opened:
    """Return the verdict on facts that came out of a sandbox, and may be anything."""
    if not isinstance(facts, dict):
        return _failed(_WITHOUT_END)
    rules = [rule for rule in question.rules if rule[0] in facts or rule[0] not in _NOT_IN_A_GRAPH]
    try:
        said = fault(rules, facts)
    except STUMBLES:
        said = "what it says makes no sense"
    said = said.encode(errors="replace").decode()  # a program may have given half a letter
    return (
        _failed(f"Opened again: {said[:400]}")
        if said
        else Opened(Verdict(State.PASSED, "Right, opened again too."))
    )


def _read(question: Question, texts: Mapping[str, str]) -> dict:
    """Return the ``facts`` that a question's reader finds in texts, with nothing beside them, or its ``fault``.

    Raises:
        _TooLongError: It did not come to its end.
    """
    with Sandbox() as sandbox:
        folder = sandbox.folder / "handed"
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        path = folder if len(texts) > 1 or "/" in min(texts) else folder / min(texts)
        outcome = _ask(sandbox, [{"reads": reader(question), "path": str(path)}])
    if outcome.timed_out:
        raise _TooLongError
    for line in reversed(outcome.output.splitlines()):
        with contextlib.suppress(StrictJsonError):
            if isinstance(said := loads(line), dict):
                return said
    return {}


def _ask(sandbox: Sandbox, asked: list[dict[str, str]]) -> Outcome:
    (sandbox.folder / "asked.json").write_text(json.dumps(asked))
    limits = Limits(
        wall_s=_WITHIN_S, cpu_s=_WITHIN_S, memory_bytes=MEMORY_BYTES, output_bytes=4 << 20
    )
    return sandbox.run([sys.executable, "-m", _READER, "asked.json"], limits=limits)
