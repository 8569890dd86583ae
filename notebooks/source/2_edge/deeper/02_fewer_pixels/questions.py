"""The questions of "Fewer pixels": a file that takes smaller photos, and what the bargain is."""

from grading.builder.questions import at_least, prediction, question

prediction(
    "pixels.fewer",
    "What do 160 instead of 224 pixels bring, and what do they cost?",
    about={"kind": "latency", "option": "edge-int8-160px"},
    between=(-20, 100),
    faster="times as fast",
    lost="points of accuracy lost",
)

question(
    "pixels.file",
    "A file that takes 160 × 160 pixels",
    points=2,
    hint="The shape has four entries: batch, channels, height, width. Which two have to change?",
    file="labs.checkpoints.reads.pixels:resized_file",
    opened_by="model",
    rules=[
        ("changed", True, "This is the file as it was. Save the changed model."),
        (
            "height",
            160,
            "Its photos are {height} pixels high: height and width are the last two of the four entries.",
        ),
        (
            "width",
            160,
            "Its photos are {width} pixels wide: height and width are the last two of the four entries.",
        ),
        (
            "batch",
            "free",
            "It takes {batch} photos at once, and no other number. Leave the first entry as it was.",
        ),
        (
            "agreement",
            at_least(0.5),
            "It names the large file's class on {agreement:.0%} of 33 photos. Was anything else changed?",
        ),
    ],
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
    "Points lost, and times as fast",
    points=2,
    hint="A point is a hundredth of the accuracy. Which of the two medians is the numerator if the change pays?",
)
def bargain(random):
    yield (
        ([1, 1, 1, 1], [1, 1, 1, 0], [4.0], [2.0]),
        "One of four right answers was lost, 25 points. 4 seconds became 2.",
    )
    yield (
        ([1, 0, 0, 0], [1, 1, 0, 0], [3.0], [4.0]),
        "A photo was gained, so the loss is below 0: -25 points.",
    )
    yield (
        ([1, 1], [1, 1], [4.0, 4.0, 40.0], [2.0, 2.0, 2.0]),
        "One slow answer of 40 s moves a mean. The medians are 4 and 2 seconds.",
    )
    yield (
        ([1, 1, 0, 1, 1], [0, 1, 0, 1, 0], [6.0, 4.0, 5.0], [2.5, 2.0, 4.0]),
        "Two of five photos were lost, 40 points, and the medians are 5 and 2.5 seconds.",
    )
    before, after = [
        random.permutation([1] * 16 + [0] * (4 + lost)).tolist() for lost in (0, 0)
    ]
    yield (
        (
            before,
            after,
            random.uniform(4, 6, 5).tolist(),
            random.uniform(2, 3, 5).tolist(),
        ),
        "",
    )
