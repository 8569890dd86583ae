"""The questions of "A search under an objective": the promise, its price, and the next rate to try."""

import math

from numpy import array

from grading.builder.questions import another, prediction, question

prediction(
    "search.room",
    "Which share of the closed loop's rate can each configuration promise?",
    about={"kind": "load", "option": "search-1x1"},
    unit="%",
    between=(0.1, 100),
    one_thread="1x1: one instance with one thread",
    two_threads="1x2: one instance with two threads",
    two_instances="2x1-batch8: two instances with one thread each, batches up to 8",
)

_FAST = [0.01, 0.02, 0.03, 0.02] * 5


@question(
    "search.meets",
    "Whether a run kept the objective",
    points=2,
    hint="How many requests were due in all? How many of *these* were answered in time, and how many failed?",
)
def meets(random):
    yield (array(_FAST), 0, 0.05, 85, 0.01), "All 20 requests were answered in time, and none failed."
    yield (
        (array(_FAST[:16] + [0.06] * 4), 0, 0.05, 85, 0.01),
        "16 of 20 are in time, which is 80 %, and 85 are asked for.",
    )
    yield (
        (array(_FAST[:18] + [4.0] * 2), 0, 0.05, 85, 0.01),
        "18 of 20 are in time, 90 %. How late the other two are does not matter: this is no mean and no maximum.",
    )
    yield (
        (array(_FAST[:18]), 2, 0.05, 85, 0.01),
        "18 of 20 are in time, but two failed: 10 %, and 1 % may.",
    )
    yield (
        (array([*_FAST[:16], 0.06]), 3, 0.05, 85, 0.2),
        "A failed request is not in time either: 16 of all 20 were, and not 16 of the 17 that were answered.",
    )
    yield (array(_FAST[:18]), 2, 0.05, 85, 0.15), "10 % failed, and 15 % may. 18 of 20 are in time."
    late = int(random.integers(1, 7))
    yield (array(_FAST[late:] + [0.2] * late), 0, 0.1, 83, 0.01), ""


@another("search.meets")
def another_meets(latencies_s, failed, limit_s, q, most_failed):
    seconds = sorted([*latencies_s, *[math.inf] * failed])
    in_time = sum(one <= limit_s for one in seconds) / len(seconds)
    return in_time >= q / 100 and failed / len(seconds) <= most_failed


@question(
    "search.cost",
    "What a million images cost",
    points=1,
    hint="How many seconds does a million take at this rate? How many hours are that?",
)
def cost(random):
    yield (1000.0, 3.6), "A million takes 1,000 seconds at this rate, and each second costs 0.001 dollars."
    yield (100.0, 0.36), "A million takes 10,000 seconds, which are 2.78 hours."
    yield (int(random.integers(20, 400)), int(random.integers(5, 120)) / 100), "An hour has 3,600 seconds."


@question(
    "search.halving",
    "The next rate to try",
    points=3,
    hint="The interval's ends are the highest rate that was kept, and the lowest that was broken.",
)
def halving(random):
    limit = 100 * int(random.integers(1, 5))

    def trials(*shares):
        return [(share * limit, kept) for share, kept in shares], limit

    yield trials(), "Nothing was tried yet: half-way between 0 and the limit."
    yield trials((0.5, True)), "Half was kept, so look between there and the limit."
    yield trials((0.5, False)), "Half was broken, so look between 0 and there."
    yield trials((0.5, True), (0.75, False)), "The interval goes from the kept 0.5 to the broken 0.75 of the limit."
    yield trials((0.5, False), (0.25, True)), "The last trial is one end. The other end is the broken one before it."
    yield trials((0.5, False), (0.25, True), (0.375, True)), "Two were kept: the highest of them is the lower end."
    yield trials((0.5, True), (0.75, False), (0.625, False)), "Two were broken: the lowest of them is the upper end."
    yield (
        trials((0.5, True), (0.75, False), (0.625, True)),
        "From 0.625 to 0.75 of the limit the interval is 17 % of its upper end: close enough, so None.",
    )
    yield (
        trials((0.5, False), (0.25, True), (0.375, True), (0.4375, False)),
        "14 % of its *upper end*, and not of the limit: close enough.",
    )
    yield (
        trials((0.5, False), (0.25, False), (0.125, False)),
        "Nothing was kept: look between 0 and the lowest broken rate. The interval is 100 % of its upper end.",
    )
