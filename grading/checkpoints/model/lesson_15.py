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
from labs.records import Measurement, Records
from labs.records.format import times

#: What the questions on OpenVINO run on.
_OPENVINO = ("OpenVINO provider",)

#: Logits further apart than this, relative to the largest, were not both computed in float32: adding up in another
#: order gives 1e-6, TF32 and fp16 give 1e-3, bf16 gives 1e-2.
_FP32_APART = 5e-5

#: Accuracy that a faster precision may cost: one point.
_MAX_LOSS = 0.01

_CLAIMS = ("faster", "slower", "cannot tell")

_TENSORRT = {"tensorrt": "fp32", "tensorrt-fp16": "fp16", "tensorrt-int8": "int8"}


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


def requests(random: np.random.Generator) -> list[tuple]:
    """Return the three precisions, each with a folder."""
    words = random.permutation(["engines", "cache", "food11", "a100", "h100"])
    return [
        (precision, f"/data/{word}/{precision}")
        for precision, word in zip(("fp32", "fp16", "int8"), words, strict=False)
    ]


def _tensorrt(precision: str, cache_folder: str, fp16: str, int8: str, order: tuple[int, ...] = (0, 1, 2)) -> list:
    options = {
        "trt_fp16_enable": fp16,
        "trt_int8_enable": int8,
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": cache_folder,
    }
    found = [
        ("TensorrtExecutionProvider", options),
        ("CUDAExecutionProvider", {"use_tf32": "0"}),
        "CPUExecutionProvider",
    ]
    return [found[place] for place in order]


@function_question(
    "m.provider.tensorrt_providers",
    title="Write the list of providers for TensorRT in three precisions",
    hints=(
        "The order is one of preference, and each of the two GPU providers is a pair of its name and a dictionary.",
        'Always all four of TensorRT\'s options. `"trt_fp16_enable"` is "1" unless the precision is "fp32".',
    ),
    cases=requests,
    mistakes=(
        Mistake(
            "int8 alone",
            lambda precision, cache_folder: _tensorrt(
                precision, cache_folder, str(int(precision == "fp16")), str(int(precision == "int8"))
            ),
            'For "int8", the layers that are not quantized should run in fp16: both switches are "1".',
        ),
        Mistake(
            "order",
            lambda precision, cache_folder: _tensorrt(
                precision, cache_folder, str(int(precision != "fp32")), str(int(precision == "int8")), (1, 0, 2)
            ),
            "With CUDA first, it takes every node and leaves TensorRT none: the list is an order of preference.",
        ),
    ),
    right="That is the list that a GPU node runs, and you can read it anywhere.",
)
def tensorrt_providers(precision: str, cache_folder: str) -> list:
    """Return TensorRT with options, CUDA with options, and the CPU provider."""
    return _tensorrt(precision, cache_folder, str(int(precision != "fp32")), str(int(precision == "int8")))


@checkpoint(
    "m.provider.gpu",
    points=2,
    gate=("GPU provider",),
    evidence_only=True,
    title="Measure CUDA with TF32 off and on, and with IO binding, or MIGraphX with fp16 off and on, each side by side",
    hints=(
        "The cells above measure it where there is an NVIDIA GPU, and below where there is an AMD GPU.",
        "Run the three cells that begin with `if gpu:`, or on an MI100 the one about MIGraphX.",
    ),
    mistakes={"fell back": "No node ran on the GPU: read what the log says about missing libraries."},
)
def gpu(records: Records) -> Verdict:
    """Judge that CUDA ran, in the precision that was asked for, beside its own variants; on an AMD GPU, MIGraphX."""
    record = records.latest(kind="latency", option="cuda")
    amd = records.latest(kind="latency", option="migraphx")
    if record is None and amd is not None:
        return _migraphx(records, amd)
    fallen = records.latest(kind="latency", option="cuda (fell back to CPU)")
    if record is None:
        return failed_as("fell back") if fallen else missing("There is no record of `cuda` yet.")
    if _ran_on_gpu(record, "CUDAExecutionProvider") == 0:
        return failed_as("fell back")
    precise, bound = records.comparison("cuda", "cuda-tf32"), records.comparison("cuda", "cuda-bound")
    if precise is None or bound is None:
        return missing("`cuda` has to run beside `cuda-tf32`, and beside `cuda-bound`.")
    ratios = [run.ratio(name, "cuda").interval.value for run, name in ((precise, "cuda-tf32"), (bound, "cuda-bound"))]
    return passed("A GPU, with proof.", f"TF32 takes × {ratios[0]:.2f}, IO binding × {ratios[1]:.2f} of the time")


