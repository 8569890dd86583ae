"""The questions of "Batch or online, cloud or edge": costs of both, and what a link takes."""

from grading.builder.questions import prediction, question

prediction(
    "start.wait",
    "How many milliseconds does the model take for a guest's photo, and how many its way there and back?",
    about={"subject": "start.photo"},
    unit="ms",
    between=(0.01, 1e6),
    model="the model",
    way="the way there and back",
)


@question(
    "start.precomputed",
    "What answering in advance costs, and what of it is wasted",
    points=2,
    hint="How many hours does the job work? And what share of its answers is never asked for?",
)
def precomputed(random):
    photos, rate, share = (
        int(random.integers(3, 9)) * 50_000,
        int(random.integers(4, 9)) * 10_000,
        0.01,
    )
    share *= int(random.integers(2, 30))
    yield (
        (7_200, 0.5, 3_600, 1.0),
        "7,200 photos at 3,600 per hour are 2 hours of work, at 1 dollar each.",
    )
    yield (7_200, 0.5, 3_600, 0.1), "Still 2 hours of work, now at 0.10 dollars per hour."
    yield (
        (7_200, 0.25, 3_600, 1.0),
        "A quarter of the answers is asked for. The other three quarters are wasted.",
    )
    yield (
        (900, 0.0, 3_600, 1.0),
        "A quarter of an hour of work, and no answer is asked for: all of it is wasted.",
    )
    yield (
        (7_200, 1.0, 3_600, 1.0),
        "Every answer is asked for here, so no dollar is wasted.",
    )
    yield (photos, share, rate, 0.1), ""


@question(
    "start.over_link",
    "How long an answer from the cloud takes",
    points=2,
    hint="Three times follow each other: pushing the photo's bits into the uplink, one round trip, computing.",
)
def over_link(random):
    kilobytes, megabits = int(random.integers(3, 30)) * 100, int(random.integers(2, 50))
    yield (
        (1_000_000, 4_000_000, 0.0, 0.0),
        "A byte has 8 bits: this photo has 8,000,000 of them, and 4,000,000 go up per second.",
    )
    yield (
        (0, 4_000_000, 0.05, 0.0),
        "A round trip is the way there and back: it takes its 0.05 s once.",
    )
    yield (
        (0, 4_000_000, 0.0, 0.25),
        "The server computes for 0.25 s once; uplink and round trip take no time here.",
    )
    yield (
        (1_000_000, 4_000_000, 0.05, 0.25),
        "Uplink, round trip and computing follow each other: add all three.",
    )
    yield (1_000 * kilobytes, 1_000_000 * megabits, 0.04, 0.02), ""
