"""Timing calls: warm-up until stable, latency, throughput, and options side by side, as records
with raw samples.
"""

import os
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
from labs.machine.busy import ProcessorTime, others_share, processor_time
from labs.machine.version import code_version
from labs.records import Comparison, Measurement
from labs.runtimes.calling import Call, caller
from labs.runtimes.progress import OnProgress, part, silent

Clock = Callable[[], float]

#: Calls between two looks at the precision; few enough that progress moves, many enough that
#: looking costs nothing.
BLOCK_CALLS = 20

#: Calls made at least. With fewer than 368 samples, all of them lie below the true p99 more than
#: once in forty times (0.99 ** n > 0.025), and its 95 % interval has no upper end.
MIN_SAMPLES = 400

#: Two neighbouring blocks whose medians differ by less than this count as settled.
SETTLED_WITHIN = 0.03

#: Rest before each turn of a comparison, in seconds. After a call, a runtime's threads spin for a
#: while and wait for another one, and the next option shares the processors with them. Without a
#: rest, OpenVINO after ONNX Runtime looked nearly twice as slow as it is. Measured with ONNX
#: Runtime 1.32 on two cores: its second thread burns about 35 ms of processor time after its last
#: call, then sleeps.
SETTLE_S = 0.05

#: Calls of a batch in a turn, thrown away and timed. It is called right after single images of the
#: same option, and takes so long that the caches' content at its start hardly matters. A second
#: timed call in the same turn would say nearly the same (correlation 0.8; 34 options in 20 rounds
#: on two cores): the median's interval was a tenth narrower.
_BATCH_CALLS = (0, 1)

#: Seconds after which the person who watches is told again, and may stop the work.
_TICK_S = 0.2


@dataclass(frozen=True)
class WarmUp:
    """The warm-up that was needed."""

    #: Calls made and thrown away.
    count: int
    #: True when timings settled, False when patience ran out first.
    settled: bool


