"""The questions of "Start cold, scale, isolate": cases from plain to special, and rules for the template."""

import numpy as np

from grading.builder.questions import prediction, question

prediction(
    "scale.times",
    "How many times as long are the cold request, and Menu's median beside the crowd?",
    about={"subject": "scale.cold"},
    unit="×",
    between=(0.1, 1e5),
    cold="the cold request, against a warm one",
    shared="Menu's median in a shared application, against alone",
    own="Menu's median in its own application, against alone",
)


@question(
    "scale.idle",
    "Cold starts and idle dollars",
    points=2,
    hint="Look at the gap from each answer to the next request: is it longer than keep_s? Which part is paid?",
)
def idle(random):
    yield (
        ([0.0], 5.0, 60.0, 3.6),
        "One request starts the replica cold. Then it is kept for 60 s, and they are paid too although no request "
        "comes: at 3.6 dollars an hour, a second costs 0.001.",
    )
    yield (
        ([0.0, 30.0], 10.0, 60.0, 3.6),
        "The first answer comes at 10 s, and the second request at 30 s. In between the replica waits for 20 s: the "
        "seconds from arrival to answer are computing, not waiting. And after the last answer it is kept for 60 s.",
    )
    yield (
        ([0.0, 100.0], 10.0, 60.0, 3.6),
        "The first answer comes at 10 s, and the replica is gone at 70 s. The second request, at 100 s, starts cold, "
        "and 60 s are paid after the first answer.",
    )
    yield (
        ([0.0, 65.0], 10.0, 60.0, 3.6),
        "The replica is kept from the *answer*, at 10 s, until 70 s. The request at 65 s still finds it.",
    )
    yield (
        ([0.0, 100.0, 200.0], 10.0, 0.0, 3.6),
        "Kept for 0 s: each request starts cold, and no waiting is paid for.",
    )
    yield ([0.0], 5.0, 1800.0, 2.0), "Half an hour at 2 dollars an hour."
    gaps = random.choice([20.0, 50.0, 90.0, 200.0, 700.0], 6)
    yield (np.cumsum(gaps), 4.0, 120.0, 1.2), "A longer night: go through it gap by gap."


question(
    "scale.team",
    "A Serve config for every team",
    points=3,
    hint="Five places: which of a team's own values belongs to each of them?",
    file="labs.checkpoints.reads.scale:team_template",
    rules=[
        (
            "name",
            "noodles",
            "For a team called noodles, its application is called {name}. `$team` belongs there.",
        ),
        (
            "route",
            "/noodles",
            "The team noodles gets the address {route}. Each team needs one of its own, with a slash.",
        ),
        (
            "model",
            "/models/noodles.onnx",
            "`build` reads `args['model']`, which is {model!r} here instead of `$model`.",
        ),
        (
            "queued",
            7,
            "The team asked for a queue of 7 and gets {queued}: `$queued` belongs to `max_queued_requests`.",
        ),
        (
            "least",
            0,
            "The team asked for 0 replicas at least and gets {least}: where does `$least` belong?",
        ),
        (
            "most",
            3,
            "The team asked for 3 replicas at most and gets {most}: where does `$most` belong?",
        ),
    ],
    good={
        "name": "noodles",
        "route": "/noodles",
        "model": "/models/noodles.onnx",
        "queued": 7,
        "least": 0,
        "most": 3,
    },
)
