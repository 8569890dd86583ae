"""The questions of "Choose, and defend it": the price of a peak, and a recommendation
whose figures are checked.
"""

from grading.builder.questions import (
    another,
    domain,
    pick,
    prediction,
    question,
    recommendation,
)

prediction(
    "defend.kept",
    "How many of your options keep their accuracy?",
    about={"subject": "defend.options"},
    between=(0, 100),
    options="options on a CPU, including float32",
)


@question(
    "defend.dollars",
    "The price of a peak per month",
    points=1,
    hint="How many photos per second does one machine get? How many complete machines do "
    "you need? What do they cost?",
)
def dollars(random):
    yield (
        (80.0, 100.0, 1.0, 0.8),
        "One machine gets 80 of its 100 photos per second, and 80 arrive. So 1 machine "
        "is enough, for 730 hours.",
    )
    yield (
        (80.0, 100.0, 2.5, 0.8),
        "The machine costs 2.50 dollars an hour now, for 730 hours.",
    )
    yield (
        (90.0, 100.0, 1.0, 0.8),
        "One machine answers 100 photos per second, but gets only 80 of them. For 90, "
        "you need a second machine.",
    )
    yield (
        (190.0, 100.0, 1.0, 0.5),
        "The utilization is 0.5 now, so one machine gets 50 of its 100 photos per second. "
        "For 190, you need four machines.",
    )
    yield (
        (80.4, 100.0, 1.0, 0.8),
        "80.4 photos per second are a little more than one machine can get. You can rent "
        "only complete machines, so you need 2.",
    )
    yield (
        (80.2, 100.4, 1.0, 0.8),
        "This machine gets 80.32 photos per second, which is enough for 80.2. Rates keep "
        "their decimals.",
    )
    yield (10.0, 1000.0, 3.0, 0.8), "Even a small peak needs one machine."
    utilization = int(random.integers(5, 10)) / 10
    peak_per_s = float(random.integers(20, 90)) + 0.25
    photos_per_s = float(random.integers(3, 9))
    yield (peak_per_s, photos_per_s, 0.5, utilization), ""


@domain("defend.dollars")
def any_peak(random):
    peak_per_s = random.integers(1, 300) + 0.13
    photos_per_s = random.integers(1, 200) + 0.7
    usd_per_hour = pick(random, 0.5, 1.0, 3.06)
    utilization = pick(random, 0.3, 0.5, 0.7, 0.8, 1.0)
    machines = peak_per_s / (utilization * photos_per_s)
    if abs(machines - round(machines)) < 1e-6:  # just full, except for rounding
        return any_peak(random)
    return peak_per_s, photos_per_s, usd_per_hour, utilization


@another("defend.dollars")
def another_dollars(peak_per_s, photos_per_s, usd_per_hour, utilization):
    given_per_s = photos_per_s * utilization
    machines = 1
    left_per_s = peak_per_s - given_per_s
    while left_per_s > 1e-9 * peak_per_s:
        machines += 1
        left_per_s = peak_per_s - machines * given_per_s
    return 730 * usd_per_hour * machines


CHOICE_RULES = [
    (
        "measured",
        True,
        "`{option}` was not measured completely on {machine}. Use a name from the first "
        "table.",
    ),
    (
        "meets",
        True,
        "`{option}` misses the server's target, and {meeting} meets it. Choose an option "
        "that meets it.",
    ),
    (
        "is_most",
        True,
        "{most_threads} is not the largest number of threads. At 1,000 photos a second, "
        "the CPU with this number must cost less than the A100, and with one thread "
        "more it must not. The machine has {threads} threads. Compare `dollars_a_month` "
        "for both, with `n * thread_usd_per_hour` as the price of n threads.",
    ),
]

recommendation(
    "defend.choice",
    "A recommendation: option, evidence, price, and what would change your mind",
    hint="Quote only figures from the table above, for the machine that it names.",
    records="labs.checkpoints.reads.defend:choice",
    form={"most_threads": "whole number"},
    rules=CHOICE_RULES,
    price="The price has {price_words} words. Add what you give up compared with "
    "float32, and what must be repeated after each training.",
    good={
        "option": "int8-static-u8s8",
        "machine": "AMD EPYC 7763",
        "most_threads": 85,
        "threads": 256,
        "is_most": True,
        "p50_ms": 2.0,
        "measured_p50_ms": 2.0,
    },
)
