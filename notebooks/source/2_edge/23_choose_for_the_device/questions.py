"""The questions of "Choose for the device": the budget, a clean release, and a recommendation that says where."""

from grading.builder.questions import another, at_least, fact, prediction, question

prediction(
    "target.left",
    "How many things does the site still count after the container was deleted?",
    about={"subject": "edge.after_delete"},
    between=(0, 10),
    things="things under your name",
)

question(
    "target.released",
    "Give the board back",
    points=1,
    hint="Run the cell again: what is gone already is no error.",
    records="labs.checkpoints.reads.leases:edge_release",
    rules=[("held", "", "The site still counts {held} under your name: run the release again.")],
    good={"held": "", "hours_given_back": 0.5},
)


@question(
    "target.budget",
    "Which bounds a file breaks",
    points=2,
    hint="Two questions that have nothing to do with each other. What unit has `least_accuracy`?",
)
def budget(random):
    yield (2_000, 5_000, 80, 100, 0.75), "2,000 of 5,000 bytes, and 0.80 where 0.75 is asked for: nothing is broken."
    yield (9_000, 5_000, 80, 100, 0.75), "9,000 bytes are more than 5,000. The accuracy of 0.80 keeps its bound."
    yield (
        (2_000, 5_000, 70, 100, 0.75),
        "70 of 100 are 0.70, where 0.75 is asked for. least_accuracy is a share, and not per cent.",
    )
    yield (9_000, 5_000, 70, 100, 0.75), "Both bounds are broken here. One broken bound does not hide the other."
    yield (2_000, 5_000, 320, 400, 0.85), "320 of 400 are 0.80, where 0.85 is asked for: divide by the total."
    yield (5_000, 5_000, 80, 100, 0.75), "Exactly 5,000 bytes keep the bound of 5,000."
    yield (2_000, 5_000, 75, 100, 0.75), "Exactly 0.75 keeps the bound of 0.75."
    yield (int(random.integers(1, 9)) * 1_000 + 500, 5_000, int(random.integers(60, 90)), 100, 0.755), ""


@another("target.budget")
def another_budget(size_bytes, most_bytes, right, total, least_accuracy):
    holds = {"size": size_bytes <= most_bytes, "accuracy": right >= least_accuracy * total}
    return [name for name, true in holds.items() if not true]


question(
    "target.choice",
    "A recommendation for the device, that says where it was measured",
    points=4,
    again={"submitted": 4, "same_classes": 4, "unseen": 6},
    hint="Everything that you quote stands in the table above. The line over it says which machine that was.",
    form={
        "option": "text",
        "where": ["device", "rehearsal"],
        "evidence": {"p95_ms": "number", "right": "whole number"},
        "price": "text",
        "would_change_my_mind": "text",
    },
    records="labs.checkpoints.reads.target:choice",
    rules=[
        ("measured", True, "`{option}` was not measured in full on {machine}: take a name from the table."),
        ("kept", True, "`{option}` breaks a bound: 5,000,000 bytes at most, and surely under 3 points lost."),
        ("where", fact("measured_where"), "`where` is `{where}`, and {machine} says {measured_where}."),
        (
            "p95_ms",
            fact("measured_p95_ms", near=True),
            "You quote {p95_ms:g} ms, and the records of `{option}` say {measured_p95_ms:.2f} ms.",
        ),
        (
            "right",
            fact("measured_right"),
            "You quote {right} right answers, and the records of `{option}` say {measured_right}.",
        ),
        ("price_words", at_least(8), "The price has {price_words} words. What is given up, and what has to be done?"),
        ("price_has_a_figure", True, "A price has a figure: how many answers, or milliseconds, or hours of work?"),
        (
            "change_words",
            at_least(8),
            "Say which measurement, on which machine, would make you choose another file: in 8 words at least.",
        ),
    ],
    good={
        "option": "edge-int8-s8s8",
        "measured": True,
        "machine": "Cortex-A76",
        "kept": True,
        "where": "device",
        "measured_where": "device",
        "p95_ms": 5.0,
        "measured_p95_ms": 5.0,
        "right": 530,
        "measured_right": 530,
        "price_words": 20,
        "price_has_a_figure": True,
        "change_words": 20,
    },
)
