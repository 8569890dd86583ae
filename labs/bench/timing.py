"""Timing calls: warm-up until stable, latency, throughput, and options side by side, as records with raw samples."""

import time
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import median

import numpy as np

from labs import stats
from labs.bench.targets import Description, describe
from labs.display.format import milliseconds, rate
from labs.machine import fingerprint
from labs.machine.version import code_version
from labs.records import Comparison, Measurement
from labs.runtimes.calling import Call, caller
from labs.runtimes.progress import OnProgress, part, silent

Clock = Callable[[], float]

#: Calls between two looks at the precision; few enough that progress moves, many enough that looking costs nothing.
BLOCK_CALLS = 20

#: Calls made at least. With fewer than 368 samples, all of them lie below the true p99 more than once in forty times
#: (0.99 ** n > 0.025), and its 95 % interval has no upper end.
MIN_SAMPLES = 400

#: Two neighbouring blocks whose medians differ by less than this count as settled.
SETTLED_WITHIN = 0.03

#: Rest before each turn of a comparison, in seconds. A runtime's threads go on spinning for a while in the hope of
#: another call, and whoever is measured meanwhile shares the processors with them: without a rest, OpenVINO behind ONNX
#: Runtime read nearly twice as slow as it is. Measured with ONNX Runtime 1.32 on two cores: its second thread burns
#: about 35 ms of processor time after its last call, then sleeps.
SETTLE_S = 0.05

#: Calls of a batch in a turn, thrown away and timed. It is called right after single images of the same option, and
#: lasts so long that what the caches hold when it begins hardly counts. A second timed call in the same turn would say
#: nearly the same (correlation 0.8; 34 options in 20 rounds on two cores): the median's interval was a tenth narrower.
_BATCH_CALLS = (0, 1)

#: Seconds after which the person who watches is told again, and may stop the work.
_TICK_S = 0.2


@dataclass(frozen=True)
class WarmUp:
    """What it took to settle."""

    #: Calls made and thrown away.
    count: int
    #: True when timings settled, False when patience ran out first.
    settled: bool


@dataclass
class Stopwatch:
    """When a measurement began and ended, on the wall and on the monotonic clock."""

    clock: Clock = time.perf_counter
    #: UTC, ISO 8601.
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    start_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.start_s = self.clock()


