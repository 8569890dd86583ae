"""The questions of "The whole request": an app before its workers, and a table in place
of two steps.
"""

import numpy as np

from grading.builder.questions import (
    domain,
    fact,
    prediction,
    question,
)

prediction(
    "whole.steps",
    "By what factor does each step raise the answers per second of processor time, "
    "compared with the previous step?",
    about={"kind": "load", "option": "whole-own-models"},
    unit="×",
    between=(0.1, 20),
    one_thread="one thread per call of the model",
    int8="your INT8 file",
    half="decoding large photos at half scale",
    workers="workers without a framework",
    own_models="own OpenVINO models for each worker, with bytes as input",
)

#: The number of workers that the program reports.
AS_WORKERS = fact("workers")

APP_RULES = [
    ("lost", "", "{lost}"),
    (
        "photo",
        200,
        "A photo is answered with {photo} instead of 200. Return the status of `answer`.",
    ),
    ("right", True, "Its content differs from the result of `answer` for this body."),
    (
        "refused",
        422,
        "`answer` refuses a body with 422, but the app answers {refused}: return the "
        "status of `answer`.",
    ),
    (
        "other_path",
        True,
        "A photo at the path `/photos` does not get the result of `answer`: pass the body of "
        "every path but `/healthz` on to it.",
    ),
    (
        "alive",
        True,
        "While all workers compute, `/healthz` does not answer: either the event "
        "loop waits for a photo, or `/healthz` waits for a worker.",
    ),
    (
        "healthy",
        "",
        "`/healthz` answers {healthy} instead of `HEALTHY`.",
    ),
    (
        "at_once",
        AS_WORKERS,
        "{at_once} of {asked} photos were computed at once, but `WORKERS` is {workers}. "
        "Make one executor with `WORKERS` threads, outside `respond`.",
    ),
    (
        "full",
        503,
        "With `WORKERS + MAY_WAIT` photos inside, one more is answered with "
        "{full} instead of 503 (0 means no answer).",
    ),
    (
        "full_body",
        "",
        "The photo that is one too many is answered with {full_body} instead of `FULL`.",
    ),
    (
        "again",
        200,
        "When all photos are answered, the next one gets {again} instead of 200: an "
        "answered photo must no longer count.",
    ),
    (
        "after_faults",
        200,
        "`answer` raised an exception for {asked} photos, one after the other. Then the "
        "next photo gets {after_faults} instead of 200: count down in a `finally`.",
    ),
    (
        "answered",
        fact("asked"),
        "With `WORKERS + MAY_WAIT` photos inside, which is {asked}, only {answered} got "
        "their own answer. `MAY_WAIT` more than `WORKERS` may enter and wait.",
    ),
]

APP_FACTS = {
    "lost": "",
    "photo": 200,
    "right": True,
    "refused": 422,
    "other_path": True,
    "alive": True,
    "healthy": "",
    "workers": 2,
    "asked": 7,
    "at_once": 2,
    "full": 503,
    "full_body": "",
    "answered": 7,
    "again": 200,
    "after_faults": 200,
}

question(
    "whole.app",
    "An app before a fixed number of workers",
    points=4,
    hint="Threads compute photos, and the event loop only awaits them. Count up before "
    "you await, and down in any case, even after an exception.",
    file="labs.deeper.whole.judge:app",
    rules=APP_RULES,
    good=APP_FACTS,
)


@question(
    "whole.levels",
    "A table in place of two steps",
    points=1,
    hint="Follow one level, for example 255, through both steps. Which values can a "
    "byte have?",
)
def levels(random):
    yield (
        (np.array([0, 51, 51, 102]), 0.0, 1.0, 0.1, 0),
        "0, 0.2 and 0.4 become 0, 2 and 4 steps of 0.1.",
    )
    yield (
        (np.array([128, 255]), 0.5, 0.25, 0.02, 100),
        "255 becomes 2, that is 100 steps of 0.02, plus 100: 200.",
    )
    yield (
        (np.array([2, 9]), 0.0, 1.0, 0.02, 10),
        "9/255 is 1.76 steps of 0.02, which rounds to 2. Do not cut off the fraction.",
    )
    yield (
        (np.array([0, 255]), 0.5, 0.1, 0.02, 128),
        "-5 and 5 are 250 steps below and above 128: limit the result to 0 to 255.",
    )
    mean = float(random.uniform(0.3, 0.6))
    deviation = float(random.uniform(0.15, 0.35))
    level = random.integers(0, 256, 8)
    zero_point = int(random.integers(90, 130))
    yield (level, mean, deviation, 0.0187, zero_point), ""


@domain("whole.levels")
def any_levels(random):
    level = random.integers(0, 256, random.integers(1, 12))
    mean, deviation = random.uniform(0, 0.6), random.uniform(0.1, 1)
    scale = random.uniform(0.005, 0.1)
    steps = (level / 255 - mean) / deviation / scale
    if np.any(abs(steps % 1 - 0.5) < 0.02):  # half-way between two bytes
        return any_levels(random)
    return level, mean, deviation, scale, random.integers(0, 256)
