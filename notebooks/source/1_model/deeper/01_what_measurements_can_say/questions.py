"""The questions of "What measurements can say": each case with its message."""

from grading.builder.questions import (
    another,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "measurements.hold",
    "How many of ten runs have an interval that contains the median of all runs?",
    about={"subject": "measurements.runs"},
    between=(0, 10),
    textbook="the textbook's interval",
    steady="the interval that allows neighbours to be alike",
)


@question(
    "measurements.fewest",
    "The fewest samples for a percentile",
    points=1,
    hint="Try n = 1, 2, 3, … for the median: how often are all n samples below it? "
    "A logarithm gives the answer in one step.",
)
def fewest(random):
    yield (
        (50,),
        "All of five samples are below the median in 3.1 of 100 runs, and at most 2.5 "
        "are allowed. With six samples, it happens in 1.6.",
    )
    yield (95,), "All of 71 samples are below the p95 in 2.6 of 100 runs: add one more."
    yield (99,), "A sample is below the p99 with probability 0.99: `q` is in per cent."
    yield (float(random.integers(60, 90)),), ""
    yield (
        (99.9,),
        "`q` may be a fraction, but the number of samples must be a whole number.",
    )


@domain("measurements.fewest")
def any_percentile(random):
    return (pick(random, 20, 50, 60, 75, 79.0, 90, 95, 97.5, 99, 99.9),)


@question(
    "measurements.more",
    "The samples that a narrower interval needs",
    points=1,
    hint="Four times the samples halve the width. What is the effect of nine times the "
    "samples?",
)
def more(random):
    yield (
        (100, 2.0, 1.0),
        "Half the width needs four times the samples: the width shrinks with their "
        "square root.",
    )
    yield (100, 3.0, 1.0), "A third of the width needs nine times the samples."
    yield (
        (400, 0.25, 0.5),
        "A wider interval is allowed here, so a quarter of the samples is enough.",
    )
    have = int(100 * random.integers(2, 9))
    width = 0.5 * float(random.integers(3, 8))
    yield (have, width, 0.5), ""


@domain("measurements.more")
def any_width(random):
    have = 16 * int(random.integers(1, 50))
    width = float(pick(random, 1, 2, 3, 5))
    return have, width, pick(random, 1.0, 0.5, 0.25, 4.0)


@question(
    "measurements.claim",
    "The claim that an interval allows",
    points=1,
    hint="1 means equally fast. Is 1 below the interval, above it, or inside?",
)
def claim(random):
    low = float(random.integers(11, 15)) / 10
    yield (low, low + 0.3), "Both ends are above 1, so this option is faster."
    yield (0.7, 0.9), "Both ends are below 1, so this option is slower."
    yield (0.95, 1.02), "1 is inside, so both options may be equally fast."
    yield (
        (0.99, 1.4),
        "Its middle is above 1, but 1 is inside. Use both ends, not the middle.",
    )
    yield (
        (0.6, 1.01),
        "Its middle is below 1, but 1 is inside. Use both ends, not the middle.",
    )
    yield (1.0, 1.3), "The lower end is just 1: equally fast may still be true."
    yield (0.8, 1.0), "The upper end is just 1: equally fast may still be true."
    low = float(random.integers(90, 105)) / 100 + 0.005
    high = low + float(random.integers(1, 9)) / 100
    yield (low, high), ""


@domain("measurements.claim")
def any_interval(random):
    ends = random.choice([0.5, 0.9, 0.99, 1.0, 1.01, 1.2, 3.0], 2)
    return tuple(sorted(ends.tolist()))
