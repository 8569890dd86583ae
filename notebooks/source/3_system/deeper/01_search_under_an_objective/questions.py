"""The questions of "A search under an objective": the SUT, a run's length, the price, and
the next rate to try.
"""

from grading.builder.questions import (
    at_least,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "search.room",
    "Which share of the rate of Offline can each configuration promise?",
    about={"kind": "load", "option": "search-1x1"},
    unit="%",
    between=(0.1, 100),
    one_thread="1x1: one instance with one thread",
    two_threads="1x2: one instance with two threads",
    two_instances="2x1-batch8: two instances with one thread each, batches up to 8",
)

question(
    "search.sut",
    "A system under test for loadgen",
    points=2,
    hint="Which photo does each query ask for? Can the next query leave while "
    "`issue_queries` runs?",
    records="labs.deeper.search.reads:system_under_test",
    rules=[
        (
            "failed",
            0,
            "{failed} queries were completed without an answer. Check the name of the "
            "input.",
        ),
        (
            "right",
            at_least(0.5),
            "{right:.1%} of the answers are right. Does each query get the photo of "
            "its `index`, and its own `id`?",
        ),
        (
            "together",
            at_least(2),
            "Two queries were never in flight at the same time, although some were due "
            "together: `issue_queries` must not wait for answers.",
        ),
    ],
    good={"failed": 0, "right": 0.8, "together": 4},
)


@question(
    "search.enough",
    "How many queries a run needs",
    points=1,
    hint="Begin with `late` + 1 queries, and add one until so few late queries would be "
    "rare enough.",
)
def enough(random):
    yield (0, 95, 0.99), "0.95 to the power of 90 is just below 0.01."
    yield (
        (0, 99, 0.99),
        "For 99 of 100, use 0.99 to the power of n. It falls below 0.01 at 459 queries.",
    )
    yield (
        (0, 95, 0.9),
        "With a confidence of 90 %, luck may occur in one run of ten: 0.95 to the power "
        "of 45 is just below 0.1.",
    )
    yield (
        (1, 95, 0.99),
        "At most one late query means none or one. Both together must be rare.",
    )
    yield (
        (0, 50, 0.8),
        "A coin is heads three times in a row in one of eight runs, which is less than "
        "0.2. So three queries are enough.",
    )
    yield (
        (0, 90.5, 0.9),
        "q need not be a whole number: 0.905 to the power of 24 is just below 0.1.",
    )
    yield (int(random.integers(2, 9)), int(random.integers(88, 97)), 0.95), ""


@domain("search.enough", draws=40)
def any_run(random):
    q = pick(random, 50, 75, 80, 90, 92.5)
    return random.integers(0, 4), q, pick(random, 0.8, 0.9, 0.95, 0.99)


@question(
    "search.cost",
    "The cost of a million images",
    points=1,
    hint="How many seconds does a million take at this rate? How many hours are that?",
)
def cost(random):
    yield (
        (1000.0, 3.6),
        "A million takes 1,000 seconds at this rate, and each second costs 0.001 "
        "dollars.",
    )
    yield (2.5, 0.36), "A million takes 400,000 seconds, which are 111.1 hours."
    yield (6400.0, 0.36), "A million takes 156.25 seconds at this rate."
    yield (
        (int(random.integers(20, 400)), int(random.integers(5, 120)) / 100),
        "An hour has 3,600 seconds.",
    )


@domain("search.cost")
def any_price(random):
    return random.uniform(1, 2000), random.uniform(0.1, 9)


@question(
    "search.halving",
    "The next rate to try",
    points=1,
    hint="The interval's ends are the highest valid rate and the lowest rate that was "
    "not valid.",
)
def halving(random):
    limit = 100 * int(random.integers(1, 5))

    def trials(*shares):
        return [(share * limit, valid) for share, valid in shares], limit

    yield trials(), "There are no trials yet: try half-way between 0 and the limit."
    yield ([], 64.0), "There are no trials yet, and the limit is 64: half-way is 32."
    yield trials((0.5, True)), "0.5 is valid: look between 0.5 and the limit."
    yield trials((0.5, False)), "0.5 is not valid: look between 0 and 0.5."
    yield (
        trials((0.5, True), (0.75, False)),
        "The interval goes from 0.5 (valid) to 0.75 (not valid) of the limit.",
    )
    yield (
        trials((0.5, False), (0.25, True)),
        "The last trial is the lower end. The upper end is the trial before it.",
    )
    yield (
        trials((0.5, False), (0.25, True), (0.375, True)),
        "Two rates are valid: the higher one is the lower end.",
    )
    yield (
        trials((0.5, True), (0.75, False), (0.625, False)),
        "Two rates are not valid: the lower one is the upper end.",
    )
    yield (
        trials((0.5, True), (0.75, False), (0.625, True)),
        "From 0.625 to 0.75 of the limit the interval is 17 % of its upper end: close "
        "enough, so None.",
    )
    yield (
        trials((0.5, False), (0.25, True), (0.375, True), (0.4375, False)),
        "The interval is 14 % of its *upper end*, so it is narrow enough: None. Do not "
        "compare it with the limit.",
    )
    yield (
        trials((0.5, False), (0.25, False), (0.125, False)),
        "No rate is valid: look between 0 and the lowest rate. The interval is 100 % of "
        "its upper end.",
    )


@domain("search.halving")
def any_trials(random):
    limit = pick(random, 64, 100, 1000.0)
    low, high, trials = 0.0, limit, []
    for _ in range(random.integers(0, 6)):
        if high - low <= 0.2 * high:
            break
        rate, valid = (low + high) / 2, bool(random.random() < 0.5)
        trials.append((rate, valid))
        low, high = (rate, high) if valid else (low, rate)
    return trials, limit
