"""What parts 2 and 3 ask about their machines beside the lease itself: the stub, plausible mistakes, and the answer."""

from __future__ import annotations

import pytest

from grading.checkpoints import all_checkpoints

IDS = {"first": "0f1e", "second": "", "returned": "0f1e"}


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        ({"status": "Error"}, "does not run"),
        ({"image": "python:3.11"}, "not the one that was chosen"),
        ({"ports": [8888]}, "A port is missing"),
        ({}, ""),
    ],
)
def test_the_container_is_the_one_that_the_site_has(entries, judge, seen, says):
    """Running, for ARM, with both ports; nothing that the cell says counts."""
    assert judge("e.provision.container", entries).state == "missing evidence"
    good = {"status": "Running", "image": "quay.io/jupyter/minimal-notebook:aarch64-2024-05-27", "ports": [8000, 8888]}
    verdict = judge("e.provision.container", entries.observed("edge.container", good | seen))
    assert (verdict.ok, says in verdict.message) == (not says, True)


@pytest.mark.parametrize(
    ("ids", "word"), [(IDS, "the first"), (IDS | {"second": "0f1e"}, "both"), (IDS | {"first": ""}, "neither")]
)
def test_the_objects_are_told_by_their_ids(entries, ids, word):
    """What `reconcile` shows beside the prediction."""
    asked = all_checkpoints()["e.provision.id_guess"].asks
    assert asked.measured(entries.records) is None
    assert asked.measured(entries.observed("edge.objects", ids).records) == word


def test_software_for_a_p100_is_told_by_its_compute_capability(entries, judge):
    """Too new, too few, misspelt, and right."""
    question = "s.reserve.p100"
    entries.observed("system.lease", {})
    assert "Not answered yet" in judge(question, entries).message
    for given, says in [
        (["triton 24.10", "torch cu126", "tensorrt 10"], "wants compute capability 7.0"),
        (["torch cu126"], "One more"),
        (["Triton"], "four names"),
    ]:
        assert says in judge(question, entries.answered(question, given)).message
    assert judge(question, entries.answered(question, ["Torch cu126", "triton 24.10 "])).ok


@pytest.mark.parametrize(
    ("question", "subject", "seen", "value"),
    [
        ("s.provision.saved_guess", "system.plan", {"serial_s": 1800, "total_s": 1200}, 10),
        ("s.release.orphans_guess", "system.survey", {"orphans": 0, "found": 3}, 0),
        ("s.reserve.wait_guess", "system.block", {"hours_away": 1.5}, 1.5),
        ("m.provision.minutes_guess", "model.plan", {"total_s": 1200}, 20),
        ("e.reserve.free_guess", "edge.block", {"free": 3}, 3),
    ],
)
def test_a_prediction_is_compared_with_what_was_seen(entries, judge, question, subject, seen, value):
    """Made before, it earns its point; what was seen since stands beside it."""
    asked = all_checkpoints()[question].asks
    assert asked.measured(entries.records) is None
    assert judge(question, entries.predicted(question, 4)).state == "missing evidence"
    assert asked.measured(entries.observed(subject, seen).records) == value
    entries.clear()
    assert not judge(question, entries.observed(subject, seen).predicted(question, 4)).ok
