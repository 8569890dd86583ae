"""All checkpoints of the course, each defined once: an id, its points, and a pure function of the ledger's records."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from grading.checkpoints.values import fault_of_form
from labs.records import Answer, DifferentMachinesError, Records
from labs.records.record import ENTRY_TYPES

#: The parts of the course that have checkpoints: the packages beside this file, in the course's order.
PARTS = ("start", "model", "edge", "system")

#: Dots separate words, so that '.' ↔ '-' maps ids to notebook cell ids and back (those know no dot).
ID_FORM = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")

#: What a judge may stumble over in evidence that somebody wrote by hand.
STUMBLES = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError)


class UnknownCheckpointError(KeyError):
    """There is no checkpoint with this id; the message names the nearest ones."""

    def __str__(self) -> str:
        return self.args[0]


class State(StrEnum):
    """How a question stands."""

    #: The points are earned.
    PASSED = "passed"
    #: There is an answer, and it is not right.
    FAILED = "failed"
    #: The stub's dots are still there, or nothing was handed over.
    UNANSWERED = "unanswered"
    #: A record or a file that the question rests on is not there yet.
    MISSING_EVIDENCE = "missing evidence"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check.

    ``message`` is stored in the notebook as text and must read the same on every machine: no measured numbers, clocks
    or identifiers, and never the answer. ``yours`` is shown in the card's HTML only; ``expected`` after a pass only.
    """

    #: How the question stands.
    state: State
    #: One sentence: what is right, or what is wrong and what to do about it. Backticks mark code.
    message: str
    #: What the evidence leads one to expect, ready to be shown.
    expected: str = ""
    #: What was handed in, ready to be shown.
    yours: str = ""
    #: Name of the known mistake that was recognized; empty when none was.
    mistake: str = ""

    @property
    def ok(self) -> bool:
        """Whether the checkpoint's points are earned."""
        return self.state is State.PASSED


def passed(message: str = "Right.", expected: str = "", yours: str = "") -> Verdict:
    """Return a verdict that earns the points."""
    return Verdict(State.PASSED, message, expected, yours)


def failed(message: str, expected: str = "", yours: str = "") -> Verdict:
    """Return a verdict that earns nothing; the message says what to do. Nobody is shown ``expected``."""
    return Verdict(State.FAILED, message, expected, yours)


def failed_as(mistake: str, yours: str = "") -> Verdict:
    """Return the verdict on a known mistake; its sentence stands in the question's ``mistakes``."""
    return Verdict(State.FAILED, "", yours=yours, mistake=mistake)


def missing(message: str) -> Verdict:
    """Return the verdict while a record or a file is not there; the message says which cell makes it."""
    return Verdict(State.MISSING_EVIDENCE, message)


def unanswered(what: str = "Replace the dots in the cell above and run it.") -> Verdict:
    """Return the verdict on a stub."""
    return Verdict(State.UNANSWERED, f"Not answered yet. {what}")


#: Records in, verdict out. No torch, no clock, no files.
Judge = Callable[[Records], Verdict]


@dataclass(frozen=True)
class Words:
    """A question that ``answer`` answers, or that asks for evidence alone."""

    #: What an answer looks like (``grading.checkpoints.values.fault_of_form``); anything when None.
    form: object = None
    #: Nothing is answered: the judge looks at records only.
    evidence_only: bool = False
    #: How the page of questions calls it.
    kind: str = "answer"

    def open(self, id: str, records: Records) -> Verdict | None:
        """Return the verdict while there is nothing to judge."""
        return None if self.evidence_only or records.answer(id) is not None else unanswered()


