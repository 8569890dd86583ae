"""Run on the server, the GPU: CUDA and TensorRT by their profiles, the GPU watched, and joules for an image."""

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
from grading.checkpoints.model.lesson_16_choice import EPSILON, MAX_LOSS
from labs.display.format import times
from labs.records import Measurement, Records

_TENSORRT = {"tensorrt": "fp32", "tensorrt-fp16": "fp16", "tensorrt-int8": "int8"}

#: Fewest readings of a GPU, at ten a second.
_FEWEST_READINGS = 20


@prediction(
    "m.lease.cuda_guess",
    about={"kind": "latency", "option": "cuda"},
    title="Predict how many times as fast the GPU answers one image as the node's processor",
    between=(0.05, 1000),
    show=times,
    gate=("CUDA provider",),
)
def cuda_speedup(records: Records) -> float | None:
    """Return the processor's median over CUDA's, from one run in which both took turns."""
    run = records.comparison("cuda", "cpu-provider")
    return None if run is None else 1 / run.ratio("cuda", "cpu-provider").interval.value


@prediction(
    "m.lease.fp16_guess",
    about={"kind": "throughput", "option": "tensorrt-fp16"},
    title="Predict how many times CUDA's throughput TensorRT gives in fp16",
    between=(0.05, 100),
    show=times,
    gate=("TensorRT provider",),
)
def fp16_gain(records: Records) -> float | None:
    """Return CUDA's time for a batch of 32 over TensorRT's in fp16, from one run in which both took turns."""
    run = records.comparison("tensorrt-fp16", "cuda", kind="throughput", batch_size=32)
    return None if run is None else 1 / run.ratio("tensorrt-fp16", "cuda").interval.value


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
    kept = [name for name in _TENSORRT if right[name] >= right["tensorrt"] - MAX_LOSS - EPSILON]
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


@checkpoint(
    "m.lease.watched",
    gate=("CUDA provider",),
    evidence_only=True,
    title="Watch the GPU through NVML while it works",
    hints=(
        "The cell that starts `nvtop.py` does it.",
        "It needs an NVIDIA GPU, and the environment of `onnxruntime-gpu`.",
    ),
    mistakes={"idle": "The GPU was idle all the time: the model ran somewhere else."},
)
def watched(records: Records) -> Verdict:
    """Judge that utilization, memory and power were read while the GPU was busy."""
    seen = records.seen("model.gpu")
    if seen is None or len(seen["t_s"]) < _FEWEST_READINGS:
        return missing("There are no readings of a GPU yet.")
    if len({len(seen[name]) for name in ("t_s", "busy", "memory_bytes", "power_w")}) > 1:
        return failed("The readings are not complete: run the script again.")
    busy, power_w = float(np.mean(seen["busy"])), float(np.mean(seen["power_w"]))
    if busy == 0:
        return failed_as("idle")
    return passed("What nvtop shows, in the record.", f"busy {busy:.0%} of the time, {power_w:.0f} W")


def readings(random: np.random.Generator) -> list[tuple]:
    """Return readings at uneven times with power that rises, falls or stays, and a number of images."""
    cases = []
    for count, images in ((2, 10), (3, 640), (6, 1), (12, 3200), (25, 50_000)):
        t_s = np.cumsum(random.uniform(0.05, 0.4, count)) + random.uniform(0, 3)
        cases.append(([float(t) for t in t_s], [float(w) for w in random.uniform(60, 300, count)], images))
    return cases


def _joules(t_s: list, power_w: list, images: float = 1) -> float:
    steps = zip(t_s[1:], t_s, power_w[1:], power_w, strict=False)
    return sum((later - sooner) * (after + before) / 2 for later, sooner, after, before in steps) / images


def watched_by_student(records: Records) -> list[tuple]:
    """Return the readings of the student's own GPU."""
    seen = records.seen("model.gpu")
    return [(seen["t_s"], seen["power_w"], seen["images"])] if seen else []


@function_question(
    "m.lease.energy",
    title="Turn readings of power into joules for an image",
    hints=(
        "Between two readings: the seconds between them, times the mean of the two powers.",
        "Add these up over all neighbours, then share the sum among the images.",
    ),
    cases=readings,
    own=watched_by_student,
    mistakes=(
        Mistake(
            "no seconds",
            lambda t_s, power_w, images: sum(power_w) / images,
            "This adds up watts. Energy is power times time: how many seconds does each reading stand for?",
        ),
        Mistake(
            "power",
            lambda t_s, power_w, images: sum(power_w) / len(power_w) / images,
            "This is power for an image. For energy, the seconds between the readings are missing.",
        ),
        Mistake(
            "all images",
            lambda t_s, power_w, images: _joules(t_s, power_w),
            "This is the energy of all images together.",
        ),
        Mistake(
            "peak",
            lambda t_s, power_w, images: max(power_w) * (t_s[-1] - t_s[0]) / images,
            "This takes the highest power for the whole time.",
        ),
    ),
    right="Watts are what the room notices, joules are what an image costs.",
)
def joules_per_image(t_s: list, power_w: list, images: float) -> float:
    """Return the energy of an image, by the trapezoidal rule."""
    return _joules(t_s, power_w, images)


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
