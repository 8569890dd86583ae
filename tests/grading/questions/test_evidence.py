"""Answers alone are worth nothing: what was claimed has to have been measured."""

from __future__ import annotations

import pytest
from grading.checkpoints import State, all_checkpoints
from grading.checkpoints.registry import PARTS

from tests.grading.entries import Entries
from tests.grading.questions.beside import answered_by
from tests.grading.recorded import recorded

PUBLIC = list(all_checkpoints())


def test_an_empty_ledger_passes_nothing_and_says_that_nothing_is_answered():
    """The empty submission scores 0."""
    states = {one.id: one.verdict([]).state for one in PUBLIC}
    assert set(states.values()) <= {State.UNANSWERED, State.MISSING_EVIDENCE}
    assert {name for name, state in states.items() if state is State.MISSING_EVIDENCE} == {
        one.id for one in PUBLIC if getattr(one.asks, "evidence_only", False)
    }


def without_evidence(part: str) -> Entries:
    """Return the right answers and the predictions of a part, and no measurement or observation."""
    kept = [entry for entry in recorded(PARTS.index(part)) if entry["type"] in ("answer", "prediction")]
    entries = Entries(kept)
    for one in PUBLIC:
        if one.part == part and one.kind == "function":
            entries.answered(one.id, answered_by(one, one.asks.reference))
    return entries


@pytest.mark.parametrize("part", PARTS)
def test_right_answers_without_a_measurement_earn_what_needs_none(part: str, capsys: pytest.CaptureFixture[str]):
    """Functions that need no record; printed, so that a reader sees how much that is."""
    entries = without_evidence(part)
    asked = [one for one in PUBLIC if one.part == part]
    earned = {one.id for one in asked if one.verdict(entries).ok}
    free = {one.id for one in asked if one.kind == "function" and not one.needs}
    points = sum(one.points for one in asked if one.id in earned)
    with capsys.disabled():
        print(f"\n{part}: {points} of {sum(one.points for one in asked)} points without evidence: {sorted(earned)}")
    assert earned - free == set()
