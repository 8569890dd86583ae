"""Lesson 10b, where the contract test does not look: what a recorded rehearsal's frontier allows to be chosen."""

from __future__ import annotations

import pytest

from grading.checkpoints import all_checkpoints
from tests.grading.recorded import recorded

(CHOICE,) = (one for one in all_checkpoints() if one.id == "m.arch.choice")
GOOD = {"server": "mobilenetv2", "device": "mobilenetv2-050", "reason": "as accurate by the paired test, and faster"}


def said(**changed: str) -> str:
    """Return what the check says to a changed answer."""
    entries = [dict(entry) for entry in recorded(1)]
    (*_, answer) = (entry for entry in entries if entry.get("question") == CHOICE.id)
    answer["value"] = GOOD | changed
    return CHOICE.verdict(entries).message


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Neither choice can be improved"),
        ({"server": "mobilenetv4-conv-small"}, "less accurate than the MobileNetV2"),
        ({"device": "efficientnet-lite0"}, "too large for the device"),
        ({"reason": "it is fast"}, "by which test"),
    ],
)
def test_a_choice_is_judged_by_test_size_and_frontier(changed: dict[str, str], words: str):
    """The paired test first, then the target's size, then what beats what."""
    assert words in said(**changed)


def test_measurements_of_a_lease_do_not_spoil_the_choice():
    """What came home from the leased machine is another one's, and says nothing about these five."""
    entries = [dict(entry) for entry in recorded(1)]
    elsewhere = next(entry for entry in entries if entry.get("kind") == "latency" and entry["option"] == "torch-eager")
    entries.append({**elsewhere, "machine": {**elsewhere["machine"], "cpu_count": 64}, "record_id": "b" * 32})
    assert "Neither choice can be improved" in CHOICE.verdict(entries).message
