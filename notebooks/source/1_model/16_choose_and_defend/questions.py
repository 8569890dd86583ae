"""The questions of "Choose, and defend it": the manager's rule, and a recommendation whose figures are checked."""

from grading.builder.questions import another, at_least, fact, prediction, question

prediction(
    "defend.kept",
    "How many of your files keep both of the manager's bounds?",
    about={"subject": "defend.options"},
    between=(0, 100),
    files="files, float32 counted",
)


def option(name, p95_ms, accuracy, size_bytes):
    """Return a measured option."""
    return {"name": name, "p95_ms": p95_ms, "accuracy": accuracy, "size_bytes": size_bytes}


@question(
    "defend.pick",
    "The manager's rule",
    points=2,
    hint="First leave out what breaks a bound. What do you do with the rest, and what when there is no rest?",
)
def pick(random):
    floats, small = option("float32", 3.0, 0.81, 9_000), option("small", 2.0, 0.80, 2_000)
    tiny, pruned = option("tiny", 1.0, 0.70, 500), option("pruned", 1.5, 0.80, 6_000)
    yield ([floats], 4.0, 0.75), "There is one option, and it keeps both bounds. Return its name."
    yield ([floats, small], 4.0, 0.75), "Both keep the bounds: 2,000 bytes are less than 9,000."
    yield ([pruned, small], 4.0, 0.75), "pruned is faster, but nobody asks for the fastest: small has fewer bytes."
    yield ([small, floats], 4.0, 0.805), "small has an accuracy of 0.80 and breaks the bound of 0.805."
    yield (
        ([tiny, floats, small], 4.0, 0.75),
        "tiny has the fewest bytes, and an accuracy of 0.70 where 0.75 is asked for.",
    )
    yield ([option("slow", 5.0, 0.81, 1_000), floats], 4.0, 0.75), "slow takes 5 ms where 4 ms are allowed."
    yield ([pruned, small], 2.0, 0.75), "small takes exactly 2.0 ms, which keeps the bound of 2.0 ms."
    yield ([floats, small], 4.0, 0.80), "small has an accuracy of exactly 0.80, which keeps the bound of 0.80."
    yield ([floats, tiny], 0.5, 0.75), "Nothing here answers in 0.5 ms: return None."
    sizes = random.permutation([1_000, 2_000, 3_000, 4_000, 5_000])
    times, right = random.integers(10, 50, 5) / 10, random.integers(70, 90, 5) / 100
    drawn = [option(f"file{place}", float(times[place]), float(right[place]), int(sizes[place])) for place in range(5)]
    yield (drawn, 3.55, 0.755), ""


question(
    "defend.choice",
    "A recommendation: option, evidence, price, and what would change your mind",
    points=4,
    again={"submitted": 4, "same_classes": 4, "unseen": 6},
    hint="Everything that you quote stands in the table above, for the machine that it names.",
    form={
        "option": "text",
        "evidence": {"p95_ms": "number", "right": "whole number"},
        "price": "text",
        "would_change_my_mind": "text",
    },
    records="labs.checkpoints.reads.defend:choice",
    rules=[
        ("measured", True, "`{option}` was not measured in full on {machine}: take a name from the table."),
        (
            "kept",
            True,
            "`{option}` breaks a bound: at most {most_ms:.2f} ms for 95 of 100 photos, and surely under 3 points lost.",
        ),
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
        (
            "price_words",
            at_least(8),
            "The price has {price_words} words. What do you give up against float32, and what has to be done for it?",
        ),
        ("price_has_a_figure", True, "A price has a figure: how many answers, or milliseconds, or hours of work?"),
        (
            "change_words",
            at_least(8),
            "Say which measurement, on which machine, would make you choose another file: in 8 words at least.",
        ),
    ],
    good={
        "option": "int8-static-u8s8",
        "measured": True,
        "machine": "AMD EPYC 7763",
        "kept": True,
        "most_ms": 3.0,
        "p95_ms": 2.0,
        "measured_p95_ms": 2.0,
        "right": 530,
        "measured_right": 530,
        "price_words": 20,
        "price_has_a_figure": True,
        "change_words": 20,
    },
)
