"""Answers of parts 0 and 1, judged by records that are told: the right one earns its points, a wrong one a sentence."""

from __future__ import annotations

import pytest
from grading.checkpoints import State, all_checkpoints

from tests.grading.entries import Entries
from tests.grading.recorded import recorded

CPU, OPENVINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"
CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
AMD = "MIGraphXExecutionProvider"


def nothing(entries: Entries) -> Entries:
    """Nothing was measured or seen."""
    return entries


def practised(entries: Entries) -> Entries:
    """Lesson 01: the first lease has failed, the second one runs."""
    entries.observed("start.practice", {"outcome": "returns", "status": "ERROR"})
    return entries.observed("start.recovered", {"status": "ACTIVE"})


def planned(entries: Entries) -> Entries:
    """Lesson 08: a draft whose duration was counted from now, and a free block."""
    entries.observed("model.draft", {"start": "2026-05-17 12:00", "end": "2026-05-16 12:30"})
    block = {"start": "2026-05-17T12:00:00+00:00", "end": "2026-05-17T14:50:00+00:00", "hours_away": 26.5}
    return entries.observed("model.block", block)


def raced_by(entries: Entries, run: str, **options: tuple[float, str, str]) -> Entries:
    """Append a side-by-side run of options: milliseconds, precision and the provider that ran."""
    for option, (milliseconds, precision, provider) in options.items():
        entries.measured(
            "latency",
            option.replace("_", "-"),
            [milliseconds / 1e3 * (1 + 0.002 * (turn % 5)) for turn in range(60)],
            details={"comparison_id": run, "block_calls": 3},
            precision=precision,
            provider_requested=provider,
            providers_used={provider: 1},
        )
    return entries


def providers(entries: Entries) -> Entries:
    """Lesson 15: OpenVINO takes twice the CPU provider's time, and bf16 half of fp32's; one image changes."""
    one, two = (1, "fp32", CPU), (2, "fp32", OPENVINO)
    raced_by(entries, "a", cpu_provider=one, openvino=two, openvino_bf16=(1, "bf16", OPENVINO))
    raced_by(entries, "b", openvino_native=(2, "fp32", "CPU"), openvino_native_bf16=(1, "bf16", "CPU"))
    for option, last in (("openvino-native", 3), ("openvino-native-bf16", 4)):
        entries.measured("accuracy", option, [1] * 4, details={"predicted": [0, 1, 2, last], "labels": [0, 1, 2, 3]})
    return entries


def without_bf16(entries: Entries) -> Entries:
    """Lesson 15 on a processor that followed no hint: the record says in what the convolutions were compiled."""
    fp32 = {"openvino_native": (2, "fp32", "CPU"), "openvino_native_bf16": (1, "fp32", "CPU")}
    return raced_by(providers(entries), "c", **fp32)


def on_a_gpu(entries: Entries, right_of_100: int = 80) -> Entries:
    """Lesson 15: three precisions of TensorRT, INT8 the fastest."""
    for option, milliseconds, right in (("", 3, 80), ("_fp16", 2, 80), ("_int8", 1, right_of_100)):
        raced_by(entries, "a", **{f"tensorrt{option}": (milliseconds, "x", TENSORRT)})
        samples = [1] * right + [0] * (100 - right)
        entries.measured("accuracy", f"tensorrt{option}".replace("_", "-"), samples)
    return entries


def on_a_gpu_where_int8_loses(entries: Entries) -> Entries:
    """The same, and INT8 loses ten of a hundred images."""
    return on_a_gpu(entries, 70)


#: Lesson 16. Images right of 100, milliseconds of one image, of a batch of 32, bytes, letter of the file's hash.
OPTIONS = {
    "onnx-all": (80, 2.7, 96, 8_920_000, "a"),
    "int8-static-qoperator": (80, 1.6, 42, 2_360_000, "b"),
    "int8-static-s8s8": (80, 3.6, 120, 2_600_000, "c"),
    "int8-static-u8u8": (34, 3.0, 110, 2_300_000, "d"),
    "openvino-int8": (80, 1.3, 29, 2_590_000, "e"),
    "int8-budget-05": (80, 1.6, 42, 2_360_000, "b"),
}
RACERS = ("onnx-all", "int8-static-qoperator", "int8-static-s8s8", "openvino-int8")


def measure(entries: Entries, option: str, kind: str, samples: list[float], **more: object) -> None:
    """Append a record of one of the options."""
    *_, size, letter = OPTIONS[option]
    backend = "openvino" if option.startswith("openvino") else "onnxruntime"
    file = {"name": f"{option}.onnx", "sha256": letter * 64, "size_bytes": size}
    settings = {"providers": [[CPU, {}]]}
    entries.measured(kind, option, samples, model=file, backend=backend, settings=settings, **more)


