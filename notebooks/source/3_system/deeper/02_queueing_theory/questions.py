"""The questions of "Queueing theory": the mean wait, when to believe it, and how many are inside or may wait."""

from numpy import array, sort

from grading.builder.questions import another, prediction, question

prediction(
    "queueing.ninety",
    "How many times as long does a request take at nine tenths as at half of the capacity?",
    about={"kind": "load", "option": "queueing"},
    unit="×",
    between=(0.1, 1000),
    times="mean latency at nine tenths, against half",
)


@question(
    "queueing.wait",
    "The mean wait in front of one server",
    points=2,
    hint="First ρ, and then the formula factor by factor. The wait has the unit of the service time.",
)
def wait(random):
    yield (
        (50, 0.01, 1),
        "ρ is 0.5. With exponential service the second factor is 1: a wait as long as one service.",
    )
    yield (50, 0.01, 0), "Constant service halves the wait of exponential service."
    yield (225, 0.004, 0), "ρ is 0.9, so 1 - ρ is a tenth."
    yield (
        (int(random.integers(20, 60)), 0.01, 0.25),
        "The service time varies a little: c² is 0.25.",
    )
    service_s = int(random.integers(2, 30)) / 1000
    yield (0.8 / service_s, service_s, 1), "This is the wait alone, without the service."


@question(
    "queueing.applies",
    "Whether the formula's assumptions hold",
    points=2,
    hint="Three conditions, and all of them have to hold. Each of them can be False alone.",
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
        "Of 90 requests that were due in a second, 85 % were answered.",
    )
    yield (
        (102, 98, 0.01, 0.0102),
        "ρ is 1.02, by what was *due*. What is answered can hardly be more than the capacity.",
    )
    yield (
        (80, 78.4, 0.01, 0.0095),
        "98 % are answered, and 5 % shorter is within the bounds: all three hold.",
    )
    yield (130, 91, 0.01, 0.015), "None of the three holds."
    alone_s = int(random.integers(2, 20)) / 1000
    yield (
        (
            0.7 / alone_s,
            0.69 / alone_s,
            alone_s,
            float(random.choice([0.8, 0.93, 1.07, 1.2])) * alone_s,
        ),
        "",
    )


@another("queueing.applies")
def another_applies(due_rps, answered_rps, alone_s, loaded_s):
    if due_rps >= 1 / alone_s:
        return False
    if answered_rps / due_rps < 0.95:
        return False
    return 0.9 * alone_s <= loaded_s <= 1.1 * alone_s


@question(
    "queueing.inside",
    "The mean number of requests inside",
    points=2,
    hint="For how many seconds is each request inside, and before duration_s? All of these seconds, over the duration.",
)
def inside(random):
    yield (
        (array([0.0, 0.25, 0.5]), array([0.5, 0.5, 0.25]), 1.0),
        "They are inside for 0.5, 0.5 and 0.25 s of one second. This is a number of requests, not of seconds.",
    )
    yield (
        (array([0.0, 1.0]), array([0.5, 0.5]), 4.0),
        "Two times 0.5 s in four seconds: 0.25 requests at a time.",
    )
    yield (
        (array([0.0, 0.5]), array([0.5, 3.0]), 1.0),
        "The second request ends at 3.5 s. Of its stay, the 0.5 s before duration_s count, and nothing more.",
    )
    begins_s = sort(random.integers(0, 200, 8)) / 100
    yield (
        (begins_s, random.integers(5, 300, 8) / 100, 2.0),
        "Some of these end after 2 s: cut them off there.",
    )


@question(
    "queueing.may_wait",
    "How many may wait",
    points=2,
    hint="How many whole rounds fit before the deadline? Which photos are computed in the first of them?",
)
def may_wait(random):
    each = int(random.integers(11, 90)) / 1000
    yield (
        (0.25, 0.1, 1),
        "Two whole rounds fit into 0.25 s. In the first one the worker is busy with another, so one may wait.",
    )
    yield (0.25, 0.1, 4), "Four workers take four of the waiting in one round."
    yield (
        (0.39, 0.1, 4),
        "Three whole rounds fit into 0.39 s, the first is taken, and two rounds of four are left. What is begun in a "
        "fourth round is not finished in time.",
    )
    yield (
        (each * (int(random.integers(5, 20)) + 0.4), each, int(random.integers(2, 9))),
        "",
    )
    yield (
        (0.15, 0.1, 2),
        "Only one round fits, and it belongs to the busy ones: none may wait.",
    )
    yield (
        (0.05, 0.1, 3),
        "Not even one round fits. None may wait, and fewer than 0 cannot.",
    )


@another("queueing.may_wait")
def another_may_wait(deadline_s, seconds_each, workers):
    waiting, ends_s = 0, 2 * seconds_each
    while ends_s <= deadline_s:
        waiting, ends_s = waiting + workers, ends_s + seconds_each
    return waiting
