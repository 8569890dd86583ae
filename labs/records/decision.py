"""Choose the option to serve: it meets a target, keeps its accuracy, and costs least. One rule,
wherever it is asked.

The manager's board, *Choose, and defend it*, *Choose for the device* and the checks of their
recommendations all judge here. Options are compared on one machine; machines are compared by money.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from labs.records.options import LARGER_IS_BETTER, OptionSummary
from labs.records.prices import gpu_usd_per_hour, hourly_prices, processor_usd_per_hour
from labs.records.reference import published
from labs.records.targets import GPU_PROVIDERS, MAY_LOSE, ServingTarget, limits
from labs.stats import Interval

#: Photos a second that the manager expects in the busiest hour.
PEAK_PER_S = 1000.0

#: Share of a measured rate that one machine gets, because queues grow without end near the full
#: rate. Lessons quote it as ``{{ UTILIZATION }}`` (``grading.builder.notebook``).
UTILIZATION = 0.7

#: Hours of a month, on average.
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Judged:
    """An option beside a target."""

    option: OptionSummary
    target: ServingTarget
    #: Price of a machine by the hour, in dollars; NaN if it is unknown.
    usd_per_hour: float
    peak_per_s: float = PEAK_PER_S
    #: Who published it; empty for the ledger's own records.
    source: str = ""

    @cached_property
    def used(self) -> dict[str, float]:
        """How much of each limit it uses up, by number: 1 is just at it."""
        used = {}
        for number, limit in limits(self.target).items():
            share = getattr(self.option, number).value / limit
            used[number] = 1 / share if LARGER_IS_BETTER[number] else share
        return used

    @property
    def within(self) -> dict[str, bool]:
        """Which limits it keeps: at least a floor, below a ceiling.

        A floor is compared with the two decimals that tables show: 999.996 is shown as 1000.00,
        which keeps a floor of 1,000. For a ceiling that makes no difference.
        """
        within = {}
        for number, limit in limits(self.target).items():
            value = getattr(self.option, number).value
            if LARGER_IS_BETTER[number]:
                within[number] = round(value, 2) >= limit
            else:
                within[number] = value < limit
        return within

    @property
    def accuracy(self) -> str:
        """'kept' or 'not shown' (``Paired.kept``); 'not measured' if answers to the same photos are
        missing; 'published'.
        """
        if self.source:
            return "published"
        return self.option.loss.kept(MAY_LOSE) if self.option.loss else "not measured"

    @property
    def meets(self) -> bool:
        """Whether it keeps every limit, and the accuracy."""
        return all(self.within.values()) and self.accuracy in ("kept", "published")

    @property
    def on_target_machine(self) -> bool:
        """Whether the target's own machine measured it; a figure from any other machine is a
        rehearsal.
        """
        return self.target.is_for(self.option.records[-1].machine)

    @property
    def machines(self) -> int:
        """How many machines answer the peak."""
        return machines_needed(self.peak_per_s, _value(self.option.batch_fps))

    @property
    def usd_per_month(self) -> float:
        """Their price in dollars; infinite if the price or the throughput is unknown."""
        if self.option.batch_fps is None or math.isnan(self.usd_per_hour):
            return math.inf
        return self.machines * self.usd_per_hour * HOURS_A_MONTH

    @property
    def order(self) -> tuple:
        """The sort key of a machine's options, best first."""
        right = _value(self.option.accuracy, unknown=0.0)
        worst = max(self.used.values())
        if not self.meets:
            loses_accuracy = self.accuracy not in ("kept", "published")
            return True, loses_accuracy, worst, -right
        most_wanted = -right if self.target.size_bytes else self.usd_per_month
        return False, most_wanted, worst, -right


def machines_needed(peak_per_s: float, photos_per_s: float) -> int:
    """Return how many machines answer a peak, each given ``UTILIZATION`` of its rate."""
    return math.ceil(round(peak_per_s / (UTILIZATION * photos_per_s), 9))


def decide(
    options: Sequence[OptionSummary],
    target: ServingTarget,
    *,
    peak_per_s: float = PEAK_PER_S,
    prices: pd.DataFrame | None = None,
) -> list[Judged]:
    """Return the options of one machine that have every number that a target asks for, the best
    first.

    Options that meet the target come first: on a server the cheapest at the manager's peak, on a
    device the most accurate. Then come options that keep the accuracy, by their worst number, and
    then the rest. Only options on the target's kind of processor take part, because a GPU's latency
    does not apply to a server without a GPU.

    Args:
        options: Of one machine (``summarize``), or published ones.
        prices: As ``hourly_prices`` returns them.
    """
    prices = hourly_prices() if prices is None else prices
    judged = []
    for option in options:
        if _takes_part(option, target):
            source = "" if option.records else "published"
            usd_per_hour = _usd_per_hour(option, prices)
            judged.append(Judged(option, target, usd_per_hour, peak_per_s, source))
    return sorted(judged, key=lambda option: option.order)


