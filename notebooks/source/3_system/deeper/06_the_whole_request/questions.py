"""The questions of "The whole request": an app before its workers, and a table in place of two steps."""

import numpy as np

from grading.builder.questions import fact, prediction, question

prediction(
    "whole.steps",
    "How many times as many answers per second of processor time does each step give, compared with the one before?",
    about={"kind": "load", "option": "whole-together"},
    unit="×",
    between=(0.1, 20),
    one_thread="one thread per call of the model",
    int8="your INT8 file",
    resize="resizing bytes in PyTorch",
    workers="workers without a framework",
    bytes_in="a model that takes bytes",
    together="up to four photos per call, in OpenVINO",
)

question(
    "whole.app",
    "An app before a fixed number of workers",
    points=4,
    hint="What computes a photo, and what waits for it? Count up before you wait, and down whatever happens.",
    file="labs.judge.workers:app",
    rules=[
        ("lost", "", "{lost}"),
        (
            "photo",
            200,
            "A photo is answered with {photo} instead of 200, the status that `answer` returns.",
        ),
        ("right", True, "Its content is not what `answer` returns for this body."),
        (
            "refused",
            422,
            "What `answer` refuses with 422 is answered with {refused}: hand its status on.",
        ),
        (
            "alive",
            True,
            "While all workers compute, `/healthz` does not answer: either the event loop waits for a photo, or "
            "`/healthz` waits for a worker.",
        ),
        (
            "at_once",
            fact("workers"),
            "Of {asked} photos {at_once} were computed at once, and `WORKERS` is {workers}: an executor of `WORKERS` "
            "threads, made once, does that.",
        ),
        (
            "full",
            503,
            "With `WORKERS + MAY_WAIT` photos inside, one more is answered with {full} instead of 503 (0: not at all).",
        ),
        (
            "again",
            200,
            "When all are answered, the next photo gets {again}: a photo that is answered is not inside.",
        ),
    ],
    good={
        "lost": "",
        "photo": 200,
        "right": True,
        "refused": 422,
        "alive": True,
        "workers": 2,
        "asked": 7,
        "at_once": 2,
    }
    | {"full": 503, "again": 200},
)


@question(
    "whole.levels",
    "A table in place of two steps",
    points=2,
    hint="Follow one level, 255 say, through both steps, in their order. What may a byte be?",
)
def levels(random):
    yield (
        (np.array([0, 51, 102]), 0.0, 1.0, 0.1, 0),
        "0, 0.2 and 0.4 become 0, 2 and 4 steps of 0.1.",
    )
    yield (
        (np.array([128, 255]), 0.5, 0.25, 0.02, 100),
        "255 becomes 2, that is 100 steps of 0.02, plus 100: 200.",
    )
    yield (
        (np.array([2, 9]), 0.0, 1.0, 0.02, 10),
        "9/255 is 1.76 steps: rounded, that is 2, and not 1.",
    )
    yield (
        (np.array([0, 255]), 0.5, 0.1, 0.02, 128),
        "-5 and 5 are 250 steps below and above 128: cut.",
    )
    mean, deviation = float(random.uniform(0.3, 0.6)), float(random.uniform(0.15, 0.35))
    yield (
        (
            random.integers(0, 256, 8),
            mean,
            deviation,
            0.0187,
            int(random.integers(90, 130)),
        ),
        "",
    )
