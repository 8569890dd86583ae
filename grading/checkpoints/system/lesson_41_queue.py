"""Hold theory against the sweep: capacity, utilization, the wait that formulas expect, and Little's law."""

from __future__ import annotations

from statistics import mean

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close
from grading.checkpoints.system.runs import answered_per_s, compute_s, newest_sweep
from labs.records import Measurement, Records
from labs.records.format import milliseconds, rate, times

NOT_RUN = "There is no load record for this yet: run the cells above, down to the question."


@prediction(
    "s.theory.ninety_guess",
    about={"kind": "load", "option": "theory-1"},
    title="Predict how many times as long a photo takes at nine tenths of the capacity as at half of it",
    between=(0.1, 1000),
    show=times,
)
def ninety(records: Records) -> float | None:
    """Return the mean latency of the sweep's last run over that of its second."""
    runs = newest_sweep(records, "theory-1")
    if len(runs) < 5:
        return None
    return mean(runs[4].samples) / mean(runs[1].samples)


@checkpoint(
    "s.theory.capacity",
    title="Say how many photos a second one copy could serve",
    hint="Each photo keeps the copy busy for `service_s` seconds. How many such pieces fit into a second?",
)
def capacity(records: Records) -> Verdict:
    """Judge 1 over the service time of the newest run with one sender."""
    given = records.answer("s.theory.capacity")
    if given is None:
        return unanswered()
    alone = lone_run(records)
    if alone is None:
        return failed(NOT_RUN)
    right = 1 / compute_s(alone)
    expected, yours = rate(right, "photos/s"), rate(given, "photos/s")
    if is_close(given, right, within=0.01):
        return passed("One over the service time.", expected, yours)
    if is_close(given, answered_per_s(alone), within=0.02):
        return failed("This is what one sender reached; the copy idled while his answers travelled.", expected, yours)
    if is_close(given, compute_s(alone), within=0.01):
        return failed("These are the seconds for a photo; photos a second are asked for.", expected, f"{given:.4f}")
    return failed("Take the service time of the newest run with one sender.", expected, yours)


@checkpoint(
    "s.theory.utilization",
    points=2,
    title="Apply the utilization law to each run of the sweep",
    hint="Answers a second times seconds of compute, both from the same run.",
)
def utilization(records: Records) -> Verdict:
    """Judge one utilization a run of the newest sweep."""
    given = records.answer("s.theory.utilization")
    if given is None:
        return unanswered()
    runs = newest_sweep(records, "theory-1")
    if not runs:
        return failed(NOT_RUN)
    right = [answered_per_s(run) * compute_s(run) for run in runs]
    expected, yours = (", ".join(f"{value:.2f}" for value in values) for values in (right, given))
    if len(given) != len(right):
        return failed("One number for each run of the sweep, in their order.", expected, yours)
    if all(is_close(value, one, within=0.01) for value, one in zip(given, right, strict=True)):
        return passed("Busy for this share of the time, whatever the theory says.", expected, yours)
    if all(is_close(value, one * 100, within=0.01) for value, one in zip(given, right, strict=True)):
        return failed("As shares, not in percent: 1 means busy all the time.", expected, yours)
    latencies = [answered_per_s(run) * mean(run.samples) for run in runs]
    if all(is_close(value, one, within=0.02) for value, one in zip(given, latencies, strict=True)):
        return failed(
            "With the whole latency this counts photos inside. A copy is busy for compute only.", expected, yours
        )
    return failed("Take throughput and compute of the same run, for each run of the newest sweep.", expected, yours)


@checkpoint(
    "s.theory.wait",
    points=2,
    title="Say how long photos wait by M/M/1 and by M/D/1, and which is nearer to what Triton counted",
    hint="ρ is the rate times `service_s`. M/D/1 is half of M/M/1.",
)
def wait(records: Records) -> Verdict:
    """Judge both formulas at the third run's rate, and the nearer one."""
    given = records.answer("s.theory.wait")
    if given is None:
        return unanswered()
    runs, alone = newest_sweep(records, "theory-1"), lone_run(records)
    if alone is None or len(runs) < 3:
        return failed(NOT_RUN)
    service_s = compute_s(alone)
    rho = runs[2].load.offered_rps * service_s
    right = {"M/M/1": rho * service_s / (1 - rho), "M/D/1": rho * service_s / (1 - rho) / 2}
    expected, yours = (", ".join(f"{name} {milliseconds(values[name])}" for name in right) for values in (right, given))
    for name, value in right.items():
        if is_close(given[name], value + service_s, within=0.02):
            return failed(f"{name}: this is wait and service together; the wait alone is asked for.", expected, yours)
        if not is_close(given[name], value, within=0.02):
            return failed(f"{name}: put the third run's rate and `service_s` into the formula.", expected, yours)
    measured_s = runs[2].load.server.queue_s
    nearer = min(right, key=lambda name: abs(right[name] - measured_s))
    seen = f"counted: {milliseconds(measured_s)}"
    if given["nearer"] != nearer:
        return failed("Both waits are right. Which of them is nearer to the counted one?", seen, str(given["nearer"]))
    return passed("Theory beside what was counted.", f"{expected}; {seen}", f"nearer: {nearer}")


@checkpoint(
    "s.theory.little",
    title="Say with Little's law how many photos were inside at once",
    hint="`run.throughput_rps.value` times the mean seconds in queue and compute together.",
)
def little(records: Records) -> Verdict:
    """Judge rate times time inside, for the sweep's last run."""
    given = records.answer("s.theory.little")
    if given is None:
        return unanswered()
    runs = newest_sweep(records, "theory-1")
    if not runs:
        return failed(NOT_RUN)
    last = runs[-1]
    throughput_rps, queue_s = answered_per_s(last), last.load.server.queue_s
    right = throughput_rps * (queue_s + compute_s(last))
    expected, yours = f"{right:.2f} photos", f"{given:.2f} photos"
    if is_close(given, right, within=0.02):
        return passed("Counted by nobody, and known all the same.", expected, yours)
    if is_close(given, throughput_rps * queue_s, within=0.02):
        return failed("These are the waiting ones; the one that is computed is inside too.", expected, yours)
    return failed("Rate and seconds of the last run, both as the server counted them.", expected, yours)


def lone_run(records: Records) -> Measurement | None:
    """Return the newest run with one sender and one photo a request."""
    return next(
        (
            one
            for one in reversed(records.measurements(kind="load", option="theory-1", batch_size=1))
            if one.load.mode == "closed" and one.load.server
        ),
        None,
    )
