"""The questions of "Choose, and defend it": what a peak costs, and a recommendation whose figures are checked."""

import math

from grading.builder.questions import another, at_least, fact, prediction, question

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
    yield (70.0, 100.0, 1.0), "One machine is given 70 photos a second, and 70 come in: 1 machine for 730 hours."
    yield (70.0, 100.0, 2.5), "The machine costs 2.50 dollars an hour now, for 730 hours."
    yield (
        (90.0, 100.0, 1.0),
        "One machine answers 100 a second, but is given 70 of them. 90 take a second machine.",
    )
    yield (75.0, 100.0, 1.0), "75 a second are one machine and a little. Nobody rents a little: that makes 2."
    yield (10.0, 1000.0, 3.0), "Even a small peak takes one machine."
    yield (float(random.integers(20, 90)) + 0.25, float(random.integers(3, 9)), 0.5), ""


@another("defend.dollars")
def another_dollars(peak_per_s, photos_per_s, usd_per_hour):
    machines = 1
    while machines * photos_per_s * 0.7 < peak_per_s and not math.isclose(machines * photos_per_s * 0.7, peak_per_s):
        machines += 1
    return 730 * usd_per_hour * machines


question(
    "defend.choice",
    "A recommendation: option, evidence, price, and what would change your mind",
    points=4,
    again={"submitted": 4, "same_classes": 4, "unseen": 6},
    hint="Everything that you quote stands in the table above, for the machine that it names.",
    form={
        "option": "text",
        "evidence": {"p50_ms": "number", "right": "whole number"},
        "flips_at": "whole number",
        "price": "text",
        "would_change_my_mind": "text",
    },
    records="labs.checkpoints.reads.defend:choice",
    rules=[
        ("measured", True, "`{option}` was not measured in full on {machine}: take a name from the first table."),
        (
            "kept",
            True,
            "The accuracy of `{option}` is not shown to be kept: with these photos, its loss may be 3 points or more.",
        ),
        ("meets", True, "`{option}` misses the target, and {meeting} meets it: it is the server that has to keep it."),
        (
            "p50_ms",
            fact("measured_p50_ms", near=True),
            "You quote {p50_ms:g} ms, and the records of `{option}` say {measured_p50_ms:.2f} ms.",
        ),
        (
            "right",
            fact("measured_right"),
            "You quote {right} right answers, and the records of `{option}` say {measured_right}.",
        ),
        (
            "flips",
            True,
            "It does not flip at {flips_at} photos a second: find the lowest peak at which the GPU costs less. With "
            "one photo a second fewer, it must not.",
        ),
        (
            "price_words",
            at_least(8),
            "The price has {price_words} words. What do you give up against float32, and what has to be done for it?",
        ),
        ("price_has_a_figure", True, "A price has a figure: how many answers, or milliseconds, or hours of work?"),
        (
            "change_words",
            at_least(8),
            "Say which measurement, on which machine, would make you choose another file: in 8 words at least.",
        ),
    ],
    good={
        "option": "int8-static-u8s8",
        "measured": True,
        "machine": "AMD EPYC 7763",
        "kept": True,
        "meets": True,
        "meeting": "",
        "p50_ms": 2.0,
        "measured_p50_ms": 2.0,
        "right": 530,
        "measured_right": 530,
        "flips_at": 1138,
        "flips": True,
        "price_words": 20,
        "price_has_a_figure": True,
        "change_words": 20,
    },
)
