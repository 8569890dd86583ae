"""Questions whose answer is a function: called on fixed cases, on the student's own records, and later on secret ones.

What is kept in the ledger is what the function returned on the fixed cases, with its source. The judge compares that
with what the reference returns there, so it needs neither the function nor the machine.
"""

from __future__ import annotations

import functools
import inspect
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grading.calls import call, decode, encode, taken_from_elsewhere
from grading.checkpoints.registry import REGISTRY, STUMBLES, State, Verdict, failed, passed, unanswered
from grading.checkpoints.values import is_number, shown
from labs.records import Records

Cases = Callable[[np.random.Generator], Sequence[tuple]]
Compare = Callable[[object, object], bool]

#: Characters of a function's source that are kept.
_MOST_SOURCE = 20_000

#: Characters of a case and of a result on a card.
_SHOWN = 72


@dataclass(frozen=True)
class Mistake:
    """A known mistake, as a function that makes it."""

    #: A word or two.
    name: str
    #: Returns what somebody who makes it would return.
    function: Callable
    #: What to say to somebody who made it.
    message: str


@dataclass(frozen=True)
class Function:
    """What a checkpoint on a function knows about its question."""

    #: Checkpoint id; it also seeds the fixed cases.
    id: str
    #: The right function; the student's has its name.
    reference: Callable
    #: Draws cases.
    cases: Cases
    #: Takes cases from the student's own records.
    own: Callable[[Records], Sequence[tuple]] | None
    #: Known mistakes, tried in this order.
    mistakes: tuple[Mistake, ...]
    #: Whether a result is as good as the reference's.
    compare: Compare
    #: Said after a pass.
    right: str = ""
    #: How the page of questions calls it.
    kind: str = "function"

    @property
    def name(self) -> str:
        """The function's name in the lesson."""
        return self.reference.__name__

    def open(self, id: str, records: Records) -> Verdict | None:
        """Return the verdict while no function was checked."""
        if records.answer(id) is not None:
            return None
        return unanswered(f"Write the body of `{self.name}` in place of the dots, run its cell, then this check.")

    @functools.cached_property
    def public(self) -> Round:
        """The fixed cases, the same on every machine."""
        return self.drawn(np.random.default_rng(zlib.crc32(self.id.encode())))

    def drawn(self, random: np.random.Generator) -> Round:
        """Return cases that a generator draws."""
        return Round(self, tuple(encode(list(case)) for case in self.cases(random)))

    def of_own(self, records: Records) -> Round:
        """Return the cases that the student's own records make; none where they are not there."""
        try:
            cases = self.own(records) if self.own else ()
        except STUMBLES:
            cases = ()
        return Round(self, tuple(encode(list(case)) for case in cases))

    def tried(self, function: Callable, records: Records) -> Tried:
        """Call a function on the fixed cases and on those of the student's own records."""
        outputs, own = call(function, self.public.cases), self.of_own(records)
        on_own = own.verdict(call(function, own.cases))
        said = next((one["said"] for one in outputs if "said" in one), "")
        # What an exception says may be long, and anything; its type is enough to judge by.
        kept = [{name: value for name, value in one.items() if name != "said"} for one in outputs]
        answer = {"source": _source(function), "outputs": kept, "own": on_own.ok}
        others = [one.asks.name for one in REGISTRY if isinstance(one.asks, Function)]
        if elsewhere := taken_from_elsewhere(function, others):
            answer["elsewhere"] = elsewhere
        return Tried(answer, on_own, said)

    def verdict(self, records: Records) -> Verdict:
        """Judge what was written down when the function was checked."""
        kept = records.answer(self.id)
        outputs = kept.get("outputs") if isinstance(kept, dict) else None
        if not isinstance(outputs, list):
            return failed(f"Hand the function itself over: `check({self.id!r}, {self.name})`.")
        found = self.public.verdict(outputs)
        if found.ok and kept.get("own") is False:
            return failed("Right on the fixed cases, and not on your own records.")
        if found.ok and kept.get("elsewhere"):
            taken = ", ".join(f"`{str(name)[:40]}`" for name in kept["elsewhere"][:5])
            return failed(
                f"Right, but `{self.name}` needs {taken} from another cell, and the grader runs this one alone: import "
                "or define that in the function's body, or in its cell."
            )
        return found


