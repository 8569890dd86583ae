"""The questions of "A search under an objective": the SUT, a run's length, the price, and the next rate to try."""

from grading.builder.questions import at_least, prediction, question

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
    hint="Which photo does each query ask for? What happens to the next query while `issue_queries` runs?",
    records="labs.checkpoints.reads.search:system_under_test",
    rules=[
        (
            "failed",
            0,
            "{failed} queries were completed without an answer. Does Triton know the input by this name?",
        ),
        (
            "right",
            at_least(0.5),
            "{right:.1%} of the answers are right. Does each query get the photo of its `index`, and its own `id`?",
        ),
        (
            "together",
            at_least(2),
            "Never were two queries under way, though some were due together: `issue_queries` waits for answers.",
        ),
    ],
    good={"failed": 0, "right": 0.8, "together": 4},
)


@question(
    "search.enough",
    "How many queries a run needs",
    points=3,
    hint="Begin with as few queries as can be, and take one more until so few late ones would be rare.",
)
def enough(random):
    yield (0, 95, 0.99), "0.95 to the power of 90 is just below 0.01."
    yield (
        (0, 99, 0.99),
        "For 99 of 100 the same luck, 0.99 to the power of n, takes 459 queries.",
    )
    yield (
        (0, 95, 0.9),
        "With a confidence of 90 %, such luck may come in one run of ten: 0.95 to the power of 45.",
    )
    yield (
        (1, 95, 0.99),
        "At most one late query: none is late, or just one. Both together must be rare.",
    )
    yield (int(random.integers(2, 9)), int(random.integers(88, 97)), 0.95), ""


@question(
    "search.cost",
    "What a million images cost",
    points=1,
    hint="How many seconds does a million take at this rate? How many hours are that?",
)
def cost(random):
    yield (
        (1000.0, 3.6),
        "A million takes 1,000 seconds at this rate, and each second costs 0.001 dollars.",
    )
    yield (100.0, 0.36), "A million takes 10,000 seconds, which are 2.78 hours."
    yield (
        (int(random.integers(20, 400)), int(random.integers(5, 120)) / 100),
        "An hour has 3,600 seconds.",
    )


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
    yield (
        trials((0.5, True), (0.75, False)),
        "The interval goes from the kept 0.5 to the broken 0.75 of the limit.",
    )
    yield (
        trials((0.5, False), (0.25, True)),
        "The last trial is one end. The other end is the broken one before it.",
    )
    yield (
        trials((0.5, False), (0.25, True), (0.375, True)),
        "Two were kept: the highest of them is the lower end.",
    )
    yield (
        trials((0.5, True), (0.75, False), (0.625, False)),
        "Two were broken: the lowest of them is the upper end.",
    )
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
