"""The questions of "Choose, and defend it": what a peak costs, and a recommendation whose figures are checked."""

import math

from grading.builder.questions import another, prediction, question, recommendation

prediction(
    "defend.kept",
    "How many of your options keep their accuracy?",
    about={"subject": "defend.options"},
    between=(0, 100),
    options="options on a CPU, float32 counted",
)


@question(
    "defend.dollars",
    "What a peak costs in a month",
    points=2,
    hint="How many photos a second is one machine given? How many machines do that, whole ones? What do they cost?",
)
def dollars(random):
    yield (
        (80.0, 100.0, 1.0, 0.8),
        "One machine is given 80 of its 100 photos a second, and 80 come in: 1 machine for 730 hours.",
    )
    yield (
        (80.0, 100.0, 2.5, 0.8),
        "The machine costs 2.50 dollars an hour now, for 730 hours.",
    )
    yield (
        (90.0, 100.0, 1.0, 0.8),
        "One machine answers 100 a second, but is given 80 of them. 90 take a second machine.",
    )
    yield (
        (90.0, 100.0, 1.0, 0.5),
        "The utilization is 0.5 now: one machine is given 50 of its 100 photos a second, and 90 take two machines.",
    )
    yield (
        (85.0, 100.0, 1.0, 0.8),
        "85 a second are one machine and a little. Machines are rented whole: that makes 2.",
    )
    yield (10.0, 1000.0, 3.0, 0.8), "Even a small peak takes one machine."
    share = int(random.integers(5, 10)) / 10
    yield (
        (float(random.integers(20, 90)) + 0.25, float(random.integers(3, 9)), 0.5, share),
        "",
    )


@another("defend.dollars")
def another_dollars(peak_per_s, photos_per_s, usd_per_hour, utilization):
    given_per_s, machines = photos_per_s * utilization, 1
    while machines * given_per_s < peak_per_s and not math.isclose(
        machines * given_per_s, peak_per_s
    ):
        machines += 1
    return 730 * usd_per_hour * machines


recommendation(
    "defend.choice",
    "A recommendation: option, evidence, price, and what would change your mind",
    hint="Everything that you quote stands in the table above, for the machine that it names.",
    records="labs.checkpoints.reads.defend:choice",
    form={"most_threads": "whole number"},
    rules=[
        (
            "measured",
            True,
            "`{option}` was not measured in full on {machine}: take a name from the first table.",
        ),
        (
            "meets",
            True,
            "`{option}` misses the target, and {meeting} meets it: it is the server that has to keep it.",
        ),
        (
            "is_most",
            True,
            "{most_threads} is not the largest number of threads. At 1,000 photos a second, the CPU with this number "
            "must cost less than the A100, and with one thread more it must not. The machine has {threads} threads. "
            "Compare `dollars_a_month` for both, with `n * thread_usd_per_hour` as the price of n threads.",
        ),
    ],
    price="The price has {price_words} words. What do you give up against float32, and what has to be done for it?",
    good={
        "option": "int8-static-u8s8",
        "machine": "AMD EPYC 7763",
        "most_threads": 85,
        "threads": 256,
        "is_most": True,
    }
    | {"p50_ms": 2.0, "measured_p50_ms": 2.0},
)
