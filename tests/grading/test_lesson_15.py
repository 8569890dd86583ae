"""Lesson 15's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

CPU, OPENVINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"
USED = {"onnx-all": {CPU: 56}, "openvino": {OPENVINO: 1}, "openvino-bf16": {OPENVINO: 1}, "colleague": {CPU: 56}}
REQUESTED = {"onnx-all": CPU, "openvino": OPENVINO, "openvino-bf16": OPENVINO, "colleague": OPENVINO}
RAN = {"onnx-all": CPU, "openvino": OPENVINO, "openvino-bf16": OPENVINO, "colleague": CPU}
ERROR, CLASSES, PROFILE = "an error when loading", "the classes that it names", "the profile of a run"
WITNESS = {ERROR: False, CLASSES: False, PROFILE: True}
ROUNDING = {"fp32": 2**-24, "bf16": 2**-8}
APART = {"onnx-all": 0.0, "openvino": 7e-7, "openvino-bf16": 0.026, "colleague": 0.0}
FAIR = {"option": "openvino", "baseline": "onnx-all", "low": 2.0, "high": 2.0, "claim": "OpenVINO is slower"}


def told_ran(**changed: str) -> dict:
    """Return an answer about who ran, with some options answered otherwise."""
    return {"ran": {**RAN, **changed}, "used": USED, "requested": REQUESTED}


def told_precision(in_fp32: list[str], **rounding: float) -> dict:
    """Return an answer about precision."""
    return {"rounding": {**ROUNDING, **rounding}, "in_fp32": in_fp32, "apart": APART}


@pytest.fixture
def known(entries):
    """Return a ledger of lesson 15: OpenVINO takes 2 ms, in bf16 half of that, the CPU provider 1; one class of 4."""
    for option, seconds, precision in (("onnx-all", 1, "fp32"), ("openvino", 2, "fp32"), ("openvino-bf16", 1, "bf16")):
        predicted = [0, 1, 2, 4 if precision == "bf16" else 3]
        entries.measured("accuracy", option, [1] * 4, details={"predicted": predicted})
        entries.measured(
            "latency",
            option,
            [seconds / 1e3] * 4,
            details={"comparison_id": "a", "block_calls": 1},
            precision=precision,
            provider_requested=REQUESTED[option],
            providers_used=USED[option],
        )
    return entries


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("m.provider.really_ran", told_ran(colleague=OPENVINO), "this was asked for"),
        ("m.provider.really_ran", told_ran(openvino=CPU), "another provider"),
        ("m.provider.really_ran", {**told_ran(), "ran": {"onnx-all": CPU}}, "openvino is missing"),
        ("m.provider.witness", {**WITNESS, ERROR: True}, "raise one"),
        ("m.provider.witness", {**WITNESS, CLASSES: True}, "How many classes"),
        ("m.provider.witness", {**WITNESS, PROFILE: False}, "what was asked for"),
        ("m.provider.precision", told_precision(["openvino", "openvino-bf16", "colleague"]), "does not explain"),
        ("m.provider.precision", told_precision(["openvino"]), "whatever its label says"),
        ("m.provider.precision", told_precision(["openvino", "colleague"], bf16=2**-16), "bf16 keeps 8"),
        ("m.provider.precision", told_precision(["openvino", "colleague"], fp32=2**24), "far below 1"),
        ("m.provider.precision", told_precision(["openvino", "colleague", "cuda"]), "not an option here"),
        ("m.provider.fair", {**FAIR, "option": "openvino-bf16"}, "both change"),
        ("m.provider.fair", {**FAIR, "option": "openvino-bf16", "baseline": "openvino"}, "the same on both sides"),
        ("m.provider.fair", {**FAIR, "option": "onnx-all", "baseline": "openvino"}, "Turned around"),
        ("m.provider.fair", {**FAIR, "baseline": "torch-eager"}, "the provider only"),
        ("m.provider.fair", {**FAIR, "low": 1.5}, "not the interval"),
        ("m.provider.fair", {**FAIR, "claim": "cannot tell"}, "which side of 1"),
        ("m.provider.bf16", {"ratio": 2.0, "changed": 1}, "Turned around"),
        ("m.provider.bf16", {"ratio": 0.9, "changed": 1}, "not the ratio"),
        ("m.provider.bf16", {"ratio": 0.5, "changed": 3}, "where they agree"),
        ("m.provider.bf16", {"ratio": 0.5, "changed": 0}, "Count the places"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("id", "right"),
    [
        ("m.provider.really_ran", told_ran()),
        ("m.provider.witness", WITNESS),
        ("m.provider.precision", told_precision(["openvino", "colleague"])),
        ("m.provider.fair", FAIR),
        ("m.provider.bf16", {"ratio": 0.5, "changed": 1}),
    ],
)
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


@pytest.mark.parametrize("changed", [{"providers_used": {CPU: 56}}, {"precision": "reduced"}])
def test_a_record_that_is_not_what_its_name_says_proves_nothing(known, judge, changed):
    """A fall-back or another precision under the name 'openvino' earns no points."""
    for entry in known:
        if entry["option"] == "openvino" and entry["kind"] == "latency":
            entry.update(changed)
    assert "by the provider in its name" in judge("m.provider.fair", known.answered("m.provider.fair", FAIR)).message


def test_a_machine_without_openvino_is_told_so(entries, judge):
    """No points for what cannot run, and a sentence that says why."""
    alone = {"ran": {"onnx-all": CPU}, "used": {"onnx-all": {CPU: 56}}, "requested": {"onnx-all": CPU}}
    entries.answered("m.provider.really_ran", alone).answered("m.provider.fair", FAIR)
    entries.answered("m.provider.bf16", {"ratio": 0.5, "changed": 1})
    entries.answered("m.provider.precision", {**told_precision([]), "apart": {"onnx-all": 0.0}})
    for id in ("m.provider.really_ran", "m.provider.fair", "m.provider.precision"):
        assert "another one" in judge(id, entries).message
    assert "without bf16" in judge("m.provider.bf16", entries).message


def test_a_prediction_counts_when_it_comes_first(entries, known, judge):
    """Before the measurement it earns its point, right or wrong; after it, nothing."""
    assert not judge("m.provider.openvino_guess", known.predicted("m.provider.openvino_guess", 2)).ok
    fresh = type(entries)().predicted("m.provider.openvino_guess", 2)
    assert judge("m.provider.openvino_guess", fresh.measured("latency", "openvino", [0.01])).ok
