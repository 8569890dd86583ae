"""Choose an execution provider: who really ran, in which precision, and what may be compared with what."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    checkpoint,
    failed,
    failed_as,
    function_question,
    missing,
    passed,
    prediction,
)
from labs.display.format import times
from labs.records import Records

#: What the questions on OpenVINO run on.
_OPENVINO = ("OpenVINO provider",)

#: Logits further apart than this, relative to the largest, were not both computed in float32: adding up in another
#: order gives 1e-6, TF32 and fp16 give 1e-3, bf16 gives 1e-2.
_FP32_APART = 5e-5

_CLAIMS = ("faster", "slower", "cannot tell")


@prediction(
    "m.provider.openvino_guess",
    about={"kind": "latency", "option": "openvino"},
    title="Predict how many times as fast OpenVINO answers in the same precision",
    between=(0.05, 100),
    show=times,
    gate=_OPENVINO,
)
def openvino_speedup(records: Records) -> float | None:
    """Return how many times shorter OpenVINO's median latency is than the CPU provider's, both in fp32."""
    run = records.comparison("openvino", "cpu-provider")
    return None if run is None else 1 / run.ratio("openvino", "cpu-provider").interval.value


def profiles(random: np.random.Generator) -> list[tuple]:
    """Return profiles of some nodes on one provider or two, run several times, as ONNX Runtime writes them."""
    names = ["CPUExecutionProvider", "OpenVINOExecutionProvider", "CUDAExecutionProvider"]
    operators = ["Conv", "Clip", "Add", "Gemm"]
    cases = []
    for taking_part, runs in ((1, 1), (1, 4), (2, 2), (2, 3), (3, 5)):
        chosen = [str(name) for name in random.permutation(names)[:taking_part]]
        count = int(random.integers(taking_part + 3, 12))
        nodes = [(chosen[i % taking_part], str(random.choice(operators)), 7 + 2 * i) for i in range(count)]
        events = [{"cat": "Session", "name": "model_loading_uri", "dur": int(random.integers(100, 900)), "args": {}}]
        for _ in range(runs):
            for provider, operator, index in nodes:
                args = {"provider": provider, "op_name": operator, "node_index": str(index)}
                duration = int(random.integers(5, 400))
                events.append({"cat": "Node", "name": f"node_{index}_kernel_time", "dur": duration, "args": args})
            events.append({"cat": "Session", "name": "model_run", "dur": int(random.integers(900, 5000)), "args": {}})
        cases.append((events,))
    return cases


def _each_run(events: list[dict]) -> dict[str, int]:
    names = [event["args"]["provider"] for event in events if event["cat"] == "Node"]
    return {name: names.count(name) for name in names}


def _operators(events: list[dict]) -> dict[str, int]:
    seen = {(event["args"]["provider"], event["args"]["op_name"]) for event in events if event["cat"] == "Node"}
    names = [provider for provider, _ in seen]
    return {name: names.count(name) for name in names}


@function_question(
    "m.provider.providers_used",
    title="Count the nodes that each provider ran, from a profile",
    hints=(
        "Only events with `cat` equal to `Node` have a provider, and each node appears once for each run.",
        'Collect pairs of `event["args"]["provider"]` and `event["args"]["node_index"]` in a set; count the first.',
    ),
    cases=profiles,
    mistakes=(
        Mistake(
            "each run", _each_run, "This counts a node once for each run: 20 images make 20 events of the same node."
        ),
        Mistake("operators", _operators, "This counts kinds of operators: two convolutions are two nodes."),
    ),
    right="Whatever a list of providers says, this is who worked.",
)
def providers_used(events: list[dict]) -> dict[str, int]:
    """Return how many nodes each provider ran."""
    nodes = {(one["args"]["provider"], one["args"]["node_index"]) for one in events if one["cat"] == "Node"}
    names = [provider for provider, _ in nodes]
    return {name: names.count(name) for name in sorted(set(names))}


def logits_of_all_kinds(random: np.random.Generator) -> list[tuple]:
    """Return pairs of logits: from the same precision, from TF32 or fp16, from bf16; large, small, and with a zero."""
    cases = []
    for error, scale in (
        (5e-7, 6.0),
        (1e-2, 6.0),
        (2e-6, 4000.0),
        (1e-3, 1e-3),
        (3e-7, 8.0),
        (6e-4, 5.0),
        (4e-3, 900.0),
    ):
        expected = scale * random.normal(size=(4, 11))
        expected[0, 0] = 1e-7 * scale  # a logit of next to nothing: its own relative error says nothing
        apart = random.uniform(-1, 1, expected.shape)
        apart[1, 2] = 1.0
        cases.append((expected + error * np.abs(expected).max() * apart, expected))
    even = random.uniform(4, 5, (4, 11))
    cases.append((even * (1 + 1e-6 * random.uniform(-1, 1, even.shape)), even))
    return cases


@function_question(
    "m.provider.computed_in_fp32",
    title="Tell from the logits whether an option computed in float32",
    hints=(
        "Look at the figures above: which are near one part in 2 to the power of 24, and which near one in 2 to 8?",
        "The largest absolute difference over the largest absolute expected logit, and a limit between 1e-5 and 1e-4.",
    ),
    cases=logits_of_all_kinds,
    mistakes=(
        Mistake(
            "same class",
            lambda logits, expected: bool((logits.argmax(1) == expected.argmax(1)).all()),
            "The classes agree in bf16 too, nearly always: look at the logits themselves.",
        ),
        Mistake(
            "absolute",
            lambda logits, expected: bool(np.abs(logits - expected).max() <= 1e-4),
            "An absolute limit does not know how large the logits are: compare with the largest one.",
        ),
        Mistake(
            "exact",
            lambda logits, expected: bool((logits == expected).all()),
            "Adding up in another order already changes the last bits of a float32: leave room for that.",
        ),
        Mistake(
            "each its own",
            lambda logits, expected: bool((np.abs(logits - expected) <= 5e-5 * np.abs(expected)).all()),
            "A logit near 0 has a large relative error in any precision: compare with the largest logit, not each one.",
        ),
    ),
    right="The numbers say it, not the labels.",
)
def computed_in_fp32(logits: np.ndarray, expected: np.ndarray) -> bool:
    """Return whether two arrays of logits differ by no more than float32 explains."""
    return bool(np.abs(logits - expected).max() <= _FP32_APART * np.abs(expected).max())


@checkpoint(
    "m.provider.fair",
    points=2,
    gate=_OPENVINO,
    title="Compare two providers in the same precision, and say what may be said",
    form={"option": str, "baseline": str, "claim": _CLAIMS},
    needs=({"kind": "latency", "option": "openvino"}, {"kind": "latency", "option": "cpu-provider"}),
    hints=(
        "Provider, precision, threads, wheel: the pair may differ in one of them only.",
        "Both in fp32 and from the same environment. Does the interval of their ratio lie below 1, above 1, or across?",
    ),
    mistakes={
        "two things changed": "This pair does not tell: provider and precision both change.",
        "same provider": "This pair does not tell: the provider is the same on both sides.",
        "turned around": "Turned around: OpenVINO is the option, the CPU provider its baseline.",
        "two releases": "`onnx-all` ran in another release of ONNX Runtime, at another time: take what ran beside it.",
    },
)
def fair(records: Records) -> Verdict:
    """Judge the pair, and the claim by the interval of the newest side-by-side run."""
    given = records.answer("m.provider.fair")
    pair = {given["option"], given["baseline"]}
    if "onnx-all" in pair:
        return failed_as("two releases")
    if "openvino-bf16" in pair:
        return failed_as("two things changed" if "cpu-provider" in pair else "same provider")
    if pair != {"openvino", "cpu-provider"}:
        return failed("Choose two options of the side-by-side run above that differ in the provider only.")
    if given["option"] == "cpu-provider":
        return failed_as("turned around")
    run = records.comparison("openvino", "cpu-provider")
    if run is None:
        return missing("Run the cell that measures in OpenVINO's environment, then this check again.")
    if any(one.precision != "fp32" or one.fell_back for one in (run.record(name) for name in pair)):
        return failed("One of these records was not computed in fp32 by the provider in its name: measure again.")
    interval = run.ratio("openvino", "cpu-provider").interval
    if given["claim"] != _claim(interval):
        return failed("The pair is right. On which side of 1 does its interval lie, or does it hold 1?")
    return passed("One thing was changed, so one thing can be said.", f"× {interval.low:.3f} to {interval.high:.3f}")


@checkpoint(
    "m.provider.bf16",
    points=2,
    gate=("bf16 on the CPU",),
    title="Say what bf16 brings on the same runtime, and how many classes it changes",
    form={"claim": _CLAIMS, "changed": int},
    needs=tuple({"kind": "accuracy", "option": name} for name in ("openvino-native", "openvino-native-bf16")),
    hints=(
        "The claim is in the figure; for the classes, lay two lists of `predicted` side by side.",
        '`ledger().latest(kind="accuracy", option=…).details["predicted"]` for both, then count where they differ.',
    ),
    mistakes={"agreeing": "These are the images on which both agree."},
)
def bf16(records: Records) -> Verdict:
    """Judge the claim by the newest side-by-side run, and the number of images that changed their class."""
    given = records.answer("m.provider.bf16")
    run = records.comparison("openvino-native-bf16", "openvino-native")
    if run is None:
        return missing("Run the cell that measures fp32 and bf16 side by side, then this check again.")
    if run.record("openvino-native-bf16").precision != "bf16":
        return failed(
            "The record says that this processor computed in fp32 after all: these points are for another one."
        )
    before, after = (
        records.latest(kind="accuracy", option=option).details["predicted"]
        for option in ("openvino-native", "openvino-native-bf16")
    )
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    if given["changed"] == len(before) - changed != changed:
        return failed_as("agreeing")
    if given["changed"] != changed:
        return failed("Count the places where the two lists of classes differ.")
    interval = run.ratio("openvino-native-bf16", "openvino-native").interval
    if given["claim"] != _claim(interval):
        return failed("The count is right. What does the interval of the ratio allow to say?")
    return passed("Gain and price of the same change.", f"× {interval.value:.2f} in time, {changed} images")


def _claim(interval) -> str:
    """Return what the interval of a ratio of times allows to say about its option."""
    return "faster" if interval.high < 1 else "slower" if interval.low > 1 else "cannot tell"