def race(entries: Entries, run: str, **milliseconds: tuple[float, float]) -> Entries:
    """Append a race of options: milliseconds of one image and of a batch."""
    for option, (one_ms, batch_ms) in milliseconds.items():
        for kind, ms, batch_size in (("latency", one_ms, 1), ("throughput", batch_ms, 32)):
            samples = [ms / 1e3 * (1 + 0.003 * (turn % 5)) for turn in range(40)]
            details = {"comparison_id": f"{run} {kind}", "block_calls": 2}
            measure(entries, option, kind, samples, batch_size=batch_size, details=details)
    return entries


def choices(entries: Entries) -> Entries:
    """Lesson 16: OpenVINO is the fastest, QOperator the smallest, S8S8 is beaten, U8U8 loses too much."""
    for option, (right, one_ms, batch_ms, size, _) in OPTIONS.items():
        measure(entries, option, "size", [size])
        measure(entries, option, "accuracy", [1] * right + [0] * (100 - right), details={"labels": [0] * 100})
        measure(entries, option, "latency", [one_ms / 1e3] * 40)
        measure(entries, option, "throughput", [batch_ms / 1e3] * 40, batch_size=32)
    race(entries, "race", **{option: OPTIONS[option][1:3] for option in RACERS})
    facts = {"shapes": [[1, 11], [3, 11]], "sha256": "e" * 64, "size_bytes": 1}
    return entries.observed("artefact.m.choose.model", facts)


def twins(entries: Entries) -> Entries:
    """Lesson 16, where one file was raced under two names, and the later one happened to be faster."""
    raced = {"int8-static-qoperator": (1, 1), "int8-budget-05": (0.9, 0.9), "onnx-all": (2, 2)}
    return race(choices(entries), "twins", **raced)


def unraced(entries: Entries) -> Entries:
    """Lesson 16 without the batches' race."""
    kept = (one for one in choices(entries) if one.get("kind") != "throughput" or not one["details"])
    return Entries(kept)


def accelerated(entries: Entries, option: str, provider: str, one_s: float, batch_s: float) -> Entries:
    """Lesson 16 with an option that computes on a GPU."""
    ran = {
        "provider_requested": provider,
        "providers_used": {provider: 56},
        "settings": {"providers": [[provider, {}]]},
    }
    ran["model"] = {"name": "food11.onnx", "sha256": "a" * 64, "size_bytes": 8_920_000}
    choices(entries).measured("size", option, [8_920_000], **ran)
    entries.measured("accuracy", option, [1] * 80 + [0] * 20, details={"labels": [0] * 100}, **ran)
    entries.measured("latency", option, [one_s] * 40, **ran)
    return entries.measured("throughput", option, [batch_s] * 40, batch_size=32, **ran)


def with_cuda(entries: Entries) -> Entries:
    """The fastest of all computes on a GPU."""
    return accelerated(entries, "cuda", CUDA, 0.0005, 0.004)


def with_migraphx(entries: Entries) -> Entries:
    """1.2 ms and 3000 images a second, on a machine without an AMD GPU's name."""
    return accelerated(entries, "migraphx", AMD, 0.0012, 32 / 3000)


def on_an_mi100(entries: Entries) -> Entries:
    """The same on an MI100, whose edition has targets of its own."""
    card = {"name": "AMD Instinct MI100", "uuid": "GPU-1", "memory_bytes": 32 << 30}
    card |= {"compute_capability": "", "driver": "6.12.12"}
    for one in with_migraphx(entries):
        if one["type"] == "measurement":
            one["machine"] = {**one["machine"], "gpus": [card]}
    return entries


FAIR = {"option": "openvino", "baseline": "cpu-provider", "claim": "slower"}
BF16 = {"claim": "faster", "changed": 1}
FRONTIER = ["int8-static-qoperator", "openvino-int8"]
TARGETS = {"server-cpu": "openvino-int8", "device": "openvino-int8"}
WORDS = "because it answers sooner than the float32 model in the race that all of them ran in turns on this machine, "
ADVICE = {
    "choice": "openvino-int8",
    "times_as_fast": 2.7 / 1.3,
    "points_lost": 0.0,
    "to_the_manager": f"I recommend openvino-int8, {WORDS * 2}.",
    "what_would_change_my_mind": "The same race on the EPYC server, if INT8 gained nothing there.",
}

