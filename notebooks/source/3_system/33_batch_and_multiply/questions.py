"""The questions of "Batch and multiply": a stanza, the batches that Triton forms by it, and how busy instances are."""

from grading.builder.questions import at_least, prediction, question

prediction(
    "batching.gain",
    "Sixteen clients: how many times as many answers a second with batches, and with two instances instead?",
    about={"kind": "load", "option": "batching-on-16"},
    unit="×",
    between=(0.05, 100),
    batches="with batches",
    instances="with two instances",
)

question(
    "batching.config",
    "A stanza for dynamic batching",
    points=2,
    hint="One field within braces; look at the unit in its name.",
    file="labs.checkpoints.reads.triton_configs:config",
    rules=[
        ("fault", "", "Triton cannot read it: {fault}"),
        (
            "batching",
            True,
            "There is no `dynamic_batching` in it, so no request would wait for another.",
        ),
        (
            "delay_us",
            5000,
            "A request may wait {delay_us} microseconds. 5 milliseconds are asked for.",
        ),
        (
            "instances",
            1,
            "It has {instances} instances. Leave them as they are: one change at a time.",
        ),
    ],
    good={"fault": "", "batching": True, "delay_us": 5000, "instances": 1},
)


question(
    "batching.formed",
    "Triton forms batches",
    points=1,
    hint="The cell above measures it, with the stanza that you have written.",
    records="labs.checkpoints.reads.batching:formed",
    rules=[
        (
            "photos",
            at_least(2),
            "Sixteen clients waited, and an execution held {photos:.2f} photos. Is the stanza right?",
        ),
        (
            "plain",
            1.0,
            "Without your stanza an execution held {plain:.2f} photos: leave the given text as it is.",
        ),
    ],
    good={"photos": 12.5, "plain": 1.0},
)


@question(
    "batching.busy",
    "How busy instances are",
    points=2,
    hint="For how many seconds did they compute, together? For how many could they have?",
)
def busy(random):
    yield (
        (500_000_000, 1, 1.0),
        "500,000,000 nanoseconds are half a second, and one instance had one second.",
    )
    yield (
        (1_200_000_000, 2, 1.0),
        "Two instances had a second each: 2 s in all, of which they computed 1.2 s.",
    )
    yield (
        (3_000_000_000, 2, 2.0),
        "Two instances had 2 s each: 4 s in all, of which they computed 3 s.",
    )
    yield (
        (
            int(random.integers(1, 50)) * 10**8,
            int(random.integers(3, 9)),
            float(random.integers(2, 20)) / 2,
        ),
        "",
    )
    yield (0, 4, 1.5), "Nothing was computed, so no instance was busy."
