"""The questions of "Run on two GPUs": four stanzas, their runs on a node with two GPUs,
and the release.
"""

from grading.builder.questions import prediction, question
from labs.records.load import MOST_IDLE

prediction(
    "gpus.times",
    "By what factor do batches, a second instance and a second GPU raise the answers?",
    about={"kind": "load", "option": "gpus-one"},
    unit="×",
    between=(0.05, 50),
    batches="dynamic batching, one instance",
    second="two instances on the same GPU",
    each="one instance on each of two GPUs",
)

PLACES = {
    "one": "1 on GPU 0",
    "two": "2 on GPU 0",
    "one_each": "1 on GPU 0, 1 on GPU 1",
    "two_each": "2 on GPU 0, 2 on GPU 1",
}

question(
    "gpus.stanza",
    "Stanzas for one GPU and for two",
    points=3,
    hint="Each stanza needs three fields: the count, the kind of device, and the list of "
    "GPUs.",
    file="labs.checkpoints.reads.gpus:stanzas",
    ledger_only=True,
    rules=[
        (
            "one",
            PLACES["one"],
            "`one` makes {one}. It must make exactly one instance, on GPU 0. Are the "
            "`gpus` named?",
        ),
        (
            "two",
            PLACES["two"],
            "`two` makes {two}. It must make exactly two instances, both on GPU 0.",
        ),
        (
            "one_each",
            PLACES["one_each"],
            "`one_each` makes {one_each}. It must make one instance on GPU 0 and one on "
            "GPU 1. `count` is per GPU.",
        ),
        (
            "two_each",
            PLACES["two_each"],
            "`two_each` makes {two_each}. It must make two instances on GPU 0 and two "
            "on GPU 1.",
        ),
    ],
    good=PLACES,
)

PLACED_RULES = []
for run, wanted in PLACES.items():
    measured = f"In the run `{run}`, Triton had {{{run}}} instead of {wanted}"
    PLACED_RULES.append((run, wanted, f"{measured}. Check your stanza."))
GPU_1_BUSY = (
    "With one instance on GPU 0, that GPU was {busy_percent} % busy. GPU 1 was "
    f"{{other_busy_percent}} % busy, which is more than {MOST_IDLE:.0%} of that. "
    "`nvidia-smi` shows what runs on it."
)
PLACED_RULES.append(("other_idle", True, GPU_1_BUSY))

PLACED_FACTS = PLACES | {"other_idle": True, "busy_percent": 90, "other_busy_percent": 0}

question(
    "gpus.placed",
    "Measure one and two instances, on one GPU and on each of two",
    points=2,
    hint="Run the cell that runs arrange.py, on a node with two GPUs.",
    records="labs.checkpoints.reads.gpus:measured",
    rules=PLACED_RULES,
    good=PLACED_FACTS,
    gate=["two NVIDIA GPUs"],
)

question(
    "gpus.released",
    "Give everything back",
    points=1,
    hint="Run the cell again. Resources that are already deleted cause no error.",
    records="labs.checkpoints.reads.leases:system_release",
    rules=[
        (
            "held",
            "",
            "The site still counts {held} under your name: run the release again.",
        )
    ],
    good={"held": "", "hours_given_back": 1.5},
)
