"""The questions of "Execution providers": precision from logits, and a comparison in which one thing changes."""

from numpy import array

from grading.builder.questions import another, fact, prediction, question

_OPENVINO = ["OpenVINO provider"]

prediction(
    "providers.openvino",
    "How many times as fast as the CPU provider is OpenVINO?",
    about={"kind": "latency", "option": "openvino"},
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
    yield (expected + small, expected), "A difference of 0.00001 with logits up to 8 is rounding in another order."
    yield (
        (expected + 1000 * small, expected),
        "All classes are the same, and yet a logit moved by 0.01: these were 16 bits.",
    )
    yield (expected - 1000 * small, expected), "A logit that is too small by 0.01 is as wrong as one that is too large."
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


_OPTIONS = ["cpu-provider", "openvino", "openvino-bf16"]

question(
    "providers.fair",
    "What OpenVINO brings, in the same precision",
    points=2,
    hint="Provider, precision, threads, release: your pair may differ in one of them.",
    records="labs.checkpoints.reads.providers:pair_of_providers",
    form={"option": _OPTIONS, "baseline": _OPTIONS, "claim": ["faster", "slower", "cannot tell"]},
    gate=_OPENVINO,
    rules=[
        ("changes_provider", True, "Both options of this pair ran on the same provider."),
        ("changes_precision", False, "In this pair provider *and* precision change. Which of them made it faster?"),
        ("baseline", "cpu-provider", "Turned around: OpenVINO is the option, and the CPU provider its baseline."),
        (
            "claim",
            fact("allowed"),
            "The pair is right. It is {low:.2f} to {high:.2f} times as fast: do both lie on one side of 1?",
        ),
    ],
    good={
        "changes_provider": True,
        "changes_precision": False,
        "baseline": "cpu-provider",
        "claim": "faster",
        "allowed": "faster",
        "low": 1.2,
        "high": 1.3,
    },
)