#: What was measured and seen, the question, the answer, and what the card says; nothing where it is right.
ROWS = [
    (nothing, "start.statuses", {"first": "error", "second": "ACTIVE"}, "Both leases"),
    (practised, "start.statuses", {"first": "error", "second": "ACTIVE"}, ""),
    (practised, "start.statuses", {"first": "ACTIVE", "second": "ACTIVE"}, "something else"),
    (nothing, "m.reserve.draft_hours", 3, "No draft"),
    (planned, "m.reserve.draft_hours", 3, "what was asked for"),
    (planned, "m.reserve.draft_hours", 23.5, "Turned around"),
    (planned, "m.reserve.draft_hours", -4, "Subtract"),
    (planned, "m.reserve.draft_hours", "none", "number"),
    (planned, "m.reserve.draft_hours", -23.5, ""),
    (planned, "m.reserve.end", "2026-05-17 15:00", "next lease begins"),
    (planned, "m.reserve.end", "2026-05-17 09:50", "the hour is not"),
    (planned, "m.reserve.end", "2026-05-17 14:55", "ten minutes before"),
    (planned, "m.reserve.end", "2026-05-16 14:53", "before it begins"),
    (planned, "m.reserve.end", "14:50", "year-month-day"),
    (planned, "m.reserve.end", " 2026-05-17 14:50 ", ""),
    (providers, "m.provider.fair", FAIR, ""),
    (providers, "m.provider.fair", {**FAIR, "option": "openvino-bf16"}, "both change"),
    (providers, "m.provider.fair", {**FAIR, "baseline": "openvino-bf16"}, "on both sides"),
    (providers, "m.provider.fair", {**FAIR, "option": "cpu-provider", "baseline": "openvino"}, "Turned around"),
    (providers, "m.provider.fair", {**FAIR, "baseline": "onnx-all"}, "another release"),
    (providers, "m.provider.fair", {**FAIR, "claim": "cannot tell"}, "The pair is right"),
    (providers, "m.provider.bf16", BF16, ""),
    (providers, "m.provider.bf16", {**BF16, "changed": 3}, "agree"),
    (providers, "m.provider.bf16", {**BF16, "changed": 2}, "Count the places"),
    (providers, "m.provider.bf16", {**BF16, "claim": "slower"}, "The count is right"),
    (without_bf16, "m.provider.bf16", BF16, "another one"),
    (on_a_gpu, "m.provider.gpu_precision", "tensorrt-int8", ""),
    (on_a_gpu, "m.provider.gpu_precision", "tensorrt", "is faster"),
    (on_a_gpu_where_int8_loses, "m.provider.gpu_precision", "tensorrt-fp16", ""),
    (on_a_gpu_where_int8_loses, "m.provider.gpu_precision", "tensorrt-int8", "loses more than one point"),
    (choices, "m.choose.finalists", FRONTIER, ""),
    (choices, "m.choose.finalists", ["int8-budget-05", "openvino-int8"], "the same file"),
    (choices, "m.choose.finalists", ["int8-static-u8u8", "openvino-int8"], "more than a point"),
    (choices, "m.choose.finalists", ["int8-static-s8s8", "onnx-disabled"], "no such option"),
    (choices, "m.choose.finalists", ["openvino-int8"], "Two to four"),
    (choices, "m.choose.frontier", FRONTIER, ""),
    (choices, "m.choose.frontier", FRONTIER[:1], "`openvino-int8`"),
    (choices, "m.choose.frontier", [*FRONTIER, "int8-static-s8s8"], "`int8-static-s8s8`"),
    (choices, "m.choose.frontier", [*FRONTIER, "int8-static-u8u8"], "not in the race"),
    (twins, "m.choose.frontier", ["int8-static-qoperator", "int8-budget-05"], ""),
    (unraced, "m.choose.frontier", ["openvino-int8"], "Run the race"),
    (choices, "m.choose.targets", TARGETS, ""),
    (choices, "m.choose.targets", {**TARGETS, "server-cpu": "none"}, "server-cpu"),
    (with_cuda, "m.choose.targets", TARGETS, ""),
    (with_cuda, "m.choose.finalists", ["cuda", "openvino-int8"], ""),
    (with_cuda, "m.choose.gpu_target", "cuda", ""),
    (with_cuda, "m.choose.gpu_target", "openvino-int8", "."),
    (with_migraphx, "m.choose.gpu_target", "none", ""),
    (on_an_mi100, "m.choose.gpu_target", "migraphx", ""),
    (on_an_mi100, "m.choose.gpu_target", "none", "."),
    (choices, "m.choose.recommendation", ADVICE, ""),
    (choices, "m.choose.recommendation", {**ADVICE, "times_as_fast": 1.3 / 2.7}, "turned around"),
    (choices, "m.choose.recommendation", {**ADVICE, "times_as_fast": 3.0}, "not the race's ratio"),
    (choices, "m.choose.recommendation", {**ADVICE, "choice": "int8-static-qoperator"}, "another option's"),
    (choices, "m.choose.recommendation", {**ADVICE, "choice": "int8-static-u8u8"}, "in no race"),
    (choices, "m.choose.recommendation", {**ADVICE, "points_lost": 5.0}, "two accuracy records"),
    (choices, "m.choose.recommendation", {**ADVICE, "to_the_manager": "Take openvino-int8."}, "says too little"),
    (choices, "m.choose.recommendation", {**ADVICE, "to_the_manager": f"I recommend it, {WORDS * 2}."}, "not name"),
]


