"""The questions of "Queueing theory": the mean wait, when to believe it, and how many are
inside or may wait.
"""

from numpy import array, sort

from grading.builder.questions import (
    another,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "queueing.ninety",
    "By what factor is a request longer at nine tenths than at half of the capacity?",
    about={"kind": "load", "option": "queueing"},
    unit="×",
    between=(0.1, 1000),
    times="mean latency at nine tenths, against half",
)


@question(
    "queueing.wait",
    "The mean wait in front of one server",
    points=1,
    hint="Compute ρ first, and then the formula factor by factor. The wait has the unit "
    "of the service time.",
)
def wait(random):
    yield (
        (50, 0.01, 1),
        "ρ is 0.5. With exponential service, the second factor is 1, so the wait equals "
        "the service time.",
    )
    yield (50, 0.01, 0), "Constant service halves the wait of exponential service."
    yield (1.6, 0.5, 1), "This server takes half a second, and ρ is 0.8: the wait is 2 s."
    yield (225, 0.004, 0), "ρ is 0.9, so 1 - ρ is a tenth."
    yield (
        (int(random.integers(20, 60)), 0.01, 0.25),
        "The service time varies a little: c² is 0.25.",
    )
    service_s = int(random.integers(2, 30)) / 1000
    yield (0.8 / service_s, service_s, 1), "This is the wait alone, without the service."


@domain("queueing.wait")
def any_server(random):
    service_s = pick(random, 0.004, 0.01, 0.03, 0.5)
    return random.uniform(0, 0.98) / service_s, service_s, pick(random, 0, 0.25, 1, 2.5)


@question(
    "queueing.applies",
    "Whether the formula's assumptions hold",
    points=1,
    hint="There are three conditions, and all of them must hold. Each can fail alone.",
)
def applies(random):
    yield (
        (50, 50, 0.01, 0.0103),
        "All three hold: ρ is 0.5, all are answered, and the service time grew by 3 %.",
    )
    yield (50, 50, 0.01, 0.013), "The service time grew by 30 %."
    yield (
        (50, 50, 0.01, 0.008),
        "The service time became 20 % *shorter*: it depends on the load too.",
    )
    yield (
        (90, 76.5, 0.01, 0.0105),
        "90 requests were due in a second, and only 85 % of them were answered.",
    )
    yield (
        (3.4, 3.3, 0.3, 0.306),
        "ρ is 1.02. Compute it from the requests that were *due*: answers can hardly "
        "exceed the capacity.",
    )
    yield (
        (80, 78.4, 0.01, 0.0091),
        "98 % are answered, and a service time 9 % shorter is allowed: all three hold.",
    )
    yield (50, 50, 0.01, 0.0111), "The service time grew by 11 %, and 10 % is allowed."
    yield (50, 50, 0.01, 0.0089), "It became 11 % shorter, and 10 % is allowed."
    yield (
        (95, 95, 0.01, 0.0109),
        "ρ is 0.95, by the service time of an otherwise idle server: all three hold.",
    )
    yield (
        (3.2, 3.2, 0.3, 0.31),
        "This slow server can answer 3.33 a second, and 3.2 are due: all three hold.",
    )
    yield (
        (3.2, 3.0, 0.3, 0.31),
        "94 % of 3.2 due requests were answered in a second, and at least 95 % must be.",
    )
    yield (130, 91, 0.01, 0.015), "None of the three holds."
    alone_s = int(random.integers(2, 20)) / 1000
    loaded_s = float(random.choice([0.8, 0.93, 1.07, 1.2])) * alone_s
    yield (0.7 / alone_s, 0.69 / alone_s, alone_s, loaded_s), ""


@domain("queueing.applies")
def any_load(random):
    alone_s = pick(random, 0.004, 0.01, 0.2)
    due_rps = pick(random, 0.3, 0.6, 0.9, 0.98, 1.02, 1.4) / alone_s
    answered_rps = due_rps * pick(random, 0.5, 0.94, 0.96, 1.0, 1.02)
    loaded_s = alone_s * pick(random, 0.5, 0.89, 0.91, 1.0, 1.09, 1.11, 2)
    return due_rps, answered_rps, alone_s, loaded_s


