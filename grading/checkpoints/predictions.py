"""Checkpoints on predictions: judged for being made in time and in earnest, never for being right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from grading.checkpoints.registry import REGISTRY, Checkpoint
from grading.checkpoints.verdict import State, Verdict, failed, missing, passed
from labs.records import Prediction as Made
from labs.records import Records
from labs.records.collection import began

Measured = Callable[[Records], float | str | None]


@dataclass(frozen=True)
class Prediction:
    """What a checkpoint on a prediction knows about its question."""

    #: Fields of the measurements that it concerns, such as ``{"kind": "latency", "option": "torch-compiled"}``.
    about: Mapping
    #: The value that the records give, or None while they are not there.
    measured: Measured
    #: How a value of this question is shown.
    show: Callable[[float | str], str]
    #: Unit of the number; empty for a pure number, and for words.
    unit: str = ""
    #: Words to choose from; a number is expected when empty.
    choices: tuple[str, ...] = ()
    #: Numbers outside are taken for slips of the unit.
    between: tuple[float, float] = (0.0, float("inf"))
    #: How the page of questions calls it.
    kind: str = "prediction"

    def open(self, id: str, records: Records) -> Verdict | None:
        """Return the verdict while nothing is predicted."""
        if records.predictions(id):
            return None
        return Verdict(State.UNANSWERED, "No prediction yet: fill in the box above and press its button.")

    def made(self, id: str, records: Records) -> Made | None:
        """Return the prediction that counts: the last in time, else the first, which came too late."""
        return records.prediction_in_time(id, self.about) or next(iter(records.predictions(id)), None)

    def fault(self, value: object) -> str:
        """Return what is wrong with the form of a prediction, in a sentence; an empty text when nothing is."""
        if self.choices:
            return "" if value in self.choices else f"Choose one of these: {', '.join(self.choices)}."
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "A number is asked for here, without its unit."
        if not (math.isfinite(value) and self.between[0] <= value <= self.between[1]):
            return "This number cannot be meant: look at the unit that the question asks for."
        return ""

    def is_measured(self, records: Records) -> bool:
        """Return whether what it is about is there already."""
        return records.first_about(self.about) is not None


def prediction(
    id: str,
    *,
    about: Mapping,
    title: str,
    unit: str = "",
    choices: Sequence[str] = (),
    between: tuple[float, float] = (0.0, float("inf")),
    show: Callable[[float | str], str] | None = None,
    gate: Sequence[str] = (),
    registry=REGISTRY,
) -> Callable[[Measured], Measured]:
    """Register a question whose answer is predicted before it is measured.

    The decorated function returns the measured value from the records, or None while it is not there; it is what
    ``reconcile`` shows beside the prediction.

    Args:
        id: Checkpoint id.
        about: Fields of the measurements that the prediction concerns; it must precede the first of them. For
            observations: ``{"subject": …}``.
        title: The question in a few words.
        unit: Of the number that is typed, and of what the decorated function returns.
        choices: Allowed texts; a number is expected when empty.
        between: Numbers outside this range are taken for slips of the unit.
        show: Turns a value into text for the screen; the number with its unit when None.
        gate: Capabilities without which a machine cannot earn it.
        registry: Where it is registered.
    """

    def register(measured: Measured) -> Measured:
        asked = Prediction(about, measured, show or _shows(unit), unit, tuple(choices), between)

        def judge(records: Records) -> Verdict:
            made = records.prediction_in_time(id, about)
            if made is None:
                return failed(
                    "This prediction came after the measurement it is about, so it predicts nothing. No harm done: "
                    "read on, and predict first next time."
                )
            if fault := asked.fault(made.value):
                return failed(fault, yours=str(made.value))
            # What was never measured was not predicted either.
            return passed(_IN_TIME, yours=asked.show(made.value)) if asked.is_measured(records) else missing(_NOTED)

        registry.register(
            measured,
            id,
            judge,
            title=title,
            asks=asked,
            gate=tuple(gate),
        )
        return measured

    return register


_IN_TIME = "Predicted before measuring."
_NOTED = "Your prediction is noted. It counts as soon as what it is about is measured: run the cells that follow."


def _shows(unit: str) -> Callable[[float | str], str]:
    return lambda value: value if isinstance(value, str) else f"{value:.4g} {unit}".strip()


def reconciled(checkpoint: Checkpoint, records: Records) -> tuple[str, str, str]:
    """Return prediction, measured value and their difference as text for the screen.

    Raises:
        ValueError: The checkpoint does not ask for a prediction.
    """
    asked = checkpoint.asks
    if not isinstance(asked, Prediction):
        raise ValueError(f"{checkpoint.id} asks for no prediction: use check({checkpoint.id!r})")
    made, found = compared(checkpoint, records)
    predicted = "nothing predicted" if made is None else asked.show(made.value)
    measured = "not measured yet" if found is None else asked.show(found)
    if made is None or found is None:
        return predicted, measured, ""
    first = records.first_about(asked.about)
    late = first is not None and datetime.fromisoformat(made.made_at) > began(first)
    return predicted, measured, _difference(made, found) + (" (predicted after the measurement)" if late else "")


def compared(checkpoint: Checkpoint, records: Records) -> tuple[Made | None, float | str | None]:
    """Return the prediction that counts and the measured value, each None while it is not there."""
    asked = checkpoint.asks
    return asked.made(checkpoint.id, records), asked.measured(records)


def _difference(made: Made, found: float | str) -> str:
    if isinstance(found, str) or isinstance(made.value, str):
        return "as predicted" if made.value == found else "a surprise"
    if not made.value or not found:
        return f"{found - made.value:+g}"
    return _factor_in_words(found / made.value)


def _factor_in_words(factor: float) -> str:
    if abs(factor - 1) <= 0.1:
        return "within 10 % of the prediction"
    if factor >= 2:
        return f"{factor:.1f} times the prediction"
    if 0 < factor <= 0.5:
        return f"the prediction was {1 / factor:.1f} times as much"
    return f"{abs(factor - 1):.0%} {'more' if factor > 1 else 'less'} than predicted".replace("%", " %")
