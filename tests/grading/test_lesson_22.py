"""Lesson 22's checkpoints: the stub, plausible mistakes with a message that helps, and the answer."""

from __future__ import annotations

import pytest

FILES = {
    "food11.onnx": {"here": "aa", "there": "aa", "size_bytes": 8_918_386},
    "int8-dynamic.onnx": {"here": "bb", "there": "bb", "size_bytes": 2_368_060},
    "int8-static-s8s8.onnx": {"here": "cc", "there": "dd", "size_bytes": 2_452_785},
}
SEEN = {"files": FILES, "machine": {"architecture": "x86_64"}}
FIT = {"whole": ["food11.onnx", "int8-dynamic.onnx"], "fit": ["int8-dynamic.onnx"]}
FORM = {"activations": "signed", "weights": "signed", "products": 16, "times": 4}


@pytest.fixture
def known(entries):
    """Return a ledger in which one of three files has arrived spoilt."""
    return entries.observed("edge.largest", {"bytes": 8_918_386}).observed("edge.files", SEEN)


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("e.bring.parts", 2, "needs a part of its own"),
        ("e.bring.parts", 8_918_386 / 2**22, "round up"),
        ("e.bring.parts", 9, "Divide the largest"),
        ("e.bring.fit", {**FIT, "whole": list(FILES)}, "Compare the two hashes"),
        ("e.bring.fit", {**FIT, "whole": ["s8s8"]}, "names as they stand"),
        ("e.bring.fit", {**FIT, "fit": FIT["whole"]}, "larger than 5 MB"),
        ("e.bring.fit", {**FIT, "fit": []}, "More of them"),
        ("e.bring.form", {**FORM, "activations": "unsigned"}, "server's VNNI"),
        ("e.bring.form", {**FORM, "activations": "unsigned", "weights": "unsigned"}, "first row"),
        ("e.bring.form", {**FORM, "products": 4}, "what float32 gets"),
        ("e.bring.form", {**FORM, "products": 32}, "128-bit vector"),
        ("e.bring.form", {**FORM, "times": 16}, "Divide the products"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(("id", "right"), [("e.bring.parts", 3), ("e.bring.fit", FIT), ("e.bring.form", FORM)])
def test_the_answer_earns_the_points_and_the_stub_does_not(known, judge, id, right):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    assert judge(id, known.answered(id, right)).ok


@pytest.mark.parametrize(("id", "right"), [("e.bring.parts", 3), ("e.bring.fit", FIT)])
def test_an_answer_without_its_evidence_earns_nothing(entries, judge, id, right):
    """Nothing was looked at, and nothing was brought."""
    verdict = judge(id, entries.answered(id, right))
    assert not verdict.ok
    assert "run the cell" in verdict.message


def test_the_number_of_parts_is_judged_before_anything_has_travelled(entries, judge):
    """The question comes before the way: its check must not wait for the files."""
    early = entries.observed("edge.largest", {"bytes": 8_918_386}).answered("e.bring.parts", 3)
    assert judge("e.bring.parts", early).ok


def test_the_latency_is_predicted_before_the_device_is_measured(entries, judge):
    """In seconds, and in time."""
    assert judge("e.bring.latency_guess", entries.predicted("e.bring.latency_guess", 0.008)).state == "missing evidence"
    assert not judge("e.bring.latency_guess", type(entries)().predicted("e.bring.latency_guess", 8)).ok
    late = type(entries)().measured("latency", "edge-int8-s8s8", [0.007]).predicted("e.bring.latency_guess", 0.007)
    assert "after the measurement" in judge("e.bring.latency_guess", late).message
