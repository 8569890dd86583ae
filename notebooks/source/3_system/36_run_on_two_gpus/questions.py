"""The questions of "Run on two GPUs": four stanzas, their runs on a node with two GPUs, and the release."""

from grading.builder.questions import prediction, question
from labs.records.load import MOST_IDLE

prediction(
    "gpus.times",
    "How many times as many answers do batches, a second instance and a second GPU give?",
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
    hint="Three fields in each: how many, on which kind of device, and the list of those that are meant.",
    file="labs.checkpoints.reads.gpus:stanzas",
    rules=[
        (
            "one",
            PLACES["one"],
            "`one` makes {one}, and it is to make one on GPU 0 only. Are the `gpus` named?",
        ),
        ("two", PLACES["two"], "`two` makes {two}, and it is to make two on GPU 0 only."),
        (
            "one_each",
            PLACES["one_each"],
            "`one_each` makes {one_each}, instead of one on GPU 0 and one on GPU 1. `count` is for each.",
        ),
        (
            "two_each",
            PLACES["two_each"],
            "`two_each` makes {two_each}, and it is to make two on each of both.",
        ),
    ],
    good=PLACES,
)

question(
    "gpus.placed",
    "Measure one and two instances, on one GPU and on each of two",
    points=2,
    hint="The cell that runs arrange.py does it, on a node with two GPUs.",
    records="labs.checkpoints.reads.gpus:measured",
    rules=[
        *(
            (
                name,
                wanted,
                f"In the run `{name}`, Triton had {{{name}}} instead of {wanted}: read your stanza.",
            )
            for name, wanted in PLACES.items()
        ),
        (
            "other_idle",
            True,
            "With one instance on GPU 0, that GPU was {busy_percent} % busy. GPU 1 was {other_busy_percent} % busy, "
            f"which is more than {MOST_IDLE:.0%} of that. `nvidia-smi` shows what runs on it.",
        ),
    ],
    good=PLACES | {"other_idle": True, "busy_percent": 90, "other_busy_percent": 0},
    gate=["two NVIDIA GPUs"],
)

question(
    "gpus.released",
    "Give everything back",
    points=1,
    hint="Run the cell again: what is gone already is no error.",
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
