"""Lesson 15's checkpoints: what counts as a fair pair, what bf16 and a GPU have to show, and by which records."""

from __future__ import annotations

import pytest

CPU, OPENVINO, CUDA = "CPUExecutionProvider", "OpenVINOExecutionProvider", "CUDAExecutionProvider"
AMD = "MIGraphXExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"


def beside(entries, run: str, **options: tuple[float, str, str]) -> None:
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


@pytest.fixture
def known(entries):
    """Return a ledger in which OpenVINO takes twice the CPU provider's time, and bf16 half of fp32's."""
    beside(
        entries, "a", cpu_provider=(1, "fp32", CPU), openvino=(2, "fp32", OPENVINO), openvino_bf16=(1, "bf16", OPENVINO)
    )
    beside(entries, "b", openvino_native=(2, "fp32", "CPU"), openvino_native_bf16=(1, "bf16", "CPU"))
    for option, last in (("openvino-native", 3), ("openvino-native-bf16", 4)):
        entries.measured("accuracy", option, [1] * 4, details={"predicted": [0, 1, 2, last], "labels": [0, 1, 2, 3]})
    return entries


FAIR = {"option": "openvino", "baseline": "cpu-provider", "claim": "slower"}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.provider.fair", {**FAIR, "option": "openvino-bf16"}, "both change"),
        ("m.provider.fair", {**FAIR, "baseline": "openvino-bf16"}, "on both sides"),
        ("m.provider.fair", {**FAIR, "option": "cpu-provider", "baseline": "openvino"}, "Turned around"),
        ("m.provider.fair", {**FAIR, "baseline": "onnx-all"}, "another release"),
        ("m.provider.fair", {**FAIR, "claim": "cannot tell"}, "The pair is right"),
        ("m.provider.bf16", {"claim": "faster", "changed": 3}, "agree"),
        ("m.provider.bf16", {"claim": "faster", "changed": 2}, "Count the places"),
        ("m.provider.bf16", {"claim": "slower", "changed": 1}, "The count is right"),
    ],
)
def test_a_plausible_mistake_gets_a_message_that_helps(judge, known, id, mistake, says) -> None:
    """Each names what is wrong and not what is right."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message
    assert verdict.expected == ""


def test_the_right_answers_earn_every_point(judge, known) -> None:
    """By the records of the two runs."""
    assert judge("m.provider.fair", known.answered("m.provider.fair", FAIR)).ok
    assert judge("m.provider.bf16", known.answered("m.provider.bf16", {"claim": "faster", "changed": 1})).ok


def test_a_processor_without_bf16_earns_nothing_by_the_label(judge, known) -> None:
    """The record says in what the convolutions were compiled; a hint that was not followed is no bf16."""
    beside(known, "c", openvino_native=(2, "fp32", "CPU"), openvino_native_bf16=(1, "fp32", "CPU"))
    verdict = judge("m.provider.bf16", known.answered("m.provider.bf16", {"claim": "faster", "changed": 1}))
    assert not verdict.ok
    assert "another one" in verdict.message


def test_a_gpu_earns_its_points_by_the_profile(judge, entries) -> None:
    """CUDA beside TF32 and beside IO binding, with nodes on the GPU; a fall-back earns nothing and is named."""
    beside(entries, "a", cuda=(1, "fp32", CUDA), cuda_tf32=(0.8, "tf32", CUDA))
    assert not judge("m.provider.gpu", entries).ok
    beside(entries, "b", cuda=(1, "fp32", CUDA), cuda_bound=(0.7, "fp32", CUDA))
    assert judge("m.provider.gpu", entries).ok
    beside(entries, "c", cuda=(3, "fp32", CPU), cuda_bound=(3, "fp32", CPU))
    assert "read what the log says" in judge("m.provider.gpu", entries).message


def test_an_amd_gpu_earns_the_same_points_with_migraphx(judge, entries) -> None:
    """MIGraphX beside its half precision, with nodes on the GPU; a fall-back earns nothing here too (A15)."""
    beside(entries, "a", migraphx=(1, "fp32", AMD))
    assert "beside `migraphx-fp16`" in judge("m.provider.gpu", entries).message
    beside(entries, "b", migraphx=(1, "fp32", AMD), migraphx_fp16=(0.6, "fp16", AMD))
    assert judge("m.provider.gpu", entries).ok
    beside(entries, "c", migraphx=(3, "fp32", CPU), migraphx_fp16=(3, "fp16", CPU))
    assert "read what the log says" in judge("m.provider.gpu", entries).message


@pytest.mark.parametrize(
    ("choice", "right_of_100", "message"),
    [
        ("tensorrt-fp16", {"tensorrt-int8": 70}, ""),
        ("tensorrt-int8", {"tensorrt-int8": 70}, "loses more than one point"),
        ("tensorrt-int8", {}, ""),
        ("tensorrt", {}, "is faster"),
    ],
)
def test_the_precision_on_a_gpu_is_chosen_by_accuracy_and_then_by_time(
    judge, entries, choice, right_of_100, message
) -> None:
    """INT8 is the fastest; whether it may be taken depends on what it loses."""
    times = {"tensorrt": 3, "tensorrt_fp16": 2, "tensorrt_int8": 1}
    beside(entries, "a", **{name: (ms, "x", TENSORRT) for name, ms in times.items()})
    for option in ("tensorrt", "tensorrt-fp16", "tensorrt-int8"):
        right = right_of_100.get(option, 80)
        entries.measured("accuracy", option, [1] * right + [0] * (100 - right))
    verdict = judge("m.provider.gpu_precision", entries.answered("m.provider.gpu_precision", choice))
    assert verdict.ok == (message == "")
    assert message in verdict.message


def test_the_engine_cache_is_seen_in_fresh_processes(judge, entries) -> None:
    """Loading and the first prediction together, since either may build the engine."""
    for option, load_s, first_s in (("tensorrt-built", 2, 40), ("tensorrt-cached", 2.5, 0.5)):
        entries.measured("load_time", option, [load_s])
        entries.measured("first_prediction", option, [first_s])
    assert judge("m.provider.engine_cache", entries).ok
    entries.measured("load_time", "tensorrt-cached", [60.0])
    assert not judge("m.provider.engine_cache", entries).ok
