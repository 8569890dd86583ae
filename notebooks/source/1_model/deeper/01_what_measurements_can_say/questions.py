"""The questions of "What measurements can say": each case with the sentence for whoever fails just there."""

from grading.builder.questions import another, prediction, question

prediction(
    "measurements.hold",
    "In how many of ten runs does the interval hold the median of all runs?",
    about={"subject": "measurements.runs"},
    between=(0, 10),
    textbook="the textbook's interval",
    steady="the interval that allows neighbours to be alike",
)


@question(
    "measurements.fewest",
    "The fewest samples for a percentile",
    points=2,
    hint="Try n = 1, 2, 3, … for the median: how often do all n samples lie below it? A logarithm saves the trying.",
)
def fewest(random):
    yield (
        (50,),
        "Five samples all lie below the median in 3.1 of 100 runs, which is too often; six do in 1.6, and 2.5 are "
        "allowed.",
    )
    yield (95,), "71 samples all lie below p95 in 2.6 of 100 runs; one more is needed."
    yield (99,), "A sample lies below p99 with probability 0.99: `q` is in per cent."
    yield (float(random.integers(60, 90)),), ""
    yield (
        (99.9,),
        "Percentiles need not be whole numbers, but the number of samples is one.",
    )


@question(
    "measurements.more",
    "How many samples make an interval narrower",
    points=1,
    hint="Four times the samples halve the width. What do nine times the samples do?",
)
def more(random):
    yield (
        (100, 2.0, 1.0),
        "Half the width takes four times the samples: the width shrinks with their square root.",
    )
    yield (100, 3.0, 1.0), "A third of the width takes nine times the samples."
    yield (
        (400, 0.25, 0.5),
        "A wider interval is enough here, so a quarter of the samples will do.",
    )
    yield (int(100 * random.integers(2, 9)), 0.5 * float(random.integers(3, 8)), 0.5), ""


@question(
    "measurements.claim",
    "What an interval lets you claim",
    points=1,
    hint="1 means equally fast. Where does it lie: below the interval, above it, or inside?",
)
def claim(random):
    low = float(random.integers(11, 15)) / 10
    yield (low, low + 0.3), "Both ends lie above 1 time as fast: this one is faster."
    yield (0.7, 0.9), "Both ends lie below 1: this one is slower."
    yield (0.95, 1.02), "1 lies inside: equally fast is among what may be true."
    yield (
        (0.99, 1.4),
        "Its middle lies above 1, but 1 is inside. The whole interval counts.",
    )
    yield (
        (0.6, 1.01),
        "Its middle lies below 1, but 1 is inside. The whole interval counts.",
    )
    low = float(random.integers(90, 105)) / 100 + 0.005
    yield (low, low + float(random.integers(1, 9)) / 100), ""
