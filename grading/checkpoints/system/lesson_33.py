"""Read the queue: waiting told from working, Little's law, and what a batch brings."""

from __future__ import annotations

from statistics import mean

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close, is_number
from grading.checkpoints.system.runs import answered_per_s
from labs.records import Records
from labs.records.format import percent, times

NOT_RUN = "There is no load record for this yet: run the cells above, down to the question."

#: The runs in the lesson's order, with their senders.
RUNS = {"python-1": 1, "python-8": 8, "python-16": 16}

#: Published: photos a second in requests of 16, over those of 16 senders, on a node with P100.
P100_GAIN = 656.6 / 52.4

_WHY = {
    "the network is full": "The server's answers would come in late, but its queue would be empty. Where is the time?",
    "one copy works on one request at a time": "",
    "the senders are too slow": "Then the queue would be empty. Look at the bars again.",
}


def ratio_of_rates(records: Records, option: str, baseline: str) -> float | None:
    """Return one option's answers a second over another's, from their newest runs; None while one is missing.

    A run that was over before its first answer has no rate, and counts as missing.
    """
    runs = [records.latest(kind="load", option=name) for name in (option, baseline)]
    if None in runs or not answered_per_s(runs[1]):
        return None
    return answered_per_s(runs[0]) / answered_per_s(runs[1])


@prediction(
    "s.queue.eight_guess",
    about={"kind": "load", "option": "python-8"},
    title="Predict how many times as many answers eight senders get as one",
    between=(0.05, 100),
    show=times,
)
def eight_senders(records: Records) -> float | None:
    """Return answers a second with eight senders over those with one."""
    return ratio_of_rates(records, "python-8", "python-1")


@checkpoint(
    "s.queue.share",
    title="Say which share of a photo's latency is waiting",
    hint="Mean seconds in the queue over mean seconds of latency, both for eight senders.",
)
def share(records: Records) -> Verdict:
    """Judge queue over latency, from the newest run with eight senders."""
    given = records.answer("s.queue.share")
    if given is None:
        return unanswered()
    run = records.latest(kind="load", option="python-8")
    if run is None or not run.load.server:
        return failed(NOT_RUN)
    queue_s, latency_s = run.load.server.queue_s, mean(run.samples)
    right = queue_s / latency_s
    expected, yours = percent(right), f"{given:.3f}"
    if is_close(given, right, within=0.03):
        return passed("The rest is work, and the way there and back.", expected, percent(given))
    if is_close(given, 1 - right, within=0.03):
        return failed("This is the share that was not waiting.", expected, yours)
    if is_close(given, queue_s, within=0.03):
        return failed("These are seconds; which share of the latency are they?", expected, yours)
    if is_close(given, right * 100, within=0.03):
        return failed("A share between 0 and 1 is asked for, not percent.", expected, yours)
    return failed("Divide the mean seconds in the queue by the mean latency of the same run.", expected, yours)


@checkpoint(
    "s.queue.why",
    title="Say what keeps sixteen senders waiting",
    hint="How many copies of the model does the configuration ask for, and what does each do at a moment?",
    needs=({"kind": "load", "option": "python-16"},),
)
def why(records: Records) -> Verdict:
    """Judge the reason that fits a full queue and a constant time in the model."""
    given = records.answer("s.queue.why")
    if given is None:
        return unanswered()
    if given not in _WHY:
        return failed("Choose one of the three reasons, word for word.", yours=str(given))
    if _WHY[given]:
        return failed(_WHY[given], yours=given)
    return passed("It is neither slow nor fast: it is one.", yours=given)


@checkpoint(
    "s.queue.little",
    points=2,
    title="Hold Little's law against the three runs",
    hint="Answers a second times seconds of latency has no unit: it counts requests.",
)
def little(records: Records) -> Verdict:
    """Judge rate times mean latency of each run, and that the runs themselves obey the law."""
    given = records.answer("s.queue.little")
    if given is None:
        return unanswered()
    runs = [records.latest(kind="load", option=option) for option in RUNS]
    if None in runs:
        return failed(NOT_RUN)
    right = [answered_per_s(run) * mean(run.samples) for run in runs]
    expected, yours = ", ".join(f"{one:.2f}" for one in right), ", ".join(f"{one:.3g}" for one in given)
    if len(given) != len(right) or not all(map(is_number, given)):
        return failed("Three numbers are asked for, one a run.", expected, yours)
    if all(is_close(one, wanted, within=0.02) for one, wanted in zip(given, right, strict=True)):
        return passed("As many as there were senders, but for the edges of the run.", expected, yours)
    if all(is_close(one, wanted * 1000, within=0.02) for one, wanted in zip(given, right, strict=True)):
        return failed("Latencies in milliseconds make these a thousand times too large.", expected, yours)
    return failed("For each run: `throughput_rps.value` times the mean of `samples`.", expected, yours)


@checkpoint(
    "s.queue.batch",
    points=2,
    title="Say what a batch of sixteen brings, on a P100 and here",
    hint="Photos a second, not requests a second: a request of sixteen photos counts sixteen times.",
)
def batch(records: Records) -> Verdict:
    """Judge both gains: the published one and the newest runs'."""
    given = records.answer("s.queue.batch")
    if given is None:
        return unanswered()
    requests = ratio_of_rates(records, "python-b16", "python-16")
    if requests is None:
        return failed(NOT_RUN)
    expected = f"P100 {times(P100_GAIN)}, here {times(16 * requests)}"
    yours = f"P100 {given['P100']:.3g}, here {given['here']:.3g}"
    if not is_close(given["P100"], P100_GAIN, within=0.02):
        return failed("From the published table: photos/s in batches of 16, over those of 16 senders.", expected, yours)
    if is_close(given["here"], 16 * requests, within=0.02):
        return passed("What the batch brings depends on what is underneath.", expected, yours)
    if is_close(given["here"], requests, within=0.02):
        return failed("These are requests; each of them carries sixteen photos.", expected, yours)
    return failed("Divide the two numbers in `pictures_rps`.", expected, yours)
