"""Lesson 16's checkpoints: OpenVINO is the fastest, QOperator the smallest, S8S8 is beaten, U8U8 loses too much."""

from __future__ import annotations

import pytest

#: Images right of 100, milliseconds of one image, of a batch of 32, bytes, letter of the file's hash.
OPTIONS = {
    "onnx-all": (80, 2.7, 96, 8_920_000, "a"),
    "int8-static-qoperator": (80, 1.6, 42, 2_360_000, "b"),
    "int8-static-s8s8": (80, 3.6, 120, 2_600_000, "c"),
    "int8-static-u8u8": (34, 3.0, 110, 2_300_000, "d"),
    "openvino-int8": (80, 1.3, 29, 2_590_000, "e"),
    "int8-budget-05": (80, 1.6, 42, 2_360_000, "b"),
}
RACERS = ("onnx-all", "int8-static-qoperator", "int8-static-s8s8", "openvino-int8")


def measure(entries, option: str, kind: str, samples: list[float], **more) -> None:
    """Append a record of one of the options."""
    *_, size, letter = OPTIONS[option]
    backend = "openvino" if option.startswith("openvino") else "onnxruntime"
    file = {"name": f"{option}.onnx", "sha256": letter * 64, "size_bytes": size}
    settings = {"providers": [["CPUExecutionProvider", {}]]}
    entries.measured(kind, option, samples, model=file, backend=backend, settings=settings, **more)


@pytest.fixture
def known(entries):
    """Return a ledger with options measured in full, and a race of four."""
    for option, (right, one_ms, batch_ms, size, _) in OPTIONS.items():
        details = {"labels": [0] * 100}
        measure(entries, option, "size", [size])
        measure(entries, option, "accuracy", [1] * right + [0] * (100 - right), details=details)
        measure(entries, option, "latency", [one_ms / 1e3] * 40)
        measure(entries, option, "throughput", [batch_ms / 1e3] * 40, batch_size=32)
    for option in RACERS:
        for kind, place, batch_size in (("latency", 1, 1), ("throughput", 2, 32)):
            samples = [OPTIONS[option][place] / 1e3 * (1 + 0.003 * (turn % 5)) for turn in range(40)]
            details = {"comparison_id": kind, "block_calls": 2}
            measure(entries, option, kind, samples, batch_size=batch_size, details=details)
    return entries


WORDS = "because it answers sooner than the float32 model in the race that all of them ran in turns on this machine, "
RIGHT = {
    "m.choose.finalists": ["int8-static-qoperator", "openvino-int8"],
    "m.choose.frontier": ["int8-static-qoperator", "openvino-int8"],
    "m.choose.targets": {"server-cpu": "openvino-int8", "device": "openvino-int8"},
    "m.choose.recommendation": {
        "choice": "openvino-int8",
        "times_as_fast": 2.7 / 1.3,
        "points_lost": 0.0,
        "to_the_manager": f"I recommend openvino-int8, {WORDS * 2}.",
        "what_would_change_my_mind": "The same race on the EPYC server, if INT8 gained nothing there.",
    },
}


def handed_in(entries, letter: str = "e"):
    """Append what was seen of the file that was handed in."""
    facts = {"shapes": [[1, 11], [3, 11]], "sha256": letter * 64, "size_bytes": 1}
    return entries.observed("artefact.m.choose.model", facts)


def told(**changed: object) -> dict:
    """Return the right recommendation with some parts changed."""
    return {**RIGHT["m.choose.recommendation"], **changed}


