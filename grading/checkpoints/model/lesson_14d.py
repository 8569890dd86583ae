"""Train for the target: fake quantization and its gradient, learning from a teacher, what seeds say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grading.checkpoints import (
    Mistake,
    close,
    function_question,
    prediction,
)
from grading.checkpoints.model.lesson_14 import BASELINE
from labs import stats
from labs.display.format import times
from labs.records import Records

_ZEROS = "zeros"


def _values(random: np.random.Generator) -> list[tuple]:
    """Return tensors of which some values lie beyond the last mark on each side, with grids that reach less far."""
    made = []
    for scale, zero_point, qmin, qmax in ((0.25, 0, -7, 7), (0.1, 5, 0, 15), (0.02, 51, 0, 255), (0.5, -2, -8, 7)):
        low, high = (qmin - zero_point) * scale, (qmax - zero_point) * scale
        inside = random.uniform(low, high, 6)
        beyond = [low - scale * random.uniform(0.8, 4), high + scale * random.uniform(0.8, 4)]
        values = random.permutation(np.array([*inside, *beyond])).reshape(2, 4)
        made.append((values, scale, zero_point, qmin, qmax))
    return made


def _faked(x, scale, zero_point, qmin, qmax, *, how: str = "") -> np.ndarray:
    steps = np.asarray(x) / scale
    steps = np.trunc(steps) if how == "cut off" else steps if how == "not rounded" else np.rint(steps)
    if how == "clamped too early":
        return np.clip(steps, qmin, qmax) * scale
    marks = steps + zero_point if how == "not clamped" else np.clip(steps + zero_point, qmin, qmax)
    if how == "integers":
        return marks
    return marks * scale if how == "zero point stays" else (marks - zero_point) * scale


@function_question(
    "m.train.fake",
    points=2,
    title="Write fake quantization",
    hints=(
        "It is the way to the integers of lesson 14, and then straight back: what comes out are real numbers.",
        "`marks = np.clip(np.rint(x / scale) + zero_point, qmin, qmax)`; return `(marks - zero_point) * scale`.",
    ),
    cases=_values,
    mistakes=(
        Mistake(
            "integers",
            lambda *a: _faked(*a, how="integers"),
            "These are the integers. Fake quantization goes back: the next layer computes with real numbers.",
        ),
        Mistake(
            "zero point stays",
            lambda *a: _faked(*a, how="zero point stays"),
            "On the way back the zero point has to be taken off again.",
        ),
        Mistake(
            "not clamped",
            lambda *a: _faked(*a, how="not clamped"),
            "Values beyond the last mark keep their size here; the format cannot hold them: clamp.",
        ),
        Mistake(
            "clamped too early",
            lambda *a: _faked(*a, how="clamped too early"),
            "Clamp the integer, after the zero point was added.",
        ),
        Mistake("cut off", lambda *a: _faked(*a, how="cut off"), "Round to the nearest mark; do not cut off."),
        Mistake(
            "not rounded",
            lambda *a: _faked(*a, how="not rounded"),
            "Nothing is rounded, so training would never see what the format costs.",
        ),
    ),
    right="Real numbers, and only those that the format can hold.",
)
def fake_quantize(x: np.ndarray, scale: float, zero_point: int, qmin: int, qmax: int) -> np.ndarray:
    """Return the real numbers that are left of x after quantization."""
    return _faked(x, scale, zero_point, qmin, qmax)


def _with_upstream(random: np.random.Generator) -> list[tuple]:
    return [(x, random.normal(0, 1, np.shape(x)), *grid) for x, *grid in _values(random)]


def _inside(x, scale, zero_point, qmin, qmax) -> np.ndarray:
    marks = np.rint(np.asarray(x) / scale) + zero_point
    return (marks >= qmin) & (marks <= qmax)


@function_question(
    "m.train.straight",
    points=2,
    title="Write the straight-through gradient",
    hints=(
        "Which values did the clamp hold? There, turning the value changes nothing. Everywhere else, look away.",
        "`marks = np.rint(x / scale) + zero_point`; return `upstream * ((marks >= qmin) & (marks <= qmax))`.",
    ),
    cases=_with_upstream,
    mistakes=(
        Mistake(
            "the true one",
            lambda x, upstream, *grid: np.zeros(np.shape(x)),
            "True, and useless: the derivative of rounding is 0 nearly everywhere. Nothing would ever be learnt.",
        ),
        Mistake(
            "clamp forgotten",
            lambda x, upstream, *grid: np.asarray(upstream),
            "Beyond the last mark the output stays where it is: no gradient comes back from there.",
        ),
        Mistake(
            "turned around",
            lambda x, upstream, *grid: np.asarray(upstream) * ~_inside(x, *grid),
            "Turned around: it is inside the range that the gradient passes.",
        ),
        Mistake(
            "per step",
            lambda x, upstream, scale, *grid: np.asarray(upstream) * _inside(x, scale, *grid) / scale,
            "On the way there it is divided by the scale, on the way back multiplied: together that is 1.",
        ),
        Mistake(
            "zero point forgotten",
            lambda x, upstream, scale, zero_point, *ends: np.asarray(upstream) * _inside(x, scale, 0, *ends),
            "Whether a value is beyond the last mark shows after the zero point was added.",
        ),
    ),
    right="The rounding is looked away from, the clamp is not.",
)
def straight_through(x, upstream, scale: float, zero_point: int, qmin: int, qmax: int) -> np.ndarray:
    """Return the gradient for x, given the gradient for what fake quantization made of it."""
    return np.asarray(upstream) * _inside(x, scale, zero_point, qmin, qmax)


def _logits(random: np.random.Generator) -> list[tuple]:
    made = [(random.normal(0, 2, (4, 5)), random.normal(0, 3, (4, 5)), temperature) for temperature in (1.0, 2.0, 4.0)]
    same = random.normal(0, 2, (3, 4))
    return [*made, (same + 1.0, same, 2.0), (random.normal(0, 1, (1, 3)), random.normal(0, 1, (1, 3)), 3.0)]


def _log_shares(logits, temperature: float = 1.0) -> np.ndarray:
    scaled = np.asarray(logits) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def _divergence(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the Kullback-Leibler divergence of each row, given logarithms of probabilities."""
    return (np.exp(one) * (one - other)).sum(axis=1)


