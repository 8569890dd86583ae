"""Run on the server: finalists and what is expected of them; the node's processor and GPU; energy, and surprises."""

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
from grading.checkpoints.evidence import is_close
from grading.checkpoints.model.lesson_16_choice import EPSILON, MAX_LOSS, accuracy_lost, here_of
from labs.records import Answer, Measurement, Records
from labs.records.candidates import BASELINE, candidates, of_machine
from labs.records.format import milliseconds, times
from labs.records.frontier import dominators

_TENSORRT = {"tensorrt": "fp32", "tensorrt-fp16": "fp16", "tensorrt-int8": "int8"}

#: Fewest words of a reason, and fewest readings of a GPU at ten a second.
_FEWEST_WORDS, _FEWEST_READINGS = 8, 20


def on_the_lease(records: Records) -> Records | None:
    """Return the records of the machine on which the finalists raced last, or None before that."""
    seen = records.seen("model.lease")
    return None if seen is None else of_machine(records, seen["machine_id"])


def _known_then(records: Records, question: str) -> Records:
    """Return what was known when a question was answered last: the node's records come later."""
    places = [place for place, one in enumerate(records) if isinstance(one, Answer) and one.question == question]
    return records[: places[-1]] if places else records


@prediction(
    "m.lease.cpu_guess",
    about={"subject": "model.lease"},
    title="Predict float32's latency on the node's processor",
    unit="ms",
    between=(0.1, 1000),
)
def cpu_latency(records: Records) -> float | None:
    """Return float32's median on the machine of the lease, in milliseconds."""
    there = on_the_lease(records)
    record = there and there.latest(kind="latency", option=BASELINE, batch_size=1)
    return 1e3 * record.percentile(50) if record else None


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


@checkpoint(
    "m.choose.finalists",
    points=2,
    title="Choose two to four finalists",
    form=[str],
    needs=({"kind": "latency", "option": BASELINE},),
    hints=(
        "Options of different kinds that lose no more than a point; float32 races anyway.",
        "From the table: first those with at least float32's accuracy less one point, then filled dots among them.",
    ),
    mistakes={
        "one option twice": "Two of them are the same file opened in the same way: that race would compare noise.",
        "too dear": "One of them loses more than a point of accuracy.",
        "all beaten": "All of them are beaten by others. Take at least one from the frontier.",
    },
)
def finalists(records: Records) -> Verdict:
    """Judge that two to four affordable, different options were named, one from the frontier among them."""
    names = [name for name in records.answer("m.choose.finalists") if name != BASELINE]
    here = here_of(_known_then(records, "m.choose.finalists"))
    found, left_out = candidates(here)
    if BASELINE not in found:
        return missing("`onnx-all` is not measured in full: run lesson 14 first.")
    if any("very same file" in left_out.get(name, "") for name in names) or len(set(names)) < len(names):
        return failed_as("one option twice")
    unknown = [name for name in names if name not in found]
    if unknown:
        return failed(f"`{unknown[0]}` cannot take part: {left_out.get(unknown[0], 'there is no such option')}.")
    if not 2 <= len(names) <= 4:
        return failed("Two to four besides float32: the race is short, and so is the manager's time.")
    if any(accuracy_lost(here, name) > MAX_LOSS + EPSILON for name in names):
        return failed_as("too dear")
    beaten_by = dominators([one.summary for one in found.values()])
    if all(beaten_by[name] for name in names):
        return failed_as("all beaten")
    return passed("A race worth watching.")


def latencies(random: np.random.Generator) -> list[tuple]:
    """Return three latencies each: an option's and float32's here, and float32's there."""
    cases = []
    for ratio, elsewhere in ((0.6, 3.2), (0.86, 0.4), (1.4, 2.5), (0.25, 1.0), (5.0, 0.7)):
        here_s = float(random.uniform(1e-3, 9e-3))
        cases.append((here_s * ratio, here_s, here_s * elsewhere * float(random.uniform(0.9, 1.1))))
    return cases


@function_question(
    "m.lease.expected",
    title="Carry a latency to another machine by its ratio",
    hints=(
        "What share of float32's time does the option take here?",
        "That share, of float32's time over there.",
    ),
    cases=latencies,
    mistakes=(
        Mistake(
            "turned around",
            lambda here_s, float32_here_s, float32_there_s: float32_here_s / here_s * float32_there_s,
            "Turned around: an option that is faster than float32 here would be expected to be slower there.",
        ),
        Mistake(
            "difference",
            lambda here_s, float32_here_s, float32_there_s: float32_there_s + here_s - float32_here_s,
            "This carries the difference in seconds: on a machine that is twice as slow, that doubles as well.",
        ),
        Mistake(
            "as it is",
            lambda here_s, float32_here_s, float32_there_s: here_s,
            "This is the latency here, as if both machines were alike.",
        ),
    ),
    right="A ratio travels better than a time.",
)
def expected_s(here_s: float, float32_here_s: float, float32_there_s: float) -> float:
    """Return the seconds to expect on the other machine."""
    return here_s / float32_here_s * float32_there_s


