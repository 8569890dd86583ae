"""Measure the torch model, one request at a time: percentiles, how certain they are, and what may be claimed."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import Mistake, close, function_question, prediction
from labs.records import Measurement, Records

_LATENCY = {"kind": "latency", "option": "torch-eager"}


def latency_alone(records: Records) -> Measurement | None:
    """Return the newest latency record of the eager model that was not taken in turns with another option."""
    alone = [one for one in records.measurements(**_LATENCY, batch_size=1) if "comparison_id" not in one.details]
    return alone[-1] if alone else None


@prediction(
    "m.measure.compile_guess",
    about={"kind": "latency", "option": "torch-compiled"},
    title="Predict how many times faster the compiled model answers",
    unit="×",
    between=(0.05, 100),
    gate=("C++ compiler",),
)
def compiled_speedup(records: Records) -> float | None:
    """Return how many times shorter the compiled model's median latency is, measured side by side."""
    comparison = records.comparison("torch-compiled", "torch-eager")
    return None if comparison is None else 1 / comparison.ratio("torch-compiled", "torch-eager").interval.value


def _samples(random: np.random.Generator) -> list[tuple]:
    # Many samples: between neighbours there is no room for one way to interpolate to differ from another.
    drawn = [random.lognormal(-4.2, 0.25, 4000) + random.exponential(0.004, 4000) for _ in range(5)]
    return [(samples_s, q) for samples_s, q in zip(drawn, (50.0, 95.0, 99.0, 90.0, 25.0), strict=True)]


def _own_samples(records: Records) -> list[tuple]:
    record = latency_alone(records)
    return [] if record is None else [(np.array(record.samples), 50.0)]


@function_question(
    "m.measure.percentile",
    title="Write the percentile of samples",
    hints=(
        "In the sorted samples, how many lie before the one that 95 of 100 stay under?",
        "`np.percentile(samples_s, q)` does it; leave the result in seconds.",
    ),
    cases=_samples,
    own=_own_samples,
    needs=(_LATENCY,),
    mistakes=(
        Mistake(
            "milliseconds",
            lambda samples_s, q: 1e3 * percentile(samples_s, q),
            "These are milliseconds. Seconds are asked for: milliseconds are for the screen.",
        ),
        Mistake(
            "mean",
            lambda samples_s, q: float(np.mean(samples_s)),
            "The mean is no percentile: a few slow requests pull it up.",
        ),
        Mistake(
            "not sorted",
            lambda samples_s, q: float(samples_s[min(int(q / 100 * len(samples_s)), len(samples_s) - 1)]),
            "The samples stand in the order in which they were taken: sort them first.",
        ),
        Mistake(
            "share of the slowest",
            lambda samples_s, q: float(q / 100 * np.max(samples_s)),
            "That is a share of the slowest request. A percentile counts requests.",
        ),
        Mistake(
            "from the top",
            lambda samples_s, q: percentile(samples_s, 100 - q),
            "Counted from the wrong end: `q` of 100 requests are faster, not slower.",
        ),
    ),
    # Nearest rank and interpolation are both right; on a few hundred samples of one's own they lie further apart.
    compare=close(rel=0.02),
)
def percentile(samples_s: np.ndarray, q: float) -> float:
    """Return the latency that q of 100 samples stay under."""
    return float(np.percentile(samples_s, q))


def _levels(random: np.random.Generator) -> list[tuple]:
    return [(50.0,), (90.0,), (95.0,), (99.0,), (99.9,), (round(float(random.uniform(91, 98)), 1),)]


@function_question(
    "m.measure.fewest_samples",
    title="Work out the fewest samples that bound a percentile",
    hints=(
        "One sample stays under p99 with probability 0.99. With which probability do all n of them?",
        "Solve (q / 100)ⁿ = 0.025 for n with logarithms, and round up.",
    ),
    cases=_levels,
    needs=(_LATENCY,),
    mistakes=(
        Mistake(
            "rounded down",
            lambda q: math.floor(math.log(0.025) / math.log(q / 100)),
            "Rounded down, it is one sample short: use `math.ceil`.",
        ),
        Mistake(
            "0.05",
            lambda q: math.ceil(math.log(0.05) / math.log(q / 100)),
            "The 5 in 100 are shared by both ends of the interval: 2.5 for each.",
        ),
        Mistake(
            "one beyond",
            lambda q: math.ceil(100 / (100 - q) - 1e-9),
            "With so many samples, one lies beyond the percentile on average; often none does.",
        ),
    ),
    compare=lambda given, wanted: given == wanted,
)
def fewest_samples(q: float) -> int:
    """Return the fewest samples of which one lies beyond the q-th percentile in 97.5 of 100 runs."""
    return math.ceil(math.log(0.025) / math.log(q / 100))


