"""The questions of "Start cold, scale, isolate": cases from plain to special, and rules
for the template.
"""

import numpy as np

from grading.builder.questions import (
    domain,
    fact,
    pick,
    prediction,
    question,
)

prediction(
    "scale.times",
    "By what factor do the cold request and Menu's median with the crowd become longer?",
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
    points=1,
    hint="Look at the gap from each answer to the next request: is it longer than "
    "keep_s? Which part of it do you pay for?",
)
def idle(random):
    yield (
        ([0.0], 5.0, 60.0, 3.6),
        "One request starts the replica cold. It is then kept for 60 s. You pay for "
        "these seconds too, although no request arrives: at 3.6 dollars an hour, a "
        "second costs 0.001.",
    )
    yield (
        ([0.0, 30.0], 10.0, 60.0, 3.6),
        "The first answer is ready at 10 s, and the second request arrives at 30 s, so "
        "the replica waits for 20 s. The seconds from arrival to answer are computing, "
        "not waiting. After the last answer, the replica is kept for 60 s.",
    )
    yield (
        ([0.0, 100.0], 10.0, 60.0, 3.6),
        "The first answer is ready at 10 s, and the replica stops at 70 s. The second "
        "request, at 100 s, starts cold. You pay for 60 s after each answer.",
    )
    yield (
        ([0.0, 65.0], 10.0, 60.0, 3.6),
        "The replica is kept from the *answer*, at 10 s, until 70 s. The request at "
        "65 s still finds it.",
    )
    yield (
        ([0.0, 100.0, 200.0], 10.0, 0.0, 3.6),
        "With keep_s = 0, each request starts cold, and waiting costs 0 dollars.",
    )
    yield (
        ([0.0, 30.0], 2.4, 60.4, 3.6),
        "Seconds have decimals: 27.6 s of waiting, and 60.4 s after the last answer.",
    )
    yield ([0.0], 5.0, 1800.0, 2.0), "Half an hour at 2 dollars an hour costs 1 dollar."
    gaps = random.choice([20.0, 50.0, 90.0, 200.0, 700.0], 6)
    yield (np.cumsum(gaps), 4.0, 120.0, 1.2), "A longer night: check it gap by gap."


@domain("scale.idle")
def any_night(random):
    seconds_each = random.integers(4, 36) / 4
    keep_s = pick(random, 0.0, 30.0, 60.0, 120.5)
    # No request comes just when the replica goes: both answers are right then.
    idle_s = [0.0, 1.0, 20.0, 0.9 * keep_s, keep_s + 0.5, 5 * keep_s + 1]
    idle_s = [gap for gap in idle_s if gap != keep_s]
    gaps = seconds_each + random.choice(idle_s, random.integers(0, 7))
    arrivals_s = np.cumsum([pick(random, 0.0, 40.0), *gaps])
    dollars_an_hour = pick(random, 0.5, 1.0, 3.6)
    return arrivals_s.tolist(), seconds_each, keep_s, dollars_an_hour


TEAM_RULES = [
    (
        "application",
        "app:build",
        "`import_path` is {application!r} instead of `app:build`: keep the given line.",
    ),
    (
        "deployment",
        "Food",
        "The deployment is called {deployment!r} instead of `Food`: keep the given line.",
    ),
    (
        "name",
        fact("asked_name"),
        "The application of a team called {asked_name} is called {name}. Put `$team` "
        "into its name.",
    ),
    (
        "route",
        fact("asked_route"),
        "The team {asked_name} gets the address {route} instead of {asked_route}. Put a "
        "slash and `$team` into `route_prefix`.",
    ),
    (
        "model",
        fact("asked_model"),
        "`build` reads `args['model']`, which is {model!r} here instead of `$model`.",
    ),
    (
        "queued",
        fact("asked_queued"),
        "The team asked for a queue of {asked_queued} and gets {queued}: put `$queued` "
        "into `max_queued_requests`.",
    ),
    (
        "least",
        fact("asked_least"),
        "The team asked for at least {asked_least} replicas and gets {least}: where does "
        "`$least` belong?",
    ),
    (
        "most",
        fact("asked_most"),
        "The team asked for at most {asked_most} replicas and gets {most}: where does "
        "`$most` belong?",
    ),
]

TEAM_FACTS = {
    "application": "app:build",
    "deployment": "Food",
    "name": "soups",
    "asked_name": "soups",
    "route": "/soups",
    "asked_route": "/soups",
    "model": "/models/soups.onnx",
    "asked_model": "/models/soups.onnx",
    "queued": 40,
    "asked_queued": 40,
    "least": 1,
    "asked_least": 1,
    "most": 5,
    "asked_most": 5,
}

question(
    "scale.team",
    "A Serve config for every team",
    points=3,
    hint="There are five places. Which of the team's values belongs in each?",
    file="labs.checkpoints.reads.scale:team_template",
    ledger_only=True,
    rules=TEAM_RULES,
    good=TEAM_FACTS,
)
