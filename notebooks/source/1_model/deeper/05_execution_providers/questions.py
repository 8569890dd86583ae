"""The questions of "Execution providers": precision from logits, and a comparison in which one thing changes."""

from numpy import array

from grading.builder.questions import another, prediction, question

_OPENVINO = ["OpenVINO provider"]

prediction(
    "providers.openvino",
    "How many times as fast as the CPU provider is OpenVINO?",
    about={"kind": "latency", "option": "openvino-provider"},
    unit="×",
    between=(0.05, 100),
    gate=_OPENVINO,
    fp32="in float32",
    bf16="in bfloat16",
)


@question(
    "providers.precision",
    "Whether logits were computed in float32",
    points=2,
    hint="Two numbers decide: the largest difference anywhere, and the largest expected logit anywhere.",
)
def precision(random):
    expected = array([[4.0, -1.0, 2.0], [8.0, 0.5, -3.0]])
    small = array([[0.0, 0.0, 0.00001], [0.0, 0.0, 0.0]])
    yield (
        (expected + small, expected),
        "A difference of 0.00001 with logits up to 8 is rounding in another order.",
    )
    yield (
        (expected + 1000 * small, expected),
        "All classes are the same, and yet a logit moved by 0.01: these were 16 bits.",
    )
    yield (
        (expected - 1000 * small, expected),
        "A logit that is too small by 0.01 is as wrong as one that is too large.",
    )
    yield (
        (1000 * (expected + small), 1000 * expected),
        "These logits go up to 8,000. A difference of 0.01 is little for them: compare it with the largest one.",
    )
    yield (
        (array([[-8.0, 0.0003], [2.0, 3.0]]), array([[-8.0, 0.0], [2.0, 3.0]])),
        "A logit of 0 has a large relative error in any precision. The largest one, here -8 without its sign, decides.",
    )
    drawn = random.normal(size=(2, 3)).round(2) + 9
    yield (drawn + random.choice([0.1, 0.00001]), drawn), ""


_OPTIONS = ["cpu-provider", "openvino-provider", "openvino-provider-bf16"]

question(
    "providers.fair",
    "What OpenVINO brings, in the same precision",
    points=2,
    hint="Provider, precision, threads, release: your pair may differ in one of them.",
    records="labs.checkpoints.reads.providers:pair_of_providers",
    form={
        "option": _OPTIONS,
        "baseline": _OPTIONS,
        "claim": ["faster", "slower", "cannot tell"],
    },
    gate=_OPENVINO,
    rules=[
        ("changes_provider", True, "Both options of this pair ran on the same provider."),
        (
            "changes_precision",
            False,
            "In this pair provider *and* precision change. Which of them made it faster?",
        ),
        (
            "baseline",
            "cpu-provider",
            "Turned around: OpenVINO is the option, and the CPU provider its baseline.",
        ),
        (
            "claim_allowed",
            True,
            "The pair is right. It is {low:.2f} to {high:.2f} times as fast: do both lie on one side of 1?",
        ),
    ],
    good={
        "changes_provider": True,
        "changes_precision": False,
        "baseline": "cpu-provider",
        "claim": "faster",
        "claim_allowed": True,
        "low": 1.2,
        "high": 1.3,
    },
)


@question(
    "providers.joules",
    "Joules for one image",
    points=2,
    hint="Take the strips of the picture one by one: how wide is each, and how high?",
)
def joules(random):
    times = [float(one) for one in random.integers(1, 6, 4).cumsum()]
    yield (
        ([0.0, 2.0], [100.0, 100.0], 10),
        "100 watts for 2 seconds are 200 joules, and 10 images share them.",
    )
    yield (
        ([0.0, 2.0], [100.0, 200.0], 10),
        "Power rose from 100 to 200 watts: in between, take 150.",
    )
    yield (
        ([30.0, 32.0], [100.0, 100.0], 10),
        "The first reading came at 30 s. What was before it is not counted.",
    )
    yield (
        ([0.0, 1.0, 2.0], [100.0, 200.0, 100.0], 10),
        "Two strips of 1 s, each 150 watts high on average. The mean of all three readings is not the mean power.",
    )
    yield (
        ([0.0, 1.0, 5.0], [100.0, 200.0, 200.0], 10),
        "These readings are not evenly spaced. The second strip is four times as wide as the first.",
    )
    yield (
        (
            times,
            [float(one) for one in random.integers(60, 300, 4)],
            int(random.integers(2, 50)),
        ),
        "",
    )
