"""Scale the copies: what more copies brought, what they took from each other, and what each costs."""

from __future__ import annotations

from statistics import mean

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close
from grading.checkpoints.system.lesson_33 import NOT_RUN, ratio_of_rates
from labs.records import Records
from labs.records.format import megabytes, percent, times

#: Above this share of all processors, on average, there is nothing left to share out.
FULL = 0.85

_PROCESSORS, _ELSE = "the processors", "something else"


def runs_of(records: Records) -> dict[int, dict] | None:
    """Return the newest run with one, two and four copies, or None while one is missing."""
    found = {count: records.latest(kind="load", option=f"copies-{count}") for count in (1, 2, 4)}
    return None if None in found.values() else found


@prediction(
    "s.copies.four_guess",
    about={"kind": "load", "option": "copies-4"},
    title="Predict how many times as many answers four copies give as one",
    between=(0.05, 100),
    show=times,
)
def four_copies(records: Records) -> float | None:
    """Return answers a second of four copies over those of one."""
    return ratio_of_rates(records, "copies-4", "copies-1")


@checkpoint(
    "s.copies.scaling",
    title="Say how far two and four copies scale",
    hint="`throughput_rps.value` of each run over that of one copy.",
)
def scaling(records: Records) -> Verdict:
    """Judge both ratios against the newest runs."""
    given = records.answer("s.copies.scaling")
    if given is None:
        return unanswered()
    if runs_of(records) is None:
        return failed(NOT_RUN)
    right = {str(count): ratio_of_rates(records, f"copies-{count}", "copies-1") for count in (2, 4)}
    expected, yours = (", ".join(f"{key}: {times(one)}" for key, one in side.items()) for side in (right, given))
    for count, ratio in right.items():
        if is_close(given[count], ratio, within=0.02):
            continue
        if is_close(given[count], ratio / int(count), within=0.02):
            return failed("This is the share of perfect scaling; the plain ratio is asked for.", expected, yours)
        if is_close(given[count], 1 / ratio, within=0.02):
            return failed("Turned around: more copies over one copy.", expected, yours)
        return failed(f"Look at {count} copies again: answers a second over those of one copy.", expected, yours)
    return passed("Perfect scaling would be 2 and 4.", expected, yours)


@checkpoint(
    "s.copies.slower",
    title="Say how much longer a photo takes in the model with four copies",
    hint="`infer_s` is the server's mean time in the model; queueing is not part of it.",
)
def slower(records: Records) -> Verdict:
    """Judge the ratio of the mean times in the model."""
    given = records.answer("s.copies.slower")
    if given is None:
        return unanswered()
    runs = runs_of(records)
    if runs is None:
        return failed(NOT_RUN)
    one, four = (runs[count].load.server for count in (1, 4))
    right = four.infer_s / one.infer_s
    if is_close(given, right, within=0.02):
        return passed("The same network and the same photos.", times(right), times(given))
    if is_close(given, 1 / right, within=0.02):
        return failed("Turned around: four copies over one.", times(right), times(given))
    if is_close(given, four.queue_s / max(one.queue_s, 1e-9), within=0.02):
        return failed("This compares the queues; the time in the model is `infer_s`.", times(right), times(given))
    return failed("Divide `infer_s` of the two runs.", times(right), times(given))


@checkpoint(
    "s.copies.bottleneck",
    points=2,
    title="Say where the bottleneck went",
    hint="A processor that is 85 % busy on average, over a run with its edges, has nothing left to give.",
)
def bottleneck(records: Records) -> Verdict:
    """Judge both shares, and the claim that fits the second."""
    given = records.answer("s.copies.bottleneck")
    if given is None:
        return unanswered()
    runs = runs_of(records)
    if runs is None:
        return failed(NOT_RUN)
    right = {str(count): mean(runs[count].load.usage.cpu) for count in (1, 4)}
    expected = ", ".join(f"{count}: {percent(share)}" for count, share in right.items())
    yours = ", ".join(f"{count}: {share:.3g}" for count, share in given["busy"].items())
    for count, share in right.items():
        if is_close(given["busy"][count], share * 100, within=0.03):
            return failed("Shares between 0 and 1 are asked for.", expected, yours)
        if not is_close(given["busy"][count], share, within=0.03):
            return failed(f"Not the mean of `load.usage.cpu` with {count} copies.", expected, yours)
    claim = _PROCESSORS if right["4"] >= FULL else _ELSE
    if given["full"] not in (_PROCESSORS, _ELSE):
        return failed("Choose one of the two, word for word.", f"{_PROCESSORS}, {_ELSE}", str(given["full"]))
    if given["full"] != claim:
        return failed(f"With four copies they were {percent(right['4'])} busy. What does that leave?", claim)
    return passed("The queue did not go away, it moved.", f"{expected}; {claim}", f"{yours}; {given['full']}")


@checkpoint(
    "s.copies.memory",
    title="Say what one more copy costs in memory",
    hint="From one copy to four, three were added.",
)
def memory(records: Records) -> Verdict:
    """Judge the mean growth for each copy, from the records' details."""
    given = records.answer("s.copies.memory")
    if given is None:
        return unanswered()
    runs = runs_of(records)
    if runs is None:
        return failed(NOT_RUN)
    held = {count: run.details["memory_bytes"] for count, run in runs.items()}
    right = (held[4] - held[1]) / 3
    if given == right or is_close(given, right, within=0.02):
        return passed("Each of them, whether it has something to do or not.", megabytes(right), megabytes(given))
    if is_close(given, right * 3 / 4, within=0.02):
        return failed("From one to four, how many were added?", megabytes(right), megabytes(given))
    if is_close(given, held[4] / 4, within=0.02) or is_close(given, held[1], within=0.02):
        return failed("This also counts the server, which is there once.", megabytes(right), megabytes(given))
    return failed("The growth from one copy to four, over the copies added; bytes.", megabytes(right), f"{given:.4g}")
