"""What a check says about the evidence it was given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check.

    ``message`` is stored in the notebook as text and must read the same on every machine: no measured numbers, clocks
    or identifiers. Those belong into ``expected`` and ``yours``, which are shown side by side and never stored as text.
    """

    #: Whether the checkpoint's points are earned.
    ok: bool
    #: One sentence: what is right, or what is wrong and what to do about it.
    message: str
    #: What the evidence leads one to expect, ready to be shown.
    expected: str = ""
    #: What was handed in, ready to be shown.
    yours: str = ""


def passed(message: str = "Right.", expected: str = "", yours: str = "") -> Verdict:
    """Return a verdict that earns the points."""
    return Verdict(True, message, expected, yours)


def failed(message: str, expected: str = "", yours: str = "") -> Verdict:
    """Return a verdict that earns nothing; the message says what to do."""
    return Verdict(False, message, expected, yours)


def unanswered(what: str = "Replace the dots in the cell above and run it.") -> Verdict:
    """Return the verdict on a stub."""
    return failed(f"Not answered yet. {what}")
