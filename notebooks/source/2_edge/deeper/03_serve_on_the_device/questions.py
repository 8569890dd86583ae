"""The questions of "Serve on the device": what HTTP takes, and from which uplink on the server is sooner."""

from grading.builder.questions import prediction, question

prediction(
    "ondevice.service",
    "How many times as long does a photo take behind a service on the device?",
    about={"kind": "latency", "option": "edge-int8-app"},
    unit="×",
    between=(0.1, 1000),
    times="through the service, over the app",
)


@question(
    "ondevice.rest",
    "What the parts leave unexplained",
    points=1,
    hint="The parts come one after the other. What is left of the whole, and what share of the whole is that?",
)
def rest(random):
    yield (0.010, {"model": 0.008}), "The model takes 8 of 10 ms: 2 ms are left, a fifth of the whole."
    yield (0.010, {"queue": 0.001, "prepare": 0.002, "model": 0.004}), "All three parts together take 7 of the 10 ms."
    yield (0.005, {"model": 0.005}), "Here the model takes all of it: 0 seconds are left."
    parts = {name: float(random.integers(1, 9)) / 1000 for name in ("queue", "prepare", "model")}
    yield (0.03, parts), ""


@question(
    "ondevice.break_even",
    "From which uplink on the server is sooner",
    points=2,
    hint="How many seconds may the photo's way up take at most? A link is sold in bits, and a photo has bytes.",
)
def break_even(random):
    yield (
        (0.011, 0.003, 0.0, 1000),
        "The photo may take 8 ms, and its 1,000 bytes are 8,000 bits: a million per second.",
    )
    yield (0.011, 0.003, 0.004, 1000), "The round trip takes 4 of these 8 ms, so the uplink has to be twice as fast."
    yield (0.011, 0.003, 0.010, 1000), "A round trip of 10 ms is more than the server saves: it never wins."
    yield (0.002, 0.003, 0.0, 1000), "The device is sooner than the server alone: no link helps."
    yield (float(random.integers(10, 40)) / 1000, 0.003, 0.002, int(random.integers(5, 90)) * 1000), ""