@function_question(
    "m.train.distil",
    points=2,
    title="Write the loss of learning from a teacher",
    hints=(
        "Two softmaxes at the same temperature, and how far the second is from the first, averaged over the images.",
        "In the body `def softmax(z): e = np.exp(z - z.max(axis=1, keepdims=True)); return e / e.sum(axis=1, "
        "keepdims=True)`; then `p, q = softmax(teacher / temperature), softmax(student / temperature)`; return "
        "`temperature**2 * np.mean(np.sum(p * (np.log(p) - np.log(q)), axis=1))`.",
    ),
    cases=_logits,
    mistakes=(
        Mistake(
            "turned around",
            lambda s, t, temperature: (
                temperature**2 * float(np.mean(_divergence(_log_shares(s, temperature), _log_shares(t, temperature))))
            ),
            "Turned around: the expectation is taken with the teacher's probabilities.",
        ),
        Mistake(
            "not squared",
            lambda s, t, temperature: float(
                np.mean(_divergence(_log_shares(t, temperature), _log_shares(s, temperature)))
            ),
            "Dividing logits by the temperature makes gradients smaller by its square: multiply by it.",
        ),
        Mistake(
            "no temperature",
            lambda s, t, temperature: float(np.mean(_divergence(_log_shares(t), _log_shares(s)))),
            "The temperature is not used: both softmaxes need it.",
        ),
        Mistake(
            "labels only",
            lambda s, t, temperature: float(
                -np.mean(_log_shares(s)[np.arange(len(s)), np.argmax(np.asarray(t), axis=1)])
            ),
            "This takes the teacher's first class only, and throws away what it says about the others.",
        ),
        Mistake(
            "cross-entropy",
            lambda s, t, temperature: (
                -(temperature**2)
                * float(np.mean((np.exp(_log_shares(t, temperature)) * _log_shares(s, temperature)).sum(axis=1)))
            ),
            "The same gradients, but a student that agrees has a loss of 0: subtract the teacher's entropy.",
        ),
        Mistake(
            "summed",
            lambda s, t, temperature: (
                temperature**2 * float(np.sum(_divergence(_log_shares(t, temperature), _log_shares(s, temperature))))
            ),
            "A sum over the images grows with the batch: take the mean.",
        ),
    ),
    right="Zero for a student that agrees, whatever constant its logits are shifted by.",
)
def distillation_loss(student: np.ndarray, teacher: np.ndarray, temperature: float) -> float:
    """Return the mean divergence of the student from the teacher at a temperature, times its square."""
    apart = _divergence(_log_shares(teacher, temperature), _log_shares(student, temperature))
    return temperature**2 * float(np.mean(apart))