def _takes_part(option: OptionSummary, target: ServingTarget) -> bool:
    """Return whether an option computes where a target wants, and has each bounded number."""
    on_gpu = option.provider in GPU_PROVIDERS
    if on_gpu != (target.name == "server-gpu"):
        return False
    return all(getattr(option, number) is not None for number in limits(target))


def published_options(target: ServingTarget) -> list[OptionSummary]:
    """Return what others published for a target's own machine, as options without records."""
    on_gpu = target.name == "server-gpu"
    provider = "CUDAExecutionProvider" if on_gpu else "CPUExecutionProvider"
    options = []
    for _, row in published().iterrows():
        if row["machine"] in target.machine:
            options.append(_published_option(row, provider))
    return options


def _published_option(row: pd.Series, provider: str) -> OptionSummary:
    name = f"{row['runtime']}, {row['configuration']}"
    return OptionSummary(
        name,
        row["machine"],
        p50_s=_exact(row["p50_ms"], 1e-3),
        batch_fps=_exact(row["photos_per_s"]),
        size_bytes=_exact(row["mb"], 1e6),
        provider=provider,
        threads=row["threads"],
    )


def _exact(value: float, unit: float = 1.0) -> Interval | None:
    """Return a published figure as an interval without width; None where nothing was published."""
    if math.isnan(value):
        return None
    in_unit = unit * value
    return Interval(in_unit, in_unit, in_unit, 0.0)


def _value(interval: Interval | None, *, unknown: float = math.nan) -> float:
    return unknown if interval is None else interval.value


def _usd_per_hour(option: OptionSummary, prices: pd.DataFrame) -> float:
    """Return the price of an option's hardware: a complete GPU, or all threads of the processor."""
    if option.provider in GPU_PROVIDERS:
        return gpu_usd_per_hour(option.machine, prices)
    return processor_usd_per_hour(option.machine, option.threads, prices)


def is_most_threads(
    threads: int, cpu: Mapping[str, float], gpu: Mapping[str, float], peak_per_s: float = PEAK_PER_S
) -> bool:
    """Return whether a service may be given this many threads, and no more, to cost less than a GPU
    at a peak.

    Args:
        threads: 0 says that one thread costs too much already.
        cpu: ``photos_per_s``, ``threads`` and ``usd_per_hour`` of a whole machine without a GPU.
            The rate is taken to be the same with fewer threads.
        gpu: ``photos_per_s`` and ``usd_per_hour`` of a machine with a GPU.
    """
    thread_usd_per_hour = cpu["usd_per_hour"] / cpu["threads"]
    services = machines_needed(peak_per_s, cpu["photos_per_s"])
    gpu_usd = machines_needed(peak_per_s, gpu["photos_per_s"]) * gpu["usd_per_hour"]

    def costs_less(count: int) -> bool:
        cpu_usd = services * count * thread_usd_per_hour
        return round(cpu_usd, 9) < round(gpu_usd, 9)

    if not 0 <= threads <= cpu["threads"]:
        return False
    may_be_given = threads == 0 or costs_less(threads)
    no_more_may = threads == cpu["threads"] or not costs_less(threads + 1)
    return may_be_given and no_more_may


def table(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return one row per option: the four columns of a comparison, kept accuracy, and costs.

    Columns: ``one photo, ms``, ``32 at once, photos/s``, ``MB``, ``right``, ``accuracy``,
    ``meets``, ``machines``, ``dollars an hour`` (for one machine), ``dollars a month`` (for all),
    ``machine``. A price that is unknown is NaN.
    """
    names = []
    for judgement in judged:
        name = judgement.option.option
        names.append(f"{name} (published)" if judgement.source else name)
    return pd.DataFrame([_row(judgement) for judgement in judged], names)


def _row(judged: Judged) -> dict:
    option = judged.option
    right = pd.NA if math.isnan(option.right) else round(option.right)
    machines = judged.machines if option.batch_fps else math.nan
    usd_per_month = judged.usd_per_month if math.isfinite(judged.usd_per_month) else math.nan
    p50_ms = 1e3 * _value(option.p50_s)
    size_mb = _value(option.size_bytes) / 1e6
    return {
        "one photo, ms": p50_ms,
        "32 at once, photos/s": _value(option.batch_fps),
        "MB": size_mb,
        "right": right,
        "accuracy": judged.accuracy,
        "meets": judged.meets,
        "machines": machines,
        "dollars an hour": judged.usd_per_hour,
        "dollars a month": usd_per_month,
        "machine": option.machine,
    }