@dataclass(frozen=True)
class Tried:
    """What a function did when it was checked."""

    #: What is written down as the answer.
    answer: dict
    #: The verdict on the cases of the student's own records.
    on_own: Verdict
    #: What its first exception said; empty without one.
    said: str


@dataclass(frozen=True)
class Round:
    """Some cases of a question, with what the reference and the known mistakes do on them."""

    #: The question.
    question: Function
    #: Lists of arguments, encoded.
    cases: tuple[list, ...]

    def shuffled(self, random: np.random.Generator) -> Round:
        """Return the cases in another order: results that are recited one after the other do not fit it."""
        return replace(self, cases=tuple(self.cases[int(place)] for place in random.permutation(len(self.cases))))

    @functools.cached_property
    def expected(self) -> list[dict]:
        """What the reference does."""
        return call(self.question.reference, self.cases)

    @functools.cached_property
    def mistaken(self) -> list[tuple[Mistake, list[dict]]]:
        """What each known mistake does."""
        return [(mistake, call(mistake.function, self.cases)) for mistake in self.question.mistakes]

    def verdict(self, outputs: Sequence[Mapping]) -> Verdict:
        """Judge what a function did on these cases.

        Args:
            outputs: As ``grading.calls.call`` returns it.
        """
        if len(outputs) != len(self.cases):
            return failed("The fixed cases have changed since this was checked: run the check again.")
        wrong = [place for place, one in enumerate(outputs) if not self.agrees(one, self.expected[place])]
        if not wrong:
            return passed(self.question.right or f"`{self.question.name}` is right on all {len(self.cases)} cases.")
        yours = self._yours(wrong[0], outputs[wrong[0]])
        if mistake := self._known(outputs):
            return Verdict(State.FAILED, mistake.message, yours=yours, mistake=mistake.name)
        return failed(self._fault(outputs, wrong), yours=yours)

    def agrees(self, one: Mapping, other: Mapping) -> bool:
        """Return whether one outcome is as good as the other, which is the reference's or a mistake's."""
        if "value" not in one or "value" not in other:
            return one.get("raised", 1) == other.get("raised", 2)
        # The same to the last digit and type, as most right ones are: that needs no walk through it in Python.
        if repr(one["value"]) == repr(other["value"]):
            return True
        given, wanted = (decode(outcome["value"], arrays=False) for outcome in (one, other))
        if _fault_of_shape(given, wanted):
            return False
        try:
            return bool(self.question.compare(given, wanted))
        except STUMBLES:
            return False

    def differing(self, mistake: Mistake) -> list[int]:
        """Return the places at which a mistake shows."""
        theirs = call(mistake.function, self.cases)
        return [place for place, one in enumerate(theirs) if not self.agrees(one, self.expected[place])]

    def _known(self, outputs: Sequence[Mapping]) -> Mistake | None:
        """Return the known mistake that explains these outcomes: alike wherever it shows; the one alike most often."""
        best, most = None, 0
        for mistake, theirs in self.mistaken:
            alike = [self.agrees(one, other) for one, other in zip(outputs, theirs, strict=True)]
            shows = [not self.agrees(one, other) for one, other in zip(theirs, self.expected, strict=True)]
            fits = any(shows) and all(same for same, seen in zip(alike, shows, strict=True) if seen)
            if fits and sum(alike) > most:
                best, most = mistake, sum(alike)
        return best

    def _fault(self, outputs: Sequence[Mapping], wrong: Sequence[int]) -> str:
        """Return one sentence on results that are wrong in no known way: what they are comes before what they say."""
        name = self.question.name
        raised = next((outputs[place]["raised"] for place in wrong if "raised" in outputs[place]), "")
        if raised:
            return f"`{name}` raises {raised}."
        values = [decode(one["value"], arrays=False) for one in outputs if "value" in one]
        if all(value is None for value in values):
            return f"`{name}` returns nothing (None): is its `return` missing?"
        for place in wrong:
            fault = _fault_of_shape(
                decode(outputs[place]["value"], arrays=False), decode(self.expected[place].get("value"), arrays=False)
            )
            if fault:
                return f"`{name}` returns {fault}."
        return f"`{name}` is not right on {len(wrong)} of {len(self.cases)} cases."

    def _yours(self, place: int, outcome: Mapping) -> str:
        arguments = ", ".join(_short(part) for part in self.cases[place])
        did = f"raises {outcome.get('raised')}" if "value" not in outcome else f"returns {_short(outcome['value'])}"
        return f"{self.question.name}({arguments}) {did}"