def _races(random: np.random.Generator) -> list[tuple]:
    made = []
    for seeds, gain, noise in ((3, 0.02, 0.01), (3, 0.0, 0.02), (5, 0.01, 0.004), (4, -0.02, 0.01), (2, 0.03, 0.002)):
        base = random.normal(0.7, 0.03, seeds)
        made.append(([*(base + gain + random.normal(0, noise, seeds)).round(4)], [*base.round(4)]))
    return made


def _gain(with_it: Sequence[float], without: Sequence[float], *, how: str = "") -> list[float]:
    one, other = (100 * np.asarray(side, dtype=float) for side in (with_it, without))
    apart, count = one - other, len(one)
    error = np.std(apart, ddof=0 if how == "population" else 1) / (1 if how == "spread" else math.sqrt(count))
    if how == "not paired":
        error = math.sqrt((np.var(one, ddof=1) + np.var(other, ddof=1)) / count)
    reach = 1.96 if how == "normal" else _student(count - 1)
    mean = float(np.mean(apart))
    interval = [mean, mean - reach * float(error), mean + reach * float(error)]
    return [value / 100 for value in interval] if how == "shares" else interval


def _student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t distribution, from ``labs.stats``' interval of known values."""
    values = np.linspace(-1, 1, freedom + 1)
    interval = stats.mean_interval(values.tolist())
    return (interval.high - interval.value) / (float(np.std(values, ddof=1)) / math.sqrt(freedom + 1))


def _own_race(records: Records) -> list[tuple]:
    seen = records.seen("model.train.bits")
    return [(seen["with"], seen["without"])] if seen and len(seen["with"]) > 1 else []


@function_question(
    "m.train.seeds",
    points=2,
    title="Say how much a trick gains, over seeds",
    hints=(
        "One difference for each seed. Then it is the mean of a few numbers, and how uncertain that is.",
        "In the body: `from scipy.stats import t`. `apart = 100 * (np.array(with_it) - without)`; the mean, and on "
        "both sides `t.ppf(0.975, n - 1) * apart.std(ddof=1) / np.sqrt(n)`.",
    ),
    cases=_races,
    own=_own_race,
    needs=({"subject": "model.train.bits"},),
    mistakes=(
        Mistake("shares", lambda a, b: _gain(a, b, how="shares"), "In points, please: hundredths."),
        Mistake(
            "turned around",
            lambda a, b: _gain(b, a),
            "Turned around: a gain is what the training *with* the trick has more.",
        ),
        Mistake(
            "normal",
            lambda a, b: _gain(a, b, how="normal"),
            "1.96 is for many values. With three, Student's t says 4.3: the spread itself is hardly known.",
        ),
        Mistake(
            "population",
            lambda a, b: _gain(a, b, how="population"),
            "The standard deviation of a sample divides by n - 1: `ddof=1`.",
        ),
        Mistake(
            "spread",
            lambda a, b: _gain(a, b, how="spread"),
            "That is how far single seeds lie apart. Their mean is known better: divide by the root of n.",
        ),
        Mistake(
            "not paired",
            lambda a, b: _gain(a, b, how="not paired"),
            "The same seed saw the same images in the same order: take the differences first.",
        ),
    ),
    compare=close(rel=5e-3, abs=5e-3),
    right="Only an interval without 0 in it says that the trick did it.",
)
def gain_over_seeds(with_it: Sequence[float], without: Sequence[float]) -> list[float]:
    """Return the mean gain in points, and both ends of its 95 % interval."""
    return _gain(with_it, without)


@prediction(
    "m.train.bits_guess",
    about={"subject": "model.train.bits"},
    title="Predict how many of 100 images the model trained for four bits gets right",
    unit="of 100",
    between=(1, 100),
)
def trained_of_100(records: Records) -> float | None:
    """Return the mean accuracy over the seeds, in per cent."""
    seen = records.seen("model.train.bits")
    return None if seen is None else 100 * float(np.mean(seen["with"]))


@prediction(
    "m.train.zeros_guess",
    about={"kind": "latency", "option": _ZEROS},
    title="Predict how many times as long as the float model the one with zeros takes",
    unit="×",
    between=(0.05, 20),
    show=times,
)
def zeros_ratio(records: Records) -> float | None:
    """Return the ratio of the medians of the newest run in which both took turns."""
    run = records.comparison(_ZEROS, BASELINE)
    return None if run is None else run.ratio(_ZEROS, BASELINE).interval.value