@dataclass
class Stopwatch:
    """When a measurement began, on the wall and on the monotonic clock, and how much processor time
    had been used by then.
    """

    clock: Clock = time.perf_counter
    usage: Callable[[], ProcessorTime | None] = processor_time
    #: UTC, ISO 8601.
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    start_s: float = field(init=False)
    used_at_start: ProcessorTime | None = field(init=False)

    def __post_init__(self) -> None:
        self.used_at_start = self.usage()
        self.start_s = self.clock()

    def others_share(self) -> float | None:
        """Return the share of the machine's processors that other programs have used since then."""
        return others_share(self.used_at_start, self.usage(), os.cpu_count() or 1)


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
    """Return a record of request latencies in seconds, once the median is as precise as was asked.

    Args:
        images: One request, float32 (N, 3, 224, 224); N is 1 for single-sample latency. None for a
            function without arguments.
        half_width: Wanted half-width of the median's 95 % interval, as a fraction of the median.
        min_samples: Calls made at least, however precise the median is: tails need them.
        limit_s: Seconds after which it stops as soon as ``min_samples`` are there.

    Raises:
        UnknownTargetError: The target's file, or another fact that it does not show, was not given.
    """
    call = caller(target)
    about = describe(target)
    warming_up = _saying(on_progress, f"{option}: warming up")
    warmup = warm_up(call, images, clock=clock, on_progress=warming_up)
    watch = Stopwatch(clock)
    samples: list[float] = []
    share = 0.0
    text = f"{option}: measuring"

    def tell() -> None:
        on_progress(share, text)

    while True:
        samples += time_calls(call, images, BLOCK_CALLS, clock, tell)
        interval = stats.steady_interval(samples, q=50)
        spent_s = clock() - watch.start_s
        width = interval.relative_half_width
        median_ms = milliseconds(interval.value)
        text = f"{option}: {len(samples)} requests, median {median_ms} ± {width:.1%}"
        precision_share = half_width / max(width, 1e-9)
        time_share = spent_s / max(limit_s, 1e-9)
        ended_share = max(precision_share, time_share)
        share = min(1.0, len(samples) / min_samples, ended_share)
        tell()
        if len(samples) >= min_samples and ended_share >= 1:
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
    """Return one record a batch size, of the seconds that whole batches took, back to back.

    Args:
        images: float32 (M, 3, 224, 224); repeated or cut to each batch size.
        min_batches: Batches timed at least for each size.
        limit_s: Seconds after which half of ``min_batches`` will do: if a batch takes a second,
            twenty are too many. The record's interval is then as wide as fewer samples make it. So
            long a warm-up may last, too.
    """
    call = caller(target)
    about = describe(target)
    sizes = len(batch_sizes)

    def enough(count: int, spent_s: float) -> bool:
        fewest = min_batches if spent_s < limit_s else min_batches / 2
        return spent_s >= min_s and count >= fewest

    records = []
    for index, batch_size in enumerate(batch_sizes):
        text = f"{option}: batches of {batch_size}"
        report = part(on_progress, index / sizes, (index + 1) / sizes)
        warming_up = _saying(report, text)
        batch = np.ascontiguousarray(_resized(images, batch_size))
        warmup = warm_up(call, batch, block=2, limit_s=limit_s, clock=clock, on_progress=warming_up)
        samples: list[float] = []
        watch = Stopwatch(clock)
        spent_s = 0.0
        while not enough(len(samples), spent_s):
            time_share = spent_s / max(min_s, 1e-9)
            share = min(len(samples) / min_batches, time_share, 1.0)
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
    """Return records of several options measured in turns in one run, so that a slow moment of the
    machine affects all of them.

    Args:
        targets: The targets by option name; facts that they do not show must have been given to
            ``describe``.
        images: float32 (N, 3, 224, 224), the same for all, or each option's images in its own size;
            None for functions without arguments.
        batches: How many images at once, for each a record: the images are cut or repeated. All at
            once when None. With more than one image, a turn has one call in place of
            ``block_calls``, and none before it is thrown away.
        rounds: How often each option has its turn; every second round runs in reverse order.
        settle_calls: Calls before them that are thrown away: the caches hold the other option's
            weights.
        settle_s: Seconds of rest before those, until the previous option's threads have stopped
            spinning.
        warm_up_s: Seconds after which the warm-up of an option stops, for example on a machine that
            never becomes quiet. The rest of the warm-up affects the first of many rounds, and
            medians ignore that round.

    Raises:
        ValueError: Fewer than two options, or fewer than two rounds.
        UnknownTargetError: A fact that a target does not show is missing.
    """
    if len(targets) < 2 or rounds < 2:
        raise ValueError("a comparison needs at least two options and two rounds")
    calls = {option: caller(target) for option, target in targets.items()}
    about = {option: describe(target) for option, target in targets.items()}
    requests = {}
    for option in targets:
        shown = images[option] if isinstance(images, Mapping) else images
        requests[option] = _by_size(shown, batches)
    sizes = _sizes(requests)
    calls_in_a_turn = {}
    for size in sizes:
        is_batch = size > 1 and batches
        calls_in_a_turn[size] = _BATCH_CALLS if is_batch else (settle_calls, block_calls)
    warmups: dict[tuple[str, int], WarmUp] = {}
    samples: dict[tuple[str, int], list[float]] = {}
    for option, call in calls.items():
        warming_up = _saying(on_progress, f"{option}: warming up")
        for size, request in requests[option].items():
            _, timed = calls_in_a_turn[size]
            block = min(5, 2 * timed)
            warmups[option, size] = warm_up(
                call, request, block=block, limit_s=warm_up_s, clock=clock, on_progress=warming_up
            )
            samples[option, size] = []
    watch = Stopwatch(clock)
    for turn in range(rounds):
        text = f"side by side: round {turn + 1} of {rounds}"
        tick = _saying(on_progress, text, turn / rounds)
        order = list(calls) if turn % 2 == 0 else list(reversed(calls))
        for option in order:
            call = calls[option]
            sleep(settle_s)
            for size, request in requests[option].items():
                settling, timed = calls_in_a_turn[size]
                time_calls(call, request, settling, clock, tick)
                samples[option, size] += time_calls(call, request, timed, clock, tick)
        on_progress((turn + 1) / rounds, text)
    run = {"comparison_id": uuid.uuid4().hex, "settle_s": settle_s}
    records = []
    for size in sizes:
        kind = "latency" if size <= 1 else "throughput"
        _, timed = calls_in_a_turn[size]
        for option in calls:
            measurement = record(
                kind,
                option,
                samples[option, size],
                about[option],
                watch,
                batch_size=max(size, 1),
                warmup=warmups[option, size],
                details=run | {"block_calls": timed},
            )
            records.append(measurement)
    return Comparison(tuple(records))