@pytest.mark.parametrize(("ledger", "id", "given", "says"), ROWS)
def test_an_answer_is_judged_by_the_records(entries, judge, ledger, id, given, says):
    """Unanswered before; the message names what is wrong and not what is right."""
    assert judge(id, ledger(entries)).state in (State.UNANSWERED, State.MISSING_EVIDENCE)
    verdict = judge(id, ledger(Entries()).answered(id, given))
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message
    assert verdict.ok or verdict.expected == ""


def test_a_gpu_earns_its_points_by_the_profile(judge, entries):
    """CUDA beside TF32 and IO binding, MIGraphX beside half precision; a fall-back earns nothing and is named."""
    raced_by(entries, "a", cuda=(1, "fp32", CUDA), cuda_tf32=(0.8, "tf32", CUDA))
    assert not judge("m.provider.gpu", entries).ok
    raced_by(entries, "b", cuda=(1, "fp32", CUDA), cuda_bound=(0.7, "fp32", CUDA))
    assert judge("m.provider.gpu", entries).ok
    raced_by(entries, "c", cuda=(3, "fp32", CPU), cuda_bound=(3, "fp32", CPU))
    assert "read what the log says" in judge("m.provider.gpu", entries).message
    amd = raced_by(Entries(), "a", migraphx=(1, "fp32", AMD))
    assert "beside `migraphx-fp16`" in judge("m.provider.gpu", amd).message
    raced_by(amd, "b", migraphx=(1, "fp32", AMD), migraphx_fp16=(0.6, "fp16", AMD))
    assert judge("m.provider.gpu", amd).ok


def test_the_engine_cache_is_seen_in_fresh_processes(judge, entries):
    """Loading and the first prediction together, since either may build the engine."""
    for option, load_s, first_s in (("tensorrt-built", 2, 40), ("tensorrt-cached", 2.5, 0.5)):
        entries.measured("load_time", option, [load_s]).measured("first_prediction", option, [first_s])
    assert judge("m.provider.engine_cache", entries).ok
    assert not judge("m.provider.engine_cache", entries.measured("load_time", "tensorrt-cached", [60.0])).ok


@pytest.mark.parametrize(
    ("sizes", "says"),
    [((), "append each record"), ((1, 4, 16, 64), "batches of 32"), ((1, 32), "Add sizes"), ((1, 8, 32, 64), "")],
)
def test_batches_need_both_ends_and_enough_between(entries, judge, sizes, says):
    """1 and 32 for the comparison, and two more to see the bend."""
    for size in sizes:
        entries.measured("throughput", "torch-eager", [0.01 * size], batch_size=size)
    verdict = judge("m.measure.batches", entries)
    assert (verdict.ok, says in verdict.message) == (not says, True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, "Neither choice can be improved"),
        ({"server": "mobilenetv4-conv-small"}, "less accurate than the MobileNetV2"),
        ({"device": "efficientnet-lite0"}, "too large for the device"),
        ({"reason": "it is fast"}, "by which test"),
    ],
)
def test_an_architecture_is_chosen_by_test_size_and_frontier(changed: dict[str, str], says: str):
    """The paired test first, then the target's size; what came home from a leased machine is another one's."""
    asked, entries = all_checkpoints()["m.arch.choice"], [dict(entry) for entry in recorded(1)]
    (*_, answer) = (entry for entry in entries if entry.get("question") == asked.id)
    answer["value"] = {"server": "mobilenetv2", "device": "mobilenetv2-050"} | {
        "reason": "as accurate by the paired test, and faster",
        **changed,
    }
    one = next(entry for entry in entries if entry.get("kind") == "latency" and entry["option"] == "torch-eager")
    entries.append({**one, "machine": {**one["machine"], "cpu_count": 64}, "record_id": "b" * 32})
    assert says in asked.verdict(entries).message