def latency(
    target: object,
    images: np.ndarray | None = None,
    *,
    option: str,
    half_width: float = 0.02,
    min_samples: int = MIN_SAMPLES,
    limit_s: float = 30.0,
    clock: Clock = time.perf_counter,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return a record of request latencies in seconds: call after call, until the median is as precise as was asked.

    Args:
        images: One request, float32 (N, 3, 224, 224); N is 1 for single-sample latency. None for a function without
            arguments.
        half_width: Wanted half-width of the median's 95 % interval, as a fraction of the median.
        min_samples: Calls made at least, however precise the median is: tails need them.
        limit_s: Seconds after which it stops as soon as ``min_samples`` are there.

    Raises:
        UnknownTargetError: The target's file, or whatever else it does not show, was not said.
    """
    call, about = caller(target), describe(target)
    warmup = warm_up(
        call, images, clock=clock, on_progress=_saying(on_progress, f"{option}: warming up")
    )
    watch, samples, share, text = Stopwatch(clock), [], 0.0, f"{option}: measuring"

    def tell() -> None:
        on_progress(share, text)

    while True:
        samples += time_calls(call, images, BLOCK_CALLS, clock, tell)
        interval, spent_s = stats.steady_interval(samples, q=50), clock() - watch.start_s
        width = interval.relative_half_width
        text = f"{option}: {len(samples)} requests, median {milliseconds(interval.value)} ± {width:.1%}"
        precise = max(half_width / max(width, 1e-9), spent_s / max(limit_s, 1e-9))
        share = min(1.0, len(samples) / min_samples, precise)
        tell()
        if len(samples) >= min_samples and precise >= 1:
            break
    size = 1 if images is None else len(images)
    return record("latency", option, samples, about, watch, batch_size=size, warmup=warmup)


def throughput(
    target: object,
    images: np.ndarray,
    *,
    option: str,
    batch_sizes: Sequence[int] = (1, 4, 16, 32),
    min_batches: int = 20,
    min_s: float = 1.0,
    limit_s: float = 8.0,
    clock: Clock = time.perf_counter,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return one record a batch size; its samples are the wall times of whole batches, run back to back, in seconds.

    Args:
        images: float32 (M, 3, 224, 224); repeated or cut to each batch size.
        min_batches: Batches timed at least for each size.
        limit_s: Seconds after which half of ``min_batches`` will do: where a batch takes a second, nobody waits for
            twenty. The record's interval is then as wide as fewer samples make it. So long a warm-up may last, too.
    """
    call, about = caller(target), describe(target)
    records = []
    for index, batch_size in enumerate(batch_sizes):
        text = f"{option}: batches of {batch_size}"
        report = part(on_progress, index / len(batch_sizes), (index + 1) / len(batch_sizes))
        batch = np.ascontiguousarray(np.resize(images, (batch_size, *images.shape[1:])))
        warmup = warm_up(
            call, batch, block=2, limit_s=limit_s, clock=clock, on_progress=_saying(report, text)
        )
        samples: list[float] = []
        watch, spent_s = Stopwatch(clock), 0.0
        while spent_s < min_s or len(samples) < (
            min_batches if spent_s < limit_s else min_batches / 2
        ):
            share = min(len(samples) / min_batches, spent_s / max(min_s, 1e-9), 1.0)
            samples += time_calls(call, batch, 5, clock, _saying(report, text, share))
            spent_s = clock() - watch.start_s
        measurement = record(
            "throughput", option, samples, about, watch, batch_size=batch_size, warmup=warmup
        )
        records.append(measurement)
        report(1.0, f"{text}, {rate(measurement.throughput_fps.value)}")
    return records


def compare(
    targets: Mapping[str, object],
    images: np.ndarray | Mapping[str, np.ndarray] | None = None,
    *,
    batches: Sequence[int] | None = None,
    rounds: int = 20,
    block_calls: int = 10,
    settle_calls: int = 2,
    settle_s: float = SETTLE_S,
    warm_up_s: float = 3.0,
    clock: Clock = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
    on_progress: OnProgress = silent,
) -> Comparison:
    """Return records of several options measured in turns in one run: whatever slows the machine then slows them all.

    Args:
        targets: What is called, by option name; what they do not show of themselves was said to ``describe``.
        images: float32 (N, 3, 224, 224), the same for all, or by option those of its own size; None for functions
            without arguments.
        batches: How many images at once, for each a record: the images are cut or repeated. All at once when None. With
            more than one image, a turn has one call in place of ``block_calls``, and none before it is thrown away.
        rounds: How often each option has its turn; every second round runs in reverse order.
        settle_calls: Calls before them that are thrown away: the caches hold the other option's weights.
        settle_s: Seconds of rest before those, until the previous option's threads have stopped spinning.
        warm_up_s: Seconds after which the warm-up of an option is given up, as on a machine that never keeps quiet.
            What is left of it falls on the first of many rounds, and medians leave that out.

    Raises:
        ValueError: Fewer than two options, or fewer than two rounds.
        UnknownTargetError: Something that a target does not show of itself was not said.
    """
    if len(targets) < 2 or rounds < 2:
        raise ValueError("a comparison needs at least two options and two rounds")
    calls = {option: caller(target) for option, target in targets.items()}
    about = {option: describe(target) for option, target in targets.items()}
    own = images if isinstance(images, Mapping) else dict.fromkeys(targets, images)
    requests = {
        option: {0 if shown is None else len(shown): shown} for option, shown in own.items()
    }
    if batches is not None and images is not None:
        requests = {
            option: {size: np.resize(shown[:size], (size, *shown.shape[1:])) for size in batches}
            for option, shown in own.items()
            if shown is not None
        }
    sizes = list(dict.fromkeys(size for of_option in requests.values() for size in of_option))
    in_a_turn = {
        size: _BATCH_CALLS if size > 1 and batches else (settle_calls, block_calls)
        for size in sizes
    }
    warmups = {
        (option, size): warm_up(
            call,
            request,
            block=min(5, 2 * in_a_turn[size][1]),
            limit_s=warm_up_s,
            clock=clock,
            on_progress=_saying(on_progress, f"{option}: warming up"),
        )
        for option, call in calls.items()
        for size, request in requests[option].items()
    }
    samples: dict[tuple[str, int], list[float]] = {key: [] for key in warmups}
    watch = Stopwatch(clock)
    for turn in range(rounds):
        text = f"side by side: round {turn + 1} of {rounds}"
        order = list(calls) if turn % 2 == 0 else list(reversed(calls))
        for option in order:
            tick = _saying(on_progress, text, turn / rounds)
            sleep(settle_s)
            for size, request in requests[option].items():
                settling, timed = in_a_turn[size]
                time_calls(calls[option], request, settling, clock, tick)
                samples[option, size] += time_calls(calls[option], request, timed, clock, tick)
        on_progress((turn + 1) / rounds, text)
    run = {"comparison_id": uuid.uuid4().hex, "settle_s": settle_s}
    return Comparison(
        tuple(
            record(
                "latency" if size <= 1 else "throughput",
                option,
                samples[option, size],
                about[option],
                watch,
                batch_size=max(size, 1),
                warmup=warmups[option, size],
                details=run | {"block_calls": in_a_turn[size][1]},
            )
            for size in sizes
            for option in calls
        )
    )


def warm_up(
    call: Call,
    images: np.ndarray | None,
    *,
    block: int = 5,
    limit_s: float = 10.0,
    clock: Clock = time.perf_counter,
    on_progress: Callable[[], None] = lambda: None,
) -> WarmUp:
    """Call until two neighbouring blocks take the same time, and return what it took.

    One discarded call is not enough: a compiled model builds its kernels at the first calls, caches and clock speeds
    follow, and thread pools wake up.

    Args:
        limit_s: Seconds after which it gives up. The very first call does not count towards them: it may compile for
            half a minute.
    """
    on_progress()
    time_calls(call, images, 1, clock)
    count, previous = 1, None
    begin_s = clock()
    while clock() - begin_s < limit_s:
        on_progress()
        current = median(time_calls(call, images, block, clock, on_progress))
        count += block
        if previous is not None and abs(current - previous) <= SETTLED_WITHIN * previous:
            return WarmUp(count, True)
        previous = current
    return WarmUp(count, False)


def time_calls(
    call: Call,
    images: np.ndarray | None,
    count: int,
    clock: Clock = time.perf_counter,
    on_progress: Callable[[], None] | None = None,
) -> list[float]:
    """Return the wall time in seconds of ``count`` calls run back to back on the same batch.

    Args:
        on_progress: Called between two calls where they are slow enough that somebody would wait; may raise.
    """
    durations_s, told_s = [], None
    for _ in range(count):
        begin_s = clock()
        call(images)
        end_s = clock()
        durations_s.append(end_s - begin_s)
        told_s = begin_s if told_s is None else told_s
        if on_progress is not None and end_s - told_s >= _TICK_S:
            on_progress()
            told_s = end_s
    return durations_s


def record(
    kind: str,
    option: str,
    samples: Sequence[float],
    about: Description,
    watch: Stopwatch,
    *,
    batch_size: int = 1,
    warmup: WarmUp = WarmUp(0, True),
    details: dict | None = None,
) -> Measurement:
    """Return a record of samples taken since ``watch`` was started.

    When the requested provider ran nothing at all, the record's option says so: a figure that the CPU made must never
    stand in a table under the name of an accelerator.
    """
    entry = Measurement(
        kind=kind,
        option=option,
        samples=tuple(float(sample) for sample in samples),
        batch_size=batch_size,
        **vars(about),
        warmup_count=warmup.count,
        warmup_settled=warmup.settled,
        started_at=watch.started_at,
        monotonic_start_s=watch.start_s,
        monotonic_end_s=watch.clock(),
        machine=fingerprint(),
        code_version=code_version(),
        details=details or {},
    )
    if not entry.fell_back:
        return entry
    ran_on = max(entry.providers_used, key=entry.providers_used.__getitem__)
    warnings.warn(
        f"{entry.option}: {entry.provider_requested} ran no node; all of them ran on {ran_on}. "
        "The record is named accordingly.",
        stacklevel=3,
    )
    return replace(
        entry, option=f"{entry.option} (fell back to {ran_on.removesuffix('ExecutionProvider')})"
    )


def _saying(on_progress: OnProgress, text: str, fraction: float = 0.0) -> Callable[[], None]:
    return lambda: on_progress(fraction, text)