@another("queueing.applies")
def another_applies(due_rps, answered_rps, alone_s, loaded_s):
    if due_rps >= 1 / alone_s:
        return False
    if answered_rps / due_rps < 0.95:
        return False
    return 0.9 * alone_s <= loaded_s <= 1.1 * alone_s


@question(
    "queueing.inside",
    "The mean number of requests in the system",
    points=1,
    hint="For how many seconds before duration_s is each request in the system? Divide "
    "the sum of these seconds by the duration.",
)
def inside(random):
    yield (
        (array([0.0, 0.25, 0.5]), array([0.5, 0.5, 0.25]), 1.0),
        "They are in the system for 0.5, 0.5 and 0.25 s of one second. The result is a "
        "number of requests, not of seconds.",
    )
    yield (
        (array([0.0, 1.0]), array([0.5, 0.5]), 4.0),
        "Two times 0.5 s in four seconds: 0.25 requests at a time.",
    )
    yield (
        (array([0.0, 0.5]), array([0.5, 3.0]), 1.0),
        "The second request ends at 3.5 s. Count only the 0.5 s before duration_s.",
    )
    yield (
        (array([0.5, 0.5, 0.0]), array([0.25, 0.25, 1.25]), 1.0),
        "Two requests begin together, and the third, which began before them, is still "
        "inside at the end. Requests come in any order.",
    )
    begins_s = sort(random.integers(0, 200, 8)) / 100
    latencies_s = random.integers(5, 300, 8) / 100
    yield (
        (begins_s, latencies_s, 2.0),
        "Some of these requests end after 2 s: count them only until 2 s.",
    )


@domain("queueing.inside")
def any_requests(random):
    duration_s = pick(random, 1.0, 2.0, 10.0)
    count = random.integers(1, 8)
    begins_s = random.uniform(0, duration_s, count).round(2)
    latencies_s = random.uniform(0, 1.5 * duration_s, count).round(2)
    return begins_s.clip(0, duration_s - 0.01), latencies_s, duration_s


@question(
    "queueing.may_wait",
    "How many may wait",
    points=1,
    hint="How many complete rounds fit before the deadline? Which photos does the first "
    "round compute?",
)
def may_wait(random):
    each = int(random.integers(11, 90)) / 1000
    yield (
        (0.35, 0.1, 1),
        "Three complete rounds fit into 0.35 s. In the first round the worker computes "
        "another photo, so two may wait.",
    )
    yield (0.25, 0.1, 4), "Four workers take four waiting photos in one round."
    yield (
        (0.39, 0.1, 4),
        "Three complete rounds fit into 0.39 s. The first is taken, so two rounds of "
        "four photos remain. A fourth round would end too late.",
    )
    deadline_s = each * (int(random.integers(5, 20)) + 0.4)
    workers = int(random.integers(2, 9))
    yield (deadline_s, each, workers), ""
    yield (
        (0.15, 0.1, 2),
        "Only one round fits, and the workers are busy in it: 0 may wait.",
    )
    yield (
        (0.05, 0.1, 3),
        "No complete round fits. The answer is 0: it cannot be negative.",
    )


@domain("queueing.may_wait")
def any_deadline(random):
    seconds_each = pick(random, 0.034, 0.1, 0.5, 2.0)
    rounds = random.integers(0, 9) + pick(random, 0.3, 0.5, 0.9)
    return seconds_each * rounds, seconds_each, random.integers(1, 9)


@another("queueing.may_wait")
def another_may_wait(deadline_s, seconds_each, workers):
    waiting = 0
    ends_s = 2 * seconds_each
    while ends_s <= deadline_s:
        waiting += workers
        ends_s += seconds_each
    return waiting