@checkpoint(
    "m.provider.gpu_precision",
    points=2,
    gate=("TensorRT provider",),
    title="Choose TensorRT's precision for at most one point of accuracy",
    form=tuple(_TENSORRT),
    needs=tuple({"kind": "accuracy", "option": name} for name in _TENSORRT),
    hints=(
        "First the accuracy of each, then the time of those that remain.",
        "Leave out what loses more than a point against `tensorrt`; of the rest, the fastest side by side.",
    ),
    mistakes={
        "too dear": "This precision loses more than one point of accuracy.",
        "not the fastest": "Another precision keeps the accuracy and is faster by more than its interval.",
    },
)
def gpu_precision(records: Records) -> Verdict:
    """Judge that the choice keeps the accuracy and that no other that does is faster."""
    given = records.answer("m.provider.gpu_precision")
    run = records.comparison(*_TENSORRT)
    if run is None:
        return missing("The three precisions have to run side by side.")
    if any(_ran_on_gpu(run.record(name), "TensorrtExecutionProvider") == 0 for name in _TENSORRT):
        return failed("One of the three did not run on TensorRT: measure again.")
    right = {name: float(np.mean(records.latest(kind="accuracy", option=name).samples)) for name in _TENSORRT}
    kept = [name for name in _TENSORRT if right[name] >= right["tensorrt"] - _MAX_LOSS - 1e-9]
    if given not in kept:
        return failed_as("too dear")
    if any(run.ratio(given, other).interval.low > 1 for other in kept if other != given):
        return failed_as("not the fastest")
    return passed("Accuracy first, then time.", given)


@checkpoint(
    "m.provider.engine_cache",
    points=1,
    gate=("TensorRT provider",),
    evidence_only=True,
    title="Measure how much sooner TensorRT is ready with an engine in the cache",
    needs=tuple({"kind": "load_time", "option": name} for name in ("tensorrt-built", "tensorrt-cached")),
    hints=("Run the cell that starts `gpu.py`.", "The folder of engines must be writable, and the same in both runs."),
)
def engine_cache(records: Records) -> Verdict:
    """Judge that fresh processes were started without and with the cache."""
    built, cached = (
        sum(records.latest(kind=kind, option=option).percentile(50) for kind in ("load_time", "first_prediction"))
        for option in ("tensorrt-built", "tensorrt-cached")
    )
    if cached >= built:
        return failed("A process with the cache took no less time: was the engine kept?")
    return passed("Build once, start often.", f"{built:.1f} s without the cache, {cached:.1f} s with it")


def _claim(interval) -> str:
    """Return what the interval of a ratio of times allows to say about its option."""
    return "faster" if interval.high < 1 else "slower" if interval.low > 1 else "cannot tell"


def _migraphx(records: Records, record: Measurement) -> Verdict:
    """Judge that MIGraphX ran beside its own half precision."""
    if _ran_on_gpu(record, "MIGraphXExecutionProvider") == 0:
        return failed_as("fell back")
    run = records.comparison("migraphx", "migraphx-fp16")
    if run is None:
        return missing("`migraphx` has to run beside `migraphx-fp16`.")
    ratio = run.ratio("migraphx-fp16", "migraphx").interval.value
    return passed("A GPU, with proof.", f"fp16 takes × {ratio:.2f} of the time")


def _ran_on_gpu(record: Measurement, provider: str) -> int:
    """Return how many nodes of a record ran on a provider, as profiled."""
    return record.providers_used.get(provider, 0)
