"""The questions of "Three seeds, four bits": a gain over seeds, and four bits in a file."""

from grading.builder.questions import at_least, at_most, prediction, question

prediction(
    "seeds.teacher",
    "How many points more does the teacher bring than the labels, averaged over three seeds?",
    about={"subject": "seeds.teacher"},
    unit="points",
    between=(-80, 80),
    gain="gain",
)


@question(
    "seeds.gain",
    "A gain over seeds",
    points=2,
    hint="One difference for each seed. Then it is the mean of a few numbers, and how uncertain that mean is.",
)
def gain(random):
    yield (
        ([0.72, 0.74, 0.76], [0.70, 0.72, 0.74]),
        "Each seed gains 0.02, so the gain is 2 points, and the interval has no width: take the differences first.",
    )
    yield (
        ([0.72, 0.76], [0.70, 0.70]),
        "Gains of 2 and 6 points: the mean is 4, and its standard error 2. With two seeds, Student's t is 12.7.",
    )
    yield (
        ([0.73, 0.74, 0.75], [0.70, 0.70, 0.70]),
        "Gains of 3, 4 and 5 points have the standard deviation 1, with n - 1. Student's t for three seeds is 4.30.",
    )
    yield ([0.70, 0.71, 0.69], [0.72, 0.74, 0.73]), "Less with the trick is a negative gain."
    base = random.uniform(0.6, 0.8, 5).round(3)
    yield ([*(base + random.normal(0.02, 0.01, 5)).round(4)], [*base]), ""


question(
    "seeds.file",
    "Four bits in a file",
    points=3,
    hint="`settings()` has the words for all other layers. The overrides are a dictionary in `extra_options`.",
    file="labs.checkpoints.reads.seeds:four_bit_file",
    opened_by="model",
    rules=[
        (
            "four_bits",
            at_least(0.5),
            "{four_bits:.1%} of its weights have four bits. `TensorQuantOverrides` is a key of `extra_options`, and "
            "names the weights of the tail.",
        ),
        (
            "four_bits",
            at_most(0.9),
            "{four_bits:.1%} of its weights have four bits. Only the tail was clipped for that.",
        ),
        ("float32", at_most(0.1), "{float32:.1%} of its weights are still float32. The trunk wants INT8."),
        (
            "agreement",
            at_least(0.6),
            "It agrees with the float model on {agreement:.0%} of 60 photos. Was it made from `prepared_path`, whose "
            "weights are clipped?",
        ),
    ],
    good={"four_bits": 0.68, "float32": 0.0, "agreement": 0.88},
)