@dataclass(frozen=True)
class Checkpoint:
    """One thing that a lesson asks for."""

    #: Stable id, such as 'm.measure.p99'.
    id: str
    #: The question in a few words.
    title: str
    #: What it is worth.
    points: int
    #: Judges the evidence.
    judge: Judge
    #: What only its kind of question knows: ``Words``, ``Prediction``, ``Function`` or ``Artefact``.
    asks: object = field(default_factory=Words)
    #: Part of the course: 'start', 'model', …
    part: str = ""
    #: Number of the lesson, which is also the number in the notebook's name.
    lesson: int = 0
    #: Where to look, never the answer: the first is shown at the first failing try, the last from the second one on.
    hints: tuple[str, ...] = ()
    #: Records without which it cannot be passed: fields of a measurement, or the subject of an observation.
    needs: tuple[Mapping, ...] = ()
    #: What a machine must be able to do for it to be earned there, by the names of the capability gate; its lesson says
    #: so. Empty where any machine will do.
    gate: tuple[str, ...] = ()
    #: A sentence for each known mistake, by its name.
    mistakes: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """'prediction', 'function', 'artefact' or 'answer'."""
        return self.asks.kind

    def verdict(self, entries: Records | list[dict]) -> Verdict:
        """Return the verdict on a ledger's entries, typed or as plain JSON.

        Evidence is written by others and may be anything, so a judge that stumbles over it fails the checkpoint
        instead of the grader.
        """
        try:
            found = self._judged(entries)
        except STUMBLES as error:
            found = failed(stumbled_over(error))
        if found.mistake and not found.message:
            found = replace(
                found, message=self.mistakes.get(found.mistake, f"This is a known mistake: {found.mistake}.")
            )
        # What was expected is shown after a pass only, wherever a verdict is shown.
        return found if found.ok else replace(found, expected="")

    def _judged(self, entries: Records | list[dict]) -> Verdict:
        records = as_records(entries)
        waiting = self.asks.open(self.id, records)
        if waiting is not None:
            return waiting
        # A function is judged on cases of its own first: it can be wrong before anything was measured.
        if self.kind != "function" and (lacks := self.lacks(records)):
            return missing(lacks)
        form = getattr(self.asks, "form", None)
        if form is not None and (fault := fault_of_form(records.answer(self.id), form)):
            return failed(fault)
        found = self.judge(records)
        if not found.ok and isinstance(self.asks, Words):
            # What was right when it was answered stays right when the leased machine's records come home.
            found = self._judged_then(records) or found
        return missing(lacks) if found.ok and (lacks := self.lacks(records)) else found

    def _judged_then(self, records: Records) -> Verdict | None:
        """Return the verdict by what was known when the newest answer was given, where that is a pass."""
        places = [place for place, one in enumerate(records) if isinstance(one, Answer) and one.question == self.id]
        if not places or places[-1] + 1 == len(records):
            return None
        then = records[: places[-1] + 1]
        if self.lacks(then):
            return None
        try:
            found = self.judge(then)
        except STUMBLES:
            return None
        return found if found.ok else None

    def lacks(self, records: Records) -> str:
        """Return a sentence about the first record that is needed and not there; an empty text when none is."""
        for need in self.needs:
            if records.first_about(need) is None:
                return _absent(need)
        return ""

    def hint(self, tries: int) -> str:
        """Return the hint after so many failing tries."""
        return self.hints[min(max(tries, 1), len(self.hints)) - 1] if self.hints else ""


def as_records(entries: Records | Iterable[Mapping]) -> Records:
    """Return entries as typed records; one that has not the form of an entry is left out, and the others count."""
    if isinstance(entries, Records):
        return entries
    found = []
    for values in entries:
        try:
            found.append(ENTRY_TYPES[values["type"]].from_json(dict(values)))
        except STUMBLES:
            continue
    return Records(found)


def stumbled_over(error: Exception) -> str:
    """Return one sentence on an answer that a judge could not read, or on records that it could not compare."""
    if isinstance(error, DifferentMachinesError):
        return (
            "The newest records of these options come from different machines, and their times cannot be compared: "
            "measure all of them again on one machine, then run this check."
        )
    if isinstance(error, KeyError) and error.args:
        return (
            f"The answer lacks the part `{error.args[0]}`: keep the names that stand in the cell, and replace the dots."
        )
    return (
        "This answer does not have the form that was asked for: a part of it is a text where a number belongs, or a "
        "list in place of one value."
    )


def _absent(need: Mapping) -> str:
    if "subject" in need:
        return f"`{need['subject']}` was not looked at yet: run the cell above that does it, then this check again."
    kind = str(need.get("kind", "")).replace("_", " ")
    about = f" of `{need['option']}`" if "option" in need else ""
    size = f" with batches of {need['batch_size']}" if "batch_size" in need else ""
    return f"There is no {kind} record{about}{size} yet: run the cell that measures it, then this check again."


