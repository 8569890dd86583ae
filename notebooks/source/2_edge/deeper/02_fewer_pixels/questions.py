"""The questions of "Fewer pixels": a file for smaller photos, its loss and its gain."""

from grading.builder.questions import (
    at_least,
    domain,
    prediction,
    question,
)

prediction(
    "pixels.fewer",
    "160 instead of 224 pixels: what is the speed-up, and how many points are lost?",
    about={"kind": "latency", "option": "edge-int8-160px"},
    between=(-20, 100),
    faster="times as fast",
    lost="points of accuracy lost",
)

FILE_RULES = [
    ("changed", True, "This is the original file. Save the changed model."),
    (
        "height",
        160,
        "Its photos are {height} pixels high instead of 160. Height and width are the "
        "last two of the four entries.",
    ),
    (
        "width",
        160,
        "Its photos are {width} pixels wide instead of 160. Height and width are the "
        "last two of the four entries.",
    ),
    (
        "batch",
        "free",
        "Its batch size is fixed to {batch}. Leave the first entry unchanged.",
    ),
    (
        "agreement",
        at_least(0.5),
        "It gives the original file's class for {agreement:.0%} of 33 photos. Did you "
        "change anything else?",
    ),
]

question(
    "pixels.file",
    "A file for 160 × 160 pixels",
    points=4,
    hint="The shape has four entries: batch, channels, height, width. Which two must "
    "change?",
    file="labs.deeper.pixels.reads:resized_file",
    opened_by="model",
    rules=FILE_RULES,
    good={
        "changed": True,
        "height": 160,
        "width": 160,
        "batch": "free",
        "agreement": 0.85,
    },
)


@question(
    "pixels.bargain",
    "Lost points and speed-up",
    points=1,
    hint="A point is 1 % of the photos. A speed-up is above 1 if the answers became "
    "faster: which median must you divide by which?",
)
def bargain(random):
    yield (
        ([1, 1, 1, 1], [1, 1, 1, 0], [4.0], [2.0]),
        "One of four right answers was lost: 25 points. 4 seconds became 2: a speed-up "
        "of 2.",
    )
    yield (
        ([1, 0, 0, 0], [1, 1, 0, 0], [3.0], [4.0]),
        "One more photo is right, so the loss is negative: -25 points.",
    )
    yield (
        ([1, 1], [1, 1], [4.0, 4.0, 40.0], [2.0, 2.0, 2.0]),
        "One slow answer of 40 s changes a mean. Use the medians, 4 and 2 seconds.",
    )
    yield (
        ([1, 1, 0, 1, 1], [0, 1, 0, 1, 0], [6.0, 4.0, 5.0], [2.5, 2.0, 4.0]),
        "Two of five photos were lost, 40 points, and the medians are 5 and 2.5 seconds.",
    )
    yield (
        ([1, 1, 1], [1, 0, 1], [10.0], [2.0, 5.0, 5.0, 1.0, 5.0]),
        "One of three photos was lost, 33.3 points. The median of the five seconds is 5: "
        "equal ones all count.",
    )
    sixteen_right = [1] * 16 + [0] * 4
    before_right = random.permutation(sixteen_right).tolist()
    after_right = random.permutation(sixteen_right).tolist()
    before_s = random.uniform(4, 6, 5).tolist()
    after_s = random.uniform(2, 3, 5).tolist()
    yield (before_right, after_right, before_s, after_s), ""


@domain("pixels.bargain")
def any_bargain(random):
    photos = random.integers(1, 12)
    before_right, after_right = random.integers(0, 2, (2, photos)).tolist()
    before_s = random.integers(1, 99, random.integers(1, 8)) / 10
    after_s = random.integers(1, 99, random.integers(1, 8)) / 10
    return before_right, after_right, before_s.tolist(), after_s.tolist()
