"""Hold theory against the sweep: what batches share, and what copies share although the theory denies it."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, unanswered
from grading.checkpoints.evidence import is_close
from grading.checkpoints.system.lesson_41_queue import NOT_RUN, lone_run
from grading.checkpoints.system.runs import answered_per_s, compute_s, newest_sweep
from labs.records import Records
from labs.records.format import milliseconds, times
from labs.records.load import line_through

_ASSUMPTION = "service time does not depend on the load"
_ASSUMPTIONS = (_ASSUMPTION, "Poisson arrivals", "the queue has no end", "none")
#: A service time that grew by less than this is the same one.
_SAME = 1.05


def fitted_line(records: Records) -> tuple[float, float] | None:
    """Return fixed and per-picture seconds through the newest runs with batches of 1, 4 and 16."""
    runs = [lone_run(records), *(records.latest(kind="load", option="theory-batch", batch_size=n) for n in (4, 16))]
    return None if None in runs else line_through({run.batch_size: compute_s(run) for run in runs})


@checkpoint(
    "s.theory.batch",
    title="Say what batches of 16 would bring, from the straight line",
    hint="Sixteen photos one by one take 16 times the line at 1; together they take the line at 16.",
)
def batch(records: Records) -> Verdict:
    """Judge that the line fits the runs, and the gain that it gives."""
    given = records.answer("s.theory.batch")
    if given is None or given.get("gain") is None:
        return unanswered()
    runs = [lone_run(records), *(records.latest(kind="load", option="theory-batch", batch_size=n) for n in (4, 16))]
    if None in runs:
        return failed(NOT_RUN)

    fixed_s, per_picture_s = line_through({run.batch_size: compute_s(run) for run in runs})

    def line(size: int) -> float:
        return fixed_s + per_picture_s * size

    whole_s = given["fixed_s"] + 16 * given["per_picture_s"]
    if not is_close(whole_s, line(16), within=0.02):
        seconds = [milliseconds(value) for value in (line(16), whole_s)]
        return failed("This is not the line through the newest runs; fit it again.", *seconds)
    right = 16 * line(1) / line(16)
    expected, yours = times(right), times(given["gain"])
    if is_close(given["gain"], right, within=0.01):
        return passed("What is shared is what a batch can save.", expected, yours)
    if is_close(given["gain"], 1 / right, within=0.01):
        return failed("Turned around: in batches over one by one.", expected, yours)
    return failed("Photos a second: the size of a batch over its seconds, at 16 and at 1.", expected, yours)


@checkpoint(
    "s.theory.batched",
    points=2,
    title="Say how large batches should become by themselves, and how large they were",
    hint="b = rate · (fixed + per photo · b): bring b to one side.",
)
def batched(records: Records) -> Verdict:
    """Judge the size that the rate and the line lead to, and the counted mean."""
    given = records.answer("s.theory.batched")
    if given is None:
        return unanswered()
    fitted, runs = fitted_line(records), newest_sweep(records, "theory-batched")
    if fitted is None or not runs:
        return failed(NOT_RUN)
    rate_rps, batches = runs[-1].load.offered_rps, runs[-1].load.server.batches
    growth = rate_rps * fitted[1]
    size = rate_rps * fitted[0] / (1 - growth) if growth < 1 else 16.0
    right = {
        "expected": min(max(size, 1.0), 16.0),
        "counted": sum(int(size) * count for size, count in batches.items()) / sum(batches.values()),
    }
    expected, yours = (f"{one['expected']:.2f} expected, {one['counted']:.2f} counted" for one in (right, given))
    if not is_close(given["counted"], right["counted"], within=0.02):
        return failed("The counted mean is that of the last run with batches.", expected, yours)
    if is_close(given["expected"], right["expected"], within=0.02):
        return passed("Nobody chose a size: the rate and chance did.", expected, yours)
    if not 1 <= given["expected"] <= 16:
        return failed("A batch has at least one photo, and at most sixteen.", expected, yours)
    return failed(
        "Solve b = rate · (fixed + per photo · b) with the line and the last run's `offered_rps`.", expected, yours
    )


@checkpoint(
    "s.theory.fails",
    points=2,
    title="Say what two copies were promised and what they reached, and which assumption that breaks",
    hint="`pair.load.server.compute_s` over `service_s`: what would the theory have it be?",
)
def fails(records: Records) -> Verdict:
    """Judge promise, result, growth of the service time, and the assumption."""
    given = records.answer("s.theory.fails")
    if given is None:
        return unanswered()
    alone, pair = lone_run(records), records.latest(kind="load", option="theory-2")
    if alone is None or pair is None:
        return failed(NOT_RUN)
    right = {
        "promised_rps": 2 / compute_s(alone),
        "reached_rps": answered_per_s(pair),
        "service_factor": compute_s(pair) / compute_s(alone),
    }
    expected, yours = (", ".join(f"{name} {values[name]:.3g}" for name in right) for values in (right, given))
    for name, value in right.items():
        if not is_close(given[name], value, within=0.02):
            return failed(f"{name} does not follow from the newest runs with one and with two copies.", expected, yours)
    if given["assumption"] not in _ASSUMPTIONS:
        return failed(
            "Choose one of the assumptions in the question.", "; ".join(_ASSUMPTIONS), str(given["assumption"])
        )
    broken = _ASSUMPTION if right["service_factor"] > _SAME else "none"
    if given["assumption"] != broken:
        return failed("The numbers are right. Which of the theory's assumptions do they speak of?", expected, yours)
    return passed("Known before the campaign, and not on its day.", expected, yours)