class Registry:
    """Checkpoints by id, in order of definition."""

    def __init__(self) -> None:
        self._checkpoints: dict[str, Checkpoint] = {}

    def add(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint.

        Raises:
            ValueError: The id is taken or malformed, or it is worth nothing.
        """
        if not ID_FORM.fullmatch(checkpoint.id):
            raise ValueError(f"checkpoint id {checkpoint.id!r}: lower-case words joined by dots, as in 'm.measure.p99'")
        if checkpoint.id in self._checkpoints:
            raise ValueError(f"checkpoint {checkpoint.id!r} is defined twice")
        if checkpoint.points < 1:
            raise ValueError(f"checkpoint {checkpoint.id!r} is worth {checkpoint.points} points; one is the least")
        self._checkpoints[checkpoint.id] = checkpoint

    def register(self, author: Callable, id: str, judge: Judge, *, title: str = "", points: int = 1, **fields: object):
        """Add a checkpoint whose place in the course is that of the module that its author wrote it in.

        Args:
            author: The decorated function.
            id: Checkpoint id.
            judge: Judges the evidence.
            title: The question in a few words.
            points: What it is worth.
            fields: Of ``Checkpoint``.
        """
        part, lesson = place_of(author.__module__)
        self.add(Checkpoint(id, title or id, points, judge, part=part, lesson=lesson, **fields))

    def checkpoint(
        self,
        id: str,
        *,
        points: int = 1,
        title: str = "",
        hints: Sequence[str] = (),
        hint: str = "",
        form: object = None,
        needs: Sequence[Mapping] = (),
        gate: Sequence[str] = (),
        mistakes: Mapping[str, str] | None = None,
        evidence_only: bool = False,
    ) -> Callable[[Judge], Judge]:
        """Register the decorated pure function as the judge of a question that is answered in words.

        Args:
            id: Checkpoint id.
            points: What it is worth.
            title: The question in a few words.
            hints: Two: the second, stronger one from the second failing try on.
            hint: The only one.
            form: What the answer looks like: ``float``, ``int``, ``bool``, ``str``, words to choose from as a tuple,
                a list of one of these, or a dictionary of them.
            needs: Records without which it cannot be passed.
            gate: Capabilities without which a machine cannot earn it.
            mistakes: Sentences of known mistakes; the judge returns ``failed_as`` with the name.
            evidence_only: Nothing is answered; the judge looks at records.
        """

        def register(judge: Judge) -> Judge:
            self.register(
                judge,
                id,
                judge,
                title=title,
                points=points,
                asks=Words(form, evidence_only),
                hints=tuple(hints) or ((hint,) if hint else ()),
                needs=tuple(needs),
                gate=tuple(gate),
                mistakes=mistakes or {},
            )
            return judge

        return register

    def __getitem__(self, id: str) -> Checkpoint:
        if id not in self._checkpoints:
            near = difflib.get_close_matches(id, self._checkpoints, n=3, cutoff=0.4)
            more = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UnknownCheckpointError(f"there is no checkpoint {id!r}{more}")
        return self._checkpoints[id]

    def __iter__(self):
        return iter(sorted(self._checkpoints.values(), key=lambda one: one.lesson))

    def __contains__(self, id: str) -> bool:
        return id in self._checkpoints


def place_of(module: str) -> tuple[str, int]:
    """Return part and lesson number of a module of checkpoints: '….model.lesson_11_batches' → ('model', 11).

    The sittings of one lesson share its number: '….model.lesson_14b_forms' → ('model', 14).
    """
    found = re.search(r"\.([a-z]+)\.lesson_(\d+)[a-z]?(_\w+)?$", module)
    return (found[1], int(found[2])) if found else ("", 0)


REGISTRY = Registry()
checkpoint = REGISTRY.checkpoint


@functools.lru_cache(maxsize=1)
def all_checkpoints() -> Registry:
    """Return the course's registry with every part's lessons loaded, once a process."""
    for part in PARTS:
        package = importlib.import_module(f"grading.checkpoints.{part}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return REGISTRY