def function_question(
    id: str,
    *,
    title: str,
    cases: Cases,
    points: int = 2,
    hints: Sequence[str] = (),
    own: Callable[[Records], Sequence[tuple]] | None = None,
    needs: Sequence[Mapping] = (),
    mistakes: Sequence[Mistake] = (),
    compare: Compare | None = None,
    right: str = "",
) -> Callable[[Callable], Callable]:
    """Register the decorated function as the reference of a question whose answer is a function.

    Args:
        id: Checkpoint id.
        title: The question in a few words.
        cases: Draws argument tuples of plain JSON values and numpy arrays; fixed and secret cases both come from it.
        points: What it is worth.
        hints: Two: the second, stronger one from the second failing try on.
        own: Takes argument tuples from the student's own records.
        needs: Records without which it cannot be passed.
        mistakes: Known mistakes; a function that behaves like one where it differs from the reference gets its message.
        compare: Whether a result is as good as the reference's; arrays come as lists. ``close()`` when None.
        right: Said after a pass.
    """

    def register(reference: Callable) -> Callable:
        asked = Function(id, reference, cases, own, tuple(mistakes), compare or close(), right)
        REGISTRY.register(
            reference,
            id,
            asked.verdict,
            title=title,
            points=points,
            asks=asked,
            hints=tuple(hints),
            needs=tuple(needs),
            mistakes={one.name: one.message for one in mistakes},
        )
        return reference

    return register


def close(*, rel: float = 1e-3, abs: float = 1e-9) -> Compare:
    """Return a comparison of numbers, and of lists and dictionaries of them, with room for rounding.

    Args:
        rel: Difference relative to the reference's number.
        abs: Difference in the number's own unit.
    """

    def compare(given: object, wanted: object) -> bool:
        if isinstance(wanted, list):
            return len(given) == len(wanted) and all(map(compare, given, wanted))
        if isinstance(wanted, dict):
            return given.keys() == wanted.keys() and all(compare(given[name], wanted[name]) for name in wanted)
        if is_number(wanted) and is_number(given):
            if wanted != wanted:  # not a number
                return given != given
            # Equal infinities have no difference.
            return given == wanted or -1 <= (given - wanted) / max(abs, rel * (wanted if wanted > 0 else -wanted)) <= 1
        return given == wanted

    return compare


def _fault_of_shape(given: object, wanted: object) -> str:
    """Return what else a result is than the reference's, such as 'a list where a number is asked for'."""
    if given is None or wanted is None:
        return ""
    kinds = (_kind(given), _kind(wanted))
    if kinds[0] != kinds[1]:
        return f"{kinds[0]} where {kinds[1]} is asked for"
    if isinstance(wanted, list):
        if len(given) != len(wanted):
            return "a list that has another length than is asked for"
        return next((fault for pair in zip(given, wanted, strict=True) if (fault := _fault_of_shape(*pair))), "")
    if isinstance(wanted, dict):
        if given.keys() != wanted.keys():
            return "a dictionary with other keys than are asked for"
        return next((fault for name in wanted if (fault := _fault_of_shape(given[name], wanted[name]))), "")
    return ""


def _source(function: Callable) -> str:
    try:
        return inspect.getsource(function)[:_MOST_SOURCE]
    except (OSError, TypeError):
        return ""


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "True or False"
    if is_number(value):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, dict) and "$" in value:
        return f"a {value.get('type', 'value')}"
    return "a list" if isinstance(value, list) else "a dictionary"


def _short(value: object) -> str:
    """Return an encoded value on one line."""
    plain = decode(value, arrays=False)
    text = f"[{shown(plain)}]" if isinstance(plain, list) else repr(plain) if isinstance(plain, str) else shown(plain)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 2]} …"