@checkpoint(
    "m.lease.race",
    points=2,
    evidence_only=True,
    title="Race your finalists beside float32 on one machine, the very files that were measured before",
    hints=(
        "The cells above do it; finalists of OpenVINO's provider race in its own environment.",
        "Choose two finalists or more, then run the two cells that begin with `predicted` and with `if len(sessions)`.",
    ),
    mistakes={
        "other bytes": "A file in this race is not the one that was measured before: push again, or race again.",
    },
)
def race(records: Records) -> Verdict:
    """Judge that options raced beside float32, in one image and in batches, from bytes that are known from before."""
    seen, there = records.seen("model.lease"), on_the_lease(records)
    if seen is None:
        return missing("The finalists have not raced yet.")
    runs = [there.comparison(BASELINE, *seen["options"], kind=kind) for kind in ("latency", "throughput")]
    if None in runs or len(runs[0].options) < 2:
        return missing("Float32 and one finalist at least have to take turns, with one image and with 32.")
    for name in runs[0].options:
        before = records.first(kind="accuracy", option=name)
        if before is None or before.model.sha256 != runs[0].record(name).model.sha256:
            return failed_as("other bytes")
    return passed(
        "The same bytes, another machine.", f"{', '.join(runs[0].options)} on {runs[0].record(BASELINE).machine.label}"
    )


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
    gate=("CUDA provider",),
    evidence_only=True,
    title="Measure CUDA with TF32 off and on, and with IO binding, each side by side",
    hints=(
        "The cells above measure it where there is an NVIDIA GPU.",
        "Run the three cells that begin with `if gpu:`.",
    ),
    mistakes={"fell back": "No node of `cuda` ran on the GPU: read what the log says about missing libraries."},
)
def gpu(records: Records) -> Verdict:
    """Judge that CUDA ran, in the precision that was asked for, beside its own variants."""
    record = records.latest(kind="latency", option="cuda")
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


def factors_off(records: Records) -> dict[str, float]:
    """Return by what factor each expectation was off on the machine of the lease."""
    expected, there = records.seen("model.expected"), on_the_lease(records)
    found = {}
    for name, expected_there_s in (expected["p50_s"] if expected and there else {}).items():
        if record := there.latest(kind="latency", option=name, batch_size=1):
            measured_s = record.percentile(50)
            found[name] = max(expected_there_s / measured_s, measured_s / expected_there_s)
    return found


@checkpoint(
    "m.lease.surprise",
    points=2,
    title="Reconcile what was expected with what was measured",
    form={"option": str, "factor": float, "reason": str},
    needs=({"subject": "model.expected"}, {"subject": "model.lease"}),
    hints=(
        "The table above: the largest number of its last column.",
        "A factor is above 1 whichever of the two is larger. The reason wants a sentence of its own.",
    ),
    mistakes={
        "not the largest": "Another expectation was off by more.",
        "turned around": "The factor is turned around: above 1, whichever of the two is larger.",
        "no reason": "The reason says too little: which difference between the two machines do you mean?",
    },
)
def surprise(records: Records) -> Verdict:
    """Judge option and factor by the records; a person reads the reason."""
    given, off = records.answer("m.lease.surprise"), factors_off(records)
    if not off:
        return missing("Nothing was measured yet of what was expected.")
    if given["option"] not in off:
        return failed("Name one of the options in the table.")
    if off[given["option"]] < max(off.values()) * 0.999:
        return failed_as("not the largest")
    if not is_close(given["factor"], off[given["option"]], within=0.02):
        return (
            failed_as("turned around")
            if is_close(1 / given["factor"], max(off.values()), within=0.02)
            else failed("The option is right; its factor is not the table's.")
        )
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    record = on_the_lease(records).latest(kind="latency", option=given["option"], batch_size=1)
    return passed(
        "An expectation that failed is the most useful line of the table. A person reads the reason.",
        f"{given['option']}: {milliseconds(record.percentile(50))}, off by {times(off[given['option']])}",
    )


def _ran_on_gpu(record: Measurement, provider: str) -> int:
    """Return how many nodes of a record ran on a provider, as profiled."""
    return record.providers_used.get(provider, 0)
