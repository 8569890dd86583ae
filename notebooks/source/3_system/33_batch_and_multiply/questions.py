"""The questions of "Batch and multiply": a stanza, the batches that come of it, and how busy instances are."""

from grading.builder.questions import prediction, question

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
    hint="Two fields within braces; a list stands in square brackets; look at the unit in the second field's name.",
    file="labs.checkpoints.reads.triton_configs:config",
    rules=[
        ("fault", "", "Triton cannot read it: {fault}"),
        ("batching", True, "There is no `dynamic_batching` in it, so no request would wait for another."),
        ("sizes", [4, 8], "The preferred sizes are {sizes}, and not 4 and 8."),
        ("delay_us", 5000, "A request may wait {delay_us} microseconds. 5 milliseconds are asked for."),
        ("instances", 1, "It has {instances} instances. Leave them as they are: one change at a time."),
    ],
    good={"fault": "", "batching": True, "sizes": [4, 8], "delay_us": 5000, "instances": 1},
)


def reading(images, executions):
    """Return one reading of Triton's statistics."""
    return {"inference_count": images, "execution_count": executions}


@question(
    "batching.mean_batch",
    "Images in an execution",
    points=2,
    hint="How many images came between the readings? In how many executions?",
)
def mean_batch(random):
    images, executions = (int(one) for one in random.integers(20, 400, 2))
    yield (reading(0, 0), reading(48, 12)), "48 images were computed in 12 executions."
    yield (
        (reading(100, 50), reading(148, 62)),
        "Between these readings came 48 images, in 12 executions. What was counted before the first one is not this "
        "run's.",
    )
    yield (reading(images, executions), reading(images + 93, executions + 30)), "93 images in 30 executions: 3.1."
    yield (reading(60, 20), reading(60, 20)), "Between these readings nothing was executed: 0.0, and no division by it."
    yield (reading(0, 0), reading(0, 0)), "The model was only just loaded, and nothing was executed: 0.0."


@question(
    "batching.busy",
    "How busy instances are",
    points=2,
    hint="For how many seconds did they compute, together? For how many could they have?",
)
def busy(random):
    yield (500_000_000, 1, 1.0), "500,000,000 nanoseconds are half a second, and one instance had one second."
    yield (1_200_000_000, 2, 1.0), "Two instances had a second each: 2 s in all, of which they computed 1.2 s."
    yield (3_000_000_000, 2, 2.0), "Two instances had 2 s each: 4 s in all, of which they computed 3 s."
    yield (int(random.integers(1, 50)) * 10**8, int(random.integers(3, 9)), float(random.integers(2, 20)) / 2), ""
    yield (0, 4, 1.5), "Nothing was computed, so nobody was busy."
