"""What a check says about the evidence it was given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
