"""Checkpoints on predictions: judged for being made in time and in earnest, never for being right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grading.checkpoints.evidence import began, first_measurement, moment, prediction_in_time, predictions_of
from grading.checkpoints.registry import REGISTRY, Checkpoint, Prediction, place_of
from grading.checkpoints.verdict import Verdict, failed, passed

Measured = Callable[[list[dict]], float | str | None]


def prediction(
    id: str,
    *,
    about: dict,
    title: str,
    points: int = 1,
    hint: str = "",
    choices: Sequence[str] = (),
    between: tuple[float, float] = (0.0, float("inf")),
    show: Callable[[float | str], str] = str,
    registry=REGISTRY,
) -> Callable[[Measured], Measured]:
    """Register a question whose answer is predicted before it is measured.

    The decorated function returns the measured value from ledger entries, or None while it is not there; it is what
    ``reconcile`` shows beside the prediction.

    Args:
        id: Checkpoint id.
        about: Fields of the measurements that the prediction concerns; it must precede the first of them. For
            observations: ``{"subject": …}``.
        title: The question in a few words.
        points: For predicting in time; a wrong prediction earns them too.
        hint: Shown when the check fails.
        choices: Allowed texts; a number is expected when empty.
        between: Numbers outside this range are taken for slips of the unit.
        show: Turns a value into text for the screen.
        registry: Where it is registered.
    """

    def judge(entries: list[dict]) -> Verdict:
        if not predictions_of(entries, id):
            return failed("No prediction yet: replace the dots with what you expect, then run the cell.")
        made = prediction_in_time(entries, id, about)
        if made is None:
            return failed(
                "This prediction came after the measurement it is about, so it predicts nothing. No harm done: "
                "read on, and predict first next time."
            )
        return _judge_value(made["value"], choices, between, show)

    def register(measured: Measured) -> Measured:
        part, lesson = place_of(measured.__module__)
        asked = Prediction(about, measured, show)
        registry.add(
            Checkpoint(id, title, points, judge, part=part, lesson=lesson, hint=hint, prediction=asked),
        )
        return measured

    return register


def _judge_value(value: object, choices: Sequence[str], between: tuple[float, float], show: Callable) -> Verdict:
    if choices:
        if value in choices:
            return passed("Predicted before measuring.", yours=show(value))
        return failed("Choose one of the words offered in the question.", ", ".join(choices), str(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return failed("A number is asked for here, without its unit.", "a number", repr(value))
    if not between[0] <= value <= between[1]:
        return failed(
            "This number cannot be meant: look at the unit that the question asks for.",
            f"{between[0]:g} to {between[1]:g}",
            f"{value:g}",
        )
    return passed("Predicted before measuring.", yours=show(value))


def reconciled(checkpoint: Checkpoint, entries: list[dict]) -> tuple[str, str, str]:
    """Return prediction, measured value and their difference as text for the screen.

    Raises:
        ValueError: The checkpoint does not ask for a prediction.
    """
    if checkpoint.prediction is None:
        raise ValueError(f"{checkpoint.id} asks for no prediction: use check({checkpoint.id!r})")
    asked = checkpoint.prediction
    made = prediction_in_time(entries, checkpoint.id, asked.about) or next(
        iter(predictions_of(entries, checkpoint.id)), None
    )
    found = asked.measured(entries)
    predicted = "nothing predicted" if made is None else asked.show(made["value"])
    measured = "not measured yet" if found is None else asked.show(found)
    if made is None or found is None:
        return predicted, measured, ""
    return predicted, measured, _difference(made, found, first_measurement(entries, asked.about))


def _difference(made: dict, found: float | str, first: dict | None) -> str:
    late = first is not None and moment(made["made_at"]) > began(first)
    remark = " (predicted after the measurement)" if late else ""
    if isinstance(found, str) or isinstance(made["value"], str):
        return ("as predicted" if made["value"] == found else "a surprise") + remark
    if not made["value"] or not found:
        return f"{found - made['value']:+g}{remark}"
    return _factor_in_words(found / made["value"]) + remark


def _factor_in_words(factor: float) -> str:
    if abs(factor - 1) <= 0.1:
        return "within 10 % of the prediction"
    if factor >= 2:
        return f"{factor:.1f} times the prediction"
    if 0 < factor <= 0.5:
        return f"the prediction was {1 / factor:.1f} times as much"
    return f"{abs(factor - 1):.0%} {'more' if factor > 1 else 'less'} than predicted".replace("%", " %")
