"""Threads, memory and the start: gains, Amdahl's law, and what a fresh process takes."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.edge.device import NOT_MEASURED
from grading.checkpoints.evidence import is_close
from labs import stats
from labs.records import Records
from labs.records.format import megabytes, milliseconds, percent, times

INT8 = "edge-int8-s8s8"


def gains(records: Records) -> dict[int, stats.Interval]:
    """Return by number of threads how many times as fast as one thread the newest race was; empty without one."""
    seen = records.seen("edge.threads")
    run = records.comparison(*(f"{INT8}-t{count}" for count in seen["counts"])) if seen else None
    if not run:
        return {}
    return {n: run.ratio(f"{INT8}-t1", f"{INT8}-t{n}").interval for n in seen["counts"]}


@prediction(
    "e.threads.gain_guess",
    about={"kind": "latency", "option": f"{INT8}-t1"},
    title="Predict the gain of all cores over one",
    between=(0.1, 64),
    show=times,
)
def whole_gain(records: Records) -> float | None:
    """Return how many times as fast all cores answered as one."""
    seen, found = records.seen("edge.threads"), gains(records)
    return found[seen["cores"]].value if found and seen["cores"] in found else None


@checkpoint(
    "e.threads.gain",
    points=2,
    title="State the gain of all cores with its interval, and the number of threads to avoid",
    hint="`gains[cores]` has `low` and `high`; the slowest has the smallest gain.",
)
def gain(records: Records) -> Verdict:
    """Judge the interval against the newest race, and the slowest number of threads above one."""
    given, found = records.answer("e.threads.gain"), gains(records)
    if given is None:
        return unanswered()
    if not found:
        return failed(NOT_MEASURED)
    cores = records.seen("edge.threads")["cores"]
    interval, several = found[cores], {n: one.value for n, one in found.items() if n > 1}
    worst = min(several.values())
    near = [n for n, value in several.items() if value <= 1.05 * worst]
    expected = f"{interval.low:.2f} to {interval.high:.2f}; never {' or '.join(map(str, near))}"
    yours = f"{given['low']:.2f} to {given['high']:.2f}; never {given['never']}"
    if not all(is_close(given[end], getattr(interval, end), within=0.02) for end in ("low", "high")):
        if is_close(given["low"], 1 / interval.high, within=0.02):
            return failed(
                "Turned around: one thread's time over all cores' is above 1 where cores help.", expected, yours
            )
        return failed("This is not the interval of all cores over one in the newest race.", expected, yours)
    if given["never"] not in near:
        return failed("Another number of threads above one is slower.", expected, yours)
    says = "More threads than cores only wait for each other." if given["never"] > cores else "In this run, at least."
    return passed(says, expected, yours)


@checkpoint(
    "e.threads.amdahl",
    points=2,
    title="Compute the parallel share and the most that any number of cores could gain",
    hint="1/S = 1 − p + p/n, so p = (1 − 1/S) / (1 − 1/n); with n without end, only 1 − p is left.",
)
def amdahl(records: Records) -> Verdict:
    """Judge Amdahl's share and bound against the gain that was handed over, and that against the race."""
    given, found = records.answer("e.threads.amdahl"), gains(records)
    if given is None:
        return unanswered()
    if not found:
        return failed(NOT_MEASURED)
    cores = records.seen("edge.threads")["cores"]
    if not is_close(given["gain"], found[cores].value, within=0.02) or given["cores"] != cores:
        return failed("Take gain and cores from the newest race.", f"{found[cores].value:.3f} with {cores}", str(given))
    share = (1 - 1 / given["gain"]) / (1 - 1 / cores) if cores > 1 else 0.0
    expected = f"share {share:.3f}" + (f", at most {times(1 / (1 - share))}" if share < 1 else ", no bound")
    yours = f"share {given['parallel_share']:g}, at most {given['most_gain']:g}"
    if is_close(given["parallel_share"], 100 * share, within=0.02) and share > 0.02:
        return failed("A share is a fraction, not a percentage.", expected, yours)
    if is_close(given["parallel_share"], given["gain"] / cores, within=0.01):
        return failed("Gain over cores is the efficiency. Solve the law for p.", expected, yours)
    if abs(given["parallel_share"] - share) > 0.02:
        return failed("Solve 1/S = (1 − p) + p/n for p.", expected, yours)
    # A gain above the number of cores gives a share above 1, and then the law sets no bound; any honest number is fine.
    if share < 0.97 and not is_close(given["most_gain"], 1 / (1 - share), within=0.1):
        return failed(
            "The share is right. With cores without end, p/n vanishes: what is left of the time?", expected, yours
        )
    if cores == 1:
        return passed("A single core: there is nothing to divide.", expected, yours)
    if share <= 0:
        return passed("In this run all cores were no faster than one: is something else busy here?", expected, yours)
    return passed("That wall stands however many cores are bought.", expected, yours)


