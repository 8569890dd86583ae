"""The questions of "Batch and multiply": a stanza, the batches that Triton forms by it,
and how busy instances are.
"""

from grading.builder.questions import (
    at_least,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "batching.gain",
    "Sixteen clients: by what factor do answers per second grow with batches, and with "
    "two instances instead?",
    about={"kind": "load", "option": "batching-on-16"},
    unit="×",
    between=(0.05, 100),
    batches="with batches",
    instances="with two instances",
)

#: The given text before the stanza.
GIVEN = {
    "name": "food_classifier",
    "backend": "python",
    "max_batch_size": 16,
    "inputs": ["INPUT_IMAGE TYPE_STRING [1]"],
    "outputs": ["FOOD_LABEL TYPE_STRING [1]", "PROBABILITY TYPE_FP32 [1]"],
    "placed": "1 on CPU",
}
#: Facts that a configuration states in fields of another name.
FIELDS = {"inputs": "input", "outputs": "output", "placed": "instance_group"}
GIVEN_RULES = []
for name, value in GIVEN.items():
    field = FIELDS.get(name, name)
    changed = (
        f"`{field}` is {{{name}!r}} instead of {value!r}: put your stanza behind the "
        "given text, and keep that text."
    )
    GIVEN_RULES.append((name, value, changed))

question(
    "batching.config",
    "A stanza for dynamic batching",
    points=2,
    hint="One field inside the braces. Its name contains the unit.",
    file="labs.checkpoints.reads.triton_configs:config",
    ledger_only=True,
    rules=[
        ("fault", "", "Triton cannot read it: {fault}"),
        (
            "batching",
            True,
            "The configuration has no `dynamic_batching`, so Triton forms no batches.",
        ),
        (
            "delay_us",
            5000,
            "A request may wait {delay_us} microseconds. It must be 5 milliseconds: "
            "convert them to microseconds.",
        ),
        *GIVEN_RULES,
        (
            "instances",
            1,
            "It has {instances} instances. Keep one instance, and change only the "
            "batching.",
        ),
    ],
    good={"fault": "", "batching": True, "delay_us": 5000, "instances": 1, **GIVEN},
)


question(
    "batching.formed",
    "Triton forms batches",
    points=1,
    hint="Run the cell above: it measures the stanza that you wrote.",
    records="labs.checkpoints.reads.batching:formed",
    rules=[
        (
            "photos",
            at_least(2),
            "With sixteen clients, an execution had {photos:.2f} photos on average, so "
            "no batches formed. Check your stanza, and run the cell above again.",
        ),
        (
            "plain",
            1.0,
            "Without your stanza, an execution had {plain:.2f} photos instead of 1: "
            "leave the given configuration unchanged.",
        ),
    ],
    good={"photos": 12.5, "plain": 1.0},
)


@question(
    "batching.busy",
    "How busy instances are",
    points=1,
    hint="For how many seconds did all instances compute? For how many could they have?",
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
        (3_000_000_000, 2, 2.5),
        "Two instances had 2.5 s each: 5 s in all, of which they computed 3 s.",
    )
    compute_ns = int(random.integers(1, 50)) * 10**8
    instances = int(random.integers(3, 9))
    wall_s = float(random.integers(2, 20)) / 2
    yield (compute_ns, instances, wall_s), ""
    yield (0, 4, 1.5), "Nothing was computed, so no instance was busy."


@domain("batching.busy")
def any_instances(random):
    instances = int(random.integers(1, 9))
    wall_s = random.uniform(0.5, 9)
    share = pick(random, 0.0, 1.0, random.random())
    return int(share * instances * wall_s * 1e9), instances, wall_s