def _widths(random: np.random.Generator) -> list[tuple]:
    made = []
    for factor in (2.0, 4.0, 3.0, 0.5, 10.0):
        have = int(random.integers(100, 2000))
        made.append((have, 0.01 * factor * float(random.uniform(0.9, 1.1)), 0.01))
    return made


def _own_widths(records: Records) -> list[tuple]:
    record = latency_alone(records)
    return [] if record is None else [(len(record.samples), record.value.relative_half_width, 0.005)]


@function_question(
    "m.measure.more_samples",
    points=1,
    title="Work out how many samples a narrower interval takes",
    hints=(
        "The interval's width goes with one over the square root of the number of samples.",
        "An interval half as wide takes four times as many: `have * (width / wanted) ** 2`.",
    ),
    cases=_widths,
    own=_own_widths,
    needs=(_LATENCY,),
    mistakes=(
        Mistake(
            "linear",
            lambda have, width, wanted: have * width / wanted,
            "Twice the samples do not halve the interval: its width shrinks with their square root.",
        ),
        Mistake(
            "turned around",
            lambda have, width, wanted: have * (wanted / width) ** 2,
            "Turned around: a narrower interval takes more samples, not fewer.",
        ),
        Mistake(
            "factor", lambda have, width, wanted: (width / wanted) ** 2, "That is the factor: multiply `have` by it."
        ),
        Mistake(
            "root",
            lambda have, width, wanted: have * math.sqrt(width / wanted),
            "The number goes with the square of the widths, for the width goes with the root of the number.",
        ),
    ),
    compare=close(rel=0.02, abs=1.0),
)
def samples_needed(have: int, width: float, wanted: float) -> float:
    """Return how many samples give an interval of the wanted width."""
    return have * (width / wanted) ** 2


def _intervals(random: np.random.Generator) -> list[tuple]:
    low, high = random.uniform(0.3, 0.7), random.uniform(1.2, 1.8)
    return [(low, 0.9), (0.95, 1.02), (high, 2 * high), (0.7, 0.99), (low, high), (1.01, 1.05), (0.99, 1.4)]


def _own_interval(records: Records) -> list[tuple]:
    comparison = records.comparison("torch-compiled", "torch-eager")
    if comparison is None:
        return []
    interval = comparison.ratio("torch-compiled", "torch-eager").interval
    return [(interval.low, interval.high)]


def _middle(low: float, high: float) -> str:
    return "faster" if (low + high) / 2 < 1 else "slower"


@function_question(
    "m.measure.claim",
    title="Say what an interval of a ratio lets you claim",
    hints=(
        "A ratio of 0.5 is half the time. Which ratio means 'no difference'?",
        "Below 1 altogether: faster. Above 1 altogether: slower. Otherwise 1 is in it.",
    ),
    cases=_intervals,
    own=_own_interval,
    needs=(_LATENCY,),
    mistakes=(
        Mistake(
            "turned around",
            lambda low, high: {"faster": "slower", "slower": "faster"}.get(claim(low, high), "cannot tell"),
            "Turned around: the ratio is new over old, so that below 1 the new one takes less time.",
        ),
        Mistake(
            "middle",
            _middle,
            "This looks at the middle of the interval. Where 1 lies inside, the run cannot tell the two apart.",
        ),
        Mistake(
            "low end",
            lambda low, high: "faster" if low < 1 else "slower",
            "One end below 1 is not enough: the whole interval has to be.",
        ),
    ),
)
def claim(low: float, high: float) -> str:
    """Return 'faster', 'slower' or 'cannot tell' for the interval of new over old."""
    return "faster" if high < 1 else "slower" if low > 1 else "cannot tell"
