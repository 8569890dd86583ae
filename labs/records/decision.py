"""Which option to serve: what meets a target, keeps its accuracy, and costs least. One rule, wherever it is asked.

The manager's board, *Choose, and defend it*, *Choose for the device* and the checks of their recommendations all judge
here. Options are compared on one machine; machines are compared by money.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from labs.records.options import LARGER_IS_BETTER, OptionSummary
from labs.records.prices import gpu_usd_per_hour, hourly_prices, processor_usd_per_hour
from labs.records.reference import published
from labs.records.targets import GPU_PROVIDERS, MAY_LOSE, Target, limits
from labs.stats import Interval

#: Photos a second that the manager expects in the busiest hour.
PEAK_PER_S = 1000.0

#: Share of a measured rate that one machine is given: queues grow without end as it comes near to all.
#: Lessons quote it as ``{{ UTILIZATION }}`` (``grading.builder.notebook``).
UTILIZATION = 0.7

#: Hours of a month, on average.
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Judged:
    """An option beside a target."""

    option: OptionSummary
    target: Target
    #: Price of a machine by the hour, in dollars; NaN if it is unknown.
    usd_per_hour: float
    peak_per_s: float = PEAK_PER_S
    #: Who published it; empty for what the ledger has.
    source: str = ""

    @cached_property
    def used(self) -> dict[str, float]:
        """How much of each limit it uses up, by number: 1 is just at it."""
        shares = {
            number: getattr(self.option, number).value / at
            for number, at in limits(self.target).items()
        }
        return {
            number: 1 / share if LARGER_IS_BETTER[number] else share
            for number, share in shares.items()
        }

    @property
    def within(self) -> dict[str, bool]:
        """Which limits it keeps: at least a floor, below a ceiling.

        A floor is compared with the two decimals that tables show: 999.996 is shown as 1000.00, which keeps a floor of
        1,000. For a ceiling that makes no difference.
        """
        kept = {}
        for number, at in limits(self.target).items():
            value = getattr(self.option, number).value
            kept[number] = round(value, 2) >= at if LARGER_IS_BETTER[number] else value < at
        return kept

    @property
    def accuracy(self) -> str:
        """'kept' or 'not shown' (``Paired.kept``); 'not measured' without answers to the same photos; 'published'."""
        if self.source:
            return "published"
        return self.option.loss.kept(MAY_LOSE) if self.option.loss else "not measured"

    @property
    def meets(self) -> bool:
        """Whether it keeps every limit, and the accuracy."""
        return all(self.within.values()) and self.accuracy in ("kept", "published")

    @property
    def on_target_machine(self) -> bool:
        """Whether the target's own machine measured it; a figure from any other machine is a rehearsal."""
        return self.target.is_for(self.option.records[-1].machine)

    @property
    def machines(self) -> int:
        """How many machines answer the peak."""
        photos_per_s = self.option.batch_fps
        return machines_needed(self.peak_per_s, photos_per_s.value if photos_per_s else math.nan)

    @property
    def usd_per_month(self) -> float:
        """What these cost, in dollars; infinite if the price or the throughput is unknown."""
        known = self.option.batch_fps and not math.isnan(self.usd_per_hour)
        return self.machines * self.usd_per_hour * HOURS_A_MONTH if known else math.inf


def machines_needed(peak_per_s: float, photos_per_s: float) -> int:
    """Return how many machines answer ``peak_per_s`` if each is given ``UTILIZATION`` of what was measured."""
    return math.ceil(round(peak_per_s / (UTILIZATION * photos_per_s), 9))


def decide(
    options: Sequence[OptionSummary],
    target: Target,
    *,
    peak_per_s: float = PEAK_PER_S,
    prices: pd.DataFrame | None = None,
) -> list[Judged]:
    """Return the options of one machine that have every number that a target asks for, the best first.

    Whatever meets the target comes first: on a server the cheapest at the manager's peak, on a device the most
    accurate. Then whatever keeps the accuracy, by its worst number, and then the rest. Only options that compute where
    the target wants it take part: a GPU's latency says nothing about a server without one.

    Args:
        options: Of one machine (``summarize``), or published ones.
        prices: As ``hourly_prices`` returns them.
    """
    prices = hourly_prices() if prices is None else prices
    wants_gpu = target.name == "server-gpu"
    complete = [
        Judged(
            option,
            target,
            _usd_per_hour(option, prices),
            peak_per_s,
            "" if option.records else "published",
        )
        for option in options
        if (option.provider in GPU_PROVIDERS) == wants_gpu
        and all(getattr(option, number) is not None for number in limits(target))
    ]

    def order(one: Judged) -> tuple:
        right = one.option.accuracy.value if one.option.accuracy else 0.0
        if not one.meets:
            return True, one.accuracy not in ("kept", "published"), max(one.used.values()), -right
        return (
            False,
            -right if target.size_bytes else one.usd_per_month,
            max(one.used.values()),
            -right,
        )

    return sorted(complete, key=order)


