"""The questions of "Batch or online, cloud or edge": costs of both, and the time on a
link.
"""

from grading.builder.questions import (
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "start.wait",
    "How many milliseconds does the model take for a guest's photo, and how many does "
    "the link take?",
    about={"subject": "start.photo"},
    unit="ms",
    between=(0.01, 1e6),
    model="the model",
    way="the link, there and back",
)


@question(
    "start.precomputed",
    "The cost of answering in advance, and the wasted part of it",
    points=1,
    hint="How many hours does the job work? What share of its answers does no user "
    "ask for?",
)
def precomputed(random):
    photos = 50_000 * int(random.integers(3, 9))
    photos_an_hour = 10_000 * int(random.integers(4, 9))
    share_asked = 0.01 * int(random.integers(2, 30))
    yield (
        (7_200, 0.5, 3_600, 1.0),
        "7,200 photos at 3,600 per hour are 2 hours of work, and an hour costs 1 dollar.",
    )
    yield (7_200, 0.5, 3_600, 0.1), "These are 2 hours of work too, at 0.10 dollars each."
    yield (
        (7_200, 0.25, 3_600, 1.0),
        "Users ask for a quarter of the answers. The other three quarters are wasted.",
    )
    yield (
        (900, 0.0, 3_600, 1.0),
        "This is a quarter of an hour of work. Users ask for no answer, so the cost is "
        "wasted completely.",
    )
    yield (
        (7_200, 1.0, 3_600, 1.0),
        "Users ask for every answer here, so the wasted cost is 0.",
    )
    yield (photos, share_asked, photos_an_hour, 0.1), ""


@domain("start.precomputed")
def any_advance(random):
    share_asked = pick(random, 0.0, 1.0, random.random())
    photos, photos_an_hour = random.integers(1, 9999, 2).tolist()
    return photos, share_asked, photos_an_hour, random.uniform(0.1, 5)


@question(
    "start.over_link",
    "How long an answer from the cloud takes",
    points=1,
    hint="Three times follow each other: pushing the photo's bits into the uplink, one "
    "round trip, and computing. How many bits has a byte?",
)
def over_link(random):
    photo_bytes = 100_000 * int(random.integers(3, 30))
    uplink_bits_a_second = 1_000_000 * int(random.integers(2, 50))
    yield (
        (1_000_000, 4_000_000, 0.0, 0.0),
        "A byte has 8 bits: this photo has 8,000,000 bits, and the uplink carries "
        "4,000,000 per second.",
    )
    yield (
        (0, 4_000_000, 0.05, 0.0),
        "A round trip is there *and* back, so its 0.05 s count once.",
    )
    yield (
        (0, 4_000_000, 0.0, 0.25),
        "The server computes for 0.25 s, and uplink and round trip take no time here.",
    )
    yield (
        (1_000_000, 4_000_000, 0.05, 0.25),
        "Uplink, round trip and computing follow each other, so add all three.",
    )
    yield (photo_bytes, uplink_bits_a_second, 0.04, 0.02), ""


@domain("start.over_link")
def any_link(random):
    photo_bytes = random.integers(0, 10**7)
    uplink_bits_a_second = random.integers(10**5, 10**8)
    return photo_bytes, uplink_bits_a_second, random.random(), random.random()
