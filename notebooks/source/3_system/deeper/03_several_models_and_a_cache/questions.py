"""The questions of "Several models and a cache": two named versions, and what a share of hits is worth."""

from grading.builder.questions import prediction, question

prediction(
    "cache.hits",
    "How many times as many answers does a cache give?",
    about={"kind": "load", "option": "cache-warm"},
    unit="×",
    between=(0.1, 10_000),
    all="when every photo was asked for before",
    half="when every second one was",
)

question(
    "cache.versions",
    "Serve two named versions of one model",
    points=2,
    hint="The third of the three policies, with the numbers of both folders.",
    file="labs.checkpoints.reads.cache:versions",
    rules=[
        ("fault", "", "Triton cannot read this text: {fault}"),
        ("policy", "specific", "Its policy is `{policy}`: a stray folder would become a release. Name the versions."),
        ("versions", [1, 2], "It serves the versions {versions}. Both folders, 1 and 2, are asked for."),
    ],
    good={"fault": "", "policy": "specific", "versions": [1, 2]},
)


@question(
    "cache.rate",
    "What a share of hits is worth",
    points=2,
    hint="What does a request take on average? How many of those fit into a second?",
)
def rate(random):
    yield (0.0, 0.001, 0.1), "Without a hit, each answer takes 0.1 s: 10 a second."
    yield (1.0, 0.001, 0.1), "With nothing but hits, each answer takes 0.001 s: 1,000 a second."
    yield (
        (0.5, 0.001, 0.1),
        "Two requests take 0.101 s here, one hit and one miss. The mean of both rates, 505 a second, is too high.",
    )
    yield (0.75, 0.02, 0.04), "Four requests, three of them hits, take 0.1 s: 40 answers a second."
    hit_s = float(random.integers(1, 5)) / 1000
    yield (float(random.integers(1, 10)) / 10, hit_s, hit_s * 20), ""