def _by_size(
    images: np.ndarray | None, batches: Sequence[int] | None
) -> dict[int, np.ndarray | None]:
    """Return what an option is called with, by the number of images; 0 without arguments."""
    if images is None:
        return {0: None}
    if batches is None:
        return {len(images): images}
    return {size: _resized(images[:size], size) for size in batches}


def _sizes(requests: Mapping[str, Mapping[int, object]]) -> list[int]:
    """Return the numbers of images of all options, in the order in which they come first."""
    sizes: dict[int, None] = {}
    for of_option in requests.values():
        sizes |= dict.fromkeys(of_option)
    return list(sizes)


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    """Return ``size`` images, cut or repeated."""
    return np.resize(images, (size, *images.shape[1:]))


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

    One discarded call is not enough: a compiled model builds its kernels at the first calls, caches
    and clock speeds follow, and thread pools wake up.

    Args:
        limit_s: Seconds after which it gives up. The very first call does not count towards them:
            it may compile for half a minute.
    """
    on_progress()
    time_calls(call, images, 1, clock)
    count = 1
    previous_s = None
    begin_s = clock()
    while clock() - begin_s < limit_s:
        on_progress()
        current_s = median(time_calls(call, images, block, clock, on_progress))
        count += block
        if previous_s is not None:
            change_s = abs(current_s - previous_s)
            if change_s <= SETTLED_WITHIN * previous_s:
                return WarmUp(count, True)
        previous_s = current_s
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
        on_progress: Called between two calls if they are slow enough for a user to wait; may raise.
    """
    durations_s = []
    reported_s = None
    for _ in range(count):
        begin_s = clock()
        call(images)
        end_s = clock()
        durations_s.append(end_s - begin_s)
        reported_s = begin_s if reported_s is None else reported_s
        if on_progress is not None and end_s - reported_s >= _TICK_S:
            on_progress()
            reported_s = end_s
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

    When the requested provider ran nothing at all, the record's option says so: a table must never
    show a CPU's figure under the name of an accelerator.
    """
    end_s = watch.clock()
    plain_samples = tuple(float(sample) for sample in samples)
    entry = Measurement(
        kind=kind,
        option=option,
        samples=plain_samples,
        batch_size=batch_size,
        **vars(about),
        warmup_count=warmup.count,
        warmup_settled=warmup.settled,
        started_at=watch.started_at,
        monotonic_start_s=watch.start_s,
        monotonic_end_s=end_s,
        machine=fingerprint(),
        code_version=code_version(),
        details=details or {},
        others_share=watch.others_share(),
    )
    if not entry.fell_back:
        return entry
    ran_on = max(entry.providers_used, key=entry.providers_used.__getitem__)
    message = (
        f"{option}: {entry.provider_requested} ran no node; all of them ran on {ran_on}. "
        "The record is named accordingly."
    )
    warnings.warn(message, stacklevel=3)
    short_name = ran_on.removesuffix("ExecutionProvider")
    return replace(entry, option=f"{option} (fell back to {short_name})")


def _saying(on_progress: OnProgress, text: str, fraction: float = 0.0) -> Callable[[], None]:
    return lambda: on_progress(fraction, text)