@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_earns_every_point(judge, known, id) -> None:
    """By the records of the race."""
    verdict = judge(id, handed_in(known).answered(id, RIGHT[id]))
    assert verdict.ok, verdict.message


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.choose.finalists", ["int8-budget-05", "openvino-int8"], "the same file"),
        ("m.choose.finalists", ["int8-static-u8u8", "openvino-int8"], "more than a point"),
        ("m.choose.finalists", ["int8-static-s8s8", "onnx-disabled"], "no such option"),
        ("m.choose.finalists", ["openvino-int8"], "Two to four"),
        ("m.choose.frontier", ["int8-static-qoperator"], "`openvino-int8`"),
        ("m.choose.frontier", [*RIGHT["m.choose.frontier"], "int8-static-s8s8"], "`int8-static-s8s8`"),
        ("m.choose.frontier", [*RIGHT["m.choose.frontier"], "int8-static-u8u8"], "not in the race"),
        ("m.choose.targets", {"server-cpu": "none", "device": "openvino-int8"}, "server-cpu"),
        ("m.choose.recommendation", told(times_as_fast=1.3 / 2.7), "turned around"),
        ("m.choose.recommendation", told(times_as_fast=3.0), "not the race's ratio"),
        ("m.choose.recommendation", told(choice="int8-static-qoperator"), "another option's"),
        ("m.choose.recommendation", told(choice="int8-static-u8u8"), "in no race"),
        ("m.choose.recommendation", told(points_lost=5.0), "two accuracy records"),
        ("m.choose.recommendation", told(to_the_manager="Take openvino-int8."), "says too little"),
        ("m.choose.recommendation", told(to_the_manager=f"I recommend it, {WORDS * 2}."), "does not name"),
    ],
)
def test_a_plausible_mistake_gets_a_message_that_helps(judge, known, id, mistake, says) -> None:
    """Each names what is wrong and not what is right."""
    verdict = judge(id, handed_in(known).answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message
    assert verdict.expected == ""


def test_identical_files_are_one_option_and_beat_nothing(judge, known) -> None:
    """Raced under two names by hand, the later one happens to be faster: it still beats nothing (B4)."""
    for option, factor in (("int8-static-qoperator", 1.0), ("int8-budget-05", 0.9), ("onnx-all", 2.0)):
        for kind, batch_size in (("latency", 1), ("throughput", 32)):
            samples = [factor * 1e-3 * (1 + 0.003 * (turn % 5)) for turn in range(40)]
            details = {"comparison_id": f"twins {kind}", "block_calls": 2}
            measure(known, option, kind, samples, batch_size=batch_size, details=details)
    both = ["int8-static-qoperator", "int8-budget-05"]
    assert judge("m.choose.frontier", known.answered("m.choose.frontier", both)).ok


def test_a_gpu_option_takes_part_and_answers_for_the_gpu_only(judge, known) -> None:
    """The fastest of all computes on a GPU: the CPU's target does not see it, the GPU's does (A10)."""
    ran = {"provider_requested": "CUDAExecutionProvider", "providers_used": {"CUDAExecutionProvider": 56}}
    file = {"name": "food11.onnx", "sha256": "a" * 64, "size_bytes": 8_920_000}
    common = {"model": file, "settings": {"providers": [["CUDAExecutionProvider", {}]]}, **ran}
    known.measured("size", "cuda", [8_920_000], **common)
    known.measured("accuracy", "cuda", [1] * 80 + [0] * 20, details={"labels": [0] * 100}, **common)
    known.measured("latency", "cuda", [0.0005] * 40, **common)
    known.measured("throughput", "cuda", [0.004] * 40, batch_size=32, **common)
    assert judge("m.choose.targets", known.answered("m.choose.targets", RIGHT["m.choose.targets"])).ok
    assert judge("m.choose.gpu_target", known.answered("m.choose.gpu_target", "cuda")).ok
    assert not judge("m.choose.gpu_target", known.answered("m.choose.gpu_target", "openvino-int8")).ok
    assert judge("m.choose.finalists", known.answered("m.choose.finalists", ["cuda", "openvino-int8"])).ok


def test_an_option_on_an_mi100_is_held_against_the_targets_of_its_edition(judge, known) -> None:
    """1.2 ms and 3000 images a second meet the AMD edition's target; on any other machine, "none" is right (A15)."""
    ran = {"provider_requested": "MIGraphXExecutionProvider", "providers_used": {"MIGraphXExecutionProvider": 56}}
    file = {"name": "food11.onnx", "sha256": "a" * 64, "size_bytes": 8_920_000}
    common = {"model": file, "settings": {"providers": [["MIGraphXExecutionProvider", {}]]}, **ran}
    known.measured("size", "migraphx", [8_920_000], **common)
    known.measured("accuracy", "migraphx", [1] * 80 + [0] * 20, details={"labels": [0] * 100}, **common)
    known.measured("latency", "migraphx", [0.0012] * 40, **common)
    known.measured("throughput", "migraphx", [32 / 3000] * 40, batch_size=32, **common)
    card = {"name": "AMD Instinct MI100", "uuid": "GPU-1", "memory_bytes": 32 << 30}
    card |= {"compute_capability": "", "driver": "6.12.12"}
    amd = type(known)(
        {**one, "machine": {**one["machine"], "gpus": [card]}} if one["type"] == "measurement" else one for one in known
    )
    assert judge("m.choose.gpu_target", known.answered("m.choose.gpu_target", "none")).ok
    assert judge("m.choose.gpu_target", amd.answered("m.choose.gpu_target", "migraphx")).ok
    assert not judge("m.choose.gpu_target", amd.answered("m.choose.gpu_target", "none")).ok


def test_what_was_never_raced_side_by_side_cannot_be_called_beaten(judge, known) -> None:
    """Without the batches' race, every racer of the single images is open; the question waits for the run."""
    alone = type(known)(
        one for one in known if one.get("kind") != "throughput" or "comparison_id" not in one["details"]
    )
    verdict = judge("m.choose.frontier", alone.answered("m.choose.frontier", ["openvino-int8"]))
    assert not verdict.ok
    assert "Run the race" in verdict.message