def published_options(target: Target) -> list[OptionSummary]:
    """Return what others published for a target's own machine, as options without records."""
    gpu = "CUDAExecutionProvider" if target.name == "server-gpu" else "CPUExecutionProvider"
    rows = published()
    return [
        OptionSummary(
            f"{row['runtime']}, {row['configuration']}",
            row["machine"],
            p50_s=_exact(row["p50_ms"], 1e-3),
            batch_fps=_exact(row["photos_per_s"]),
            size_bytes=_exact(row["mb"], 1e6),
            provider=gpu,
            threads=row["threads"],
        )
        for _, row in rows[rows["machine"].map(lambda name: name in target.machine)].iterrows()
    ]


def _exact(value: float, unit: float = 1.0) -> Interval | None:
    return None if math.isnan(value) else Interval(unit * value, unit * value, unit * value, 0.0)


def _usd_per_hour(option: OptionSummary, prices: pd.DataFrame) -> float:
    """Return the price of what an option computes on: a GPU, whole, or all threads of the processor."""
    if option.provider in GPU_PROVIDERS:
        return gpu_usd_per_hour(option.machine, prices)
    return processor_usd_per_hour(option.machine, option.threads, prices)


def is_most_threads(
    threads: int, cpu: Mapping[str, float], gpu: Mapping[str, float], peak_per_s: float = PEAK_PER_S
) -> bool:
    """Return whether a service may be given this many threads, and no more, to cost less than a GPU at a peak.

    Args:
        threads: 0 says that one thread costs too much already.
        cpu: ``photos_per_s``, ``threads`` and ``usd_per_hour`` of a whole machine without a GPU. The rate is taken to
            be the same with fewer threads.
        gpu: ``photos_per_s`` and ``usd_per_hour`` of a machine with a GPU.
    """
    thread_usd_per_hour = cpu["usd_per_hour"] / cpu["threads"]
    services = machines_needed(peak_per_s, cpu["photos_per_s"])
    gpu_usd = machines_needed(peak_per_s, gpu["photos_per_s"]) * gpu["usd_per_hour"]

    def costs_less(count: int) -> bool:
        return round(services * count * thread_usd_per_hour, 9) < round(gpu_usd, 9)

    if not 0 <= threads <= cpu["threads"]:
        return False
    enough = threads == 0 or costs_less(threads)
    too_many = threads == cpu["threads"] or not costs_less(threads + 1)
    return enough and too_many


def table(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return one row per option: the four columns of a comparison, whether accuracy is kept, and the money.

    Columns: ``one photo, ms``, ``32 at once, photos/s``, ``MB``, ``right``, ``accuracy``, ``meets``, ``machines``,
    ``dollars an hour`` (for one machine), ``dollars a month`` (for all), ``machine``. A price that is unknown is NaN.
    """
    rows = [
        {
            "one photo, ms": 1e3 * judgement.option.p50_s.value
            if judgement.option.p50_s
            else math.nan,
            "32 at once, photos/s": judgement.option.batch_fps.value
            if judgement.option.batch_fps
            else math.nan,
            "MB": judgement.option.size_bytes.value / 1e6
            if judgement.option.size_bytes
            else math.nan,
            "right": pd.NA if math.isnan(judgement.option.right) else round(judgement.option.right),
            "accuracy": judgement.accuracy,
            "meets": judgement.meets,
            "machines": judgement.machines if judgement.option.batch_fps else math.nan,
            "dollars an hour": judgement.usd_per_hour,
            "dollars a month": judgement.usd_per_month
            if math.isfinite(judgement.usd_per_month)
            else math.nan,
            "machine": judgement.option.machine,
        }
        for judgement in judged
    ]
    return pd.DataFrame(
        rows, [f"{one.option.option}{' (published)' * bool(one.source)}" for one in judged]
    )