@checkpoint(
    "e.threads.memory",
    points=2,
    title="Weigh what INT8 saves of the peak memory, and the file's share of it",
    hint="Both in MB of a million bytes; the share is the file's size over the process's peak.",
)
def memory(records: Records) -> Verdict:
    """Judge both against the peak memories of fresh processes."""
    given = records.answer("e.threads.memory")
    if given is None:
        return unanswered()
    peaks = [records.latest(kind="peak_memory", option=name) for name in ("edge-fp32", INT8)]
    if None in peaks:
        return failed(NOT_MEASURED)
    fp32, int8 = (record.percentile(50) for record in peaks)
    saved, share = (fp32 - int8) / 1e6, peaks[1].model.size_bytes / int8
    expected = f"{saved:.1f} MB saved; the file is {percent(share)} of {megabytes(int8)}"
    yours = f"{given['saved_mb']:g} MB, {given['file_share']:g}"
    if abs(given["saved_mb"] - 1e6 * saved) <= 1e5 and abs(given["saved_mb"]) > 1e4:
        return failed("Those are bytes; MB are asked for.", expected, yours)
    if abs(given["saved_mb"] - saved) > 0.3:
        turned = abs(given["saved_mb"] + saved) <= 0.3
        return failed("Turned around: float32 less INT8." if turned else "Subtract the two peaks.", expected, yours)
    if is_close(given["file_share"], 100 * share, within=0.03):
        return failed("The saving is right. A share is a fraction.", expected, yours)
    if not is_close(given["file_share"], share, within=0.03):
        return failed("The saving is right. Divide the file's size by its process's peak.", expected, yours)
    return passed("Most of the memory is the runtime and what flows between the layers.", expected, yours)


@checkpoint(
    "e.threads.start",
    title="Compare a cold start with a warm photo",
    hint="Load time and first prediction together, over the warm median.",
)
def start(records: Records) -> Verdict:
    """Judge the cold start against the records of fresh processes, and the ratio against the two."""
    given = records.answer("e.threads.start")
    if given is None:
        return unanswered()
    started = [records.latest(kind=kind, option=INT8) for kind in ("load_time", "first_prediction")]
    if None in started:
        return failed(NOT_MEASURED)
    loading, first = (record.percentile(50) for record in started)
    cold, ratio = loading + first, (loading + first) / given["warm_s"]
    expected, yours = (
        f"{milliseconds(cold)}, {ratio:.0f} times",
        f"{milliseconds(given['cold_s'])}, {given['times']:g} times",
    )
    if is_close(given["cold_s"], loading, within=0.001) or is_close(given["cold_s"], first, within=0.001):
        return failed("A cold start is both: loading, and the first prediction.", expected, yours)
    if not is_close(given["cold_s"], cold, within=0.02):
        return failed("Add the medians of load time and first prediction, in seconds.", expected, yours)
    if not is_close(given["times"], ratio, within=0.03):
        return failed("The cold start is right. Divide it by the warm median.", expected, yours)
    return passed("Nobody should have to wait for that with a tray in their hands.", expected, yours)
