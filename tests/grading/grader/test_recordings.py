"""Honest work, whole: the answer key's functions on cases that nobody saw, and recorded ledgers of each part."""

from __future__ import annotations

import pytest
from grading.checkpoints import all_checkpoints

from grading.builder.solve import AnswerKey
from grading.grade.contradictions import examine
from grading.grade.functions.run import Part, computed, drawn, run_on
from grading.grade.hidden import possible_points
from grading.grade.sandbox import abilities
from labs.course import lessons
from tests.grading.recorded import RECORDED, recorded


def solved(part: int, key: AnswerKey) -> list[Part]:
    """Return the solved answer cells of the lessons that ask for a function."""
    found = []
    for lesson in lessons(part=part):
        asked = [name for name in lesson.questions() if name in key.answers]
        if set(asked) & set(computed(part)):
            kinds = {name: all_checkpoints()[name].kind for name in asked}
            found.append(
                Part(lesson.name, {name: key.answers[name] for name in asked if kinds[name] in ("answer", "function")})
            )
    return found


@pytest.mark.timeout(600)
@pytest.mark.skipif(not abilities().apart, reason="no sandbox here")
@pytest.mark.parametrize("part", RECORDED)
def test_every_function_of_the_answer_key_is_right_on_cases_that_nobody_saw(part: int):
    """As a class is graded: in the sandbox, on cases that a secret draws."""
    found = run_on(drawn(computed(part), "a test's secret"), solved(part, AnswerKey.read()), wall_s=500)
    told = {}
    for name in computed(part):
        verdict = found[name].verdict
        told[name] = found[name].fault or verdict.ok or f"{verdict.message} | {verdict.yours}"
    assert {name: one for name, one in told.items() if one is not True} == {}


@pytest.mark.parametrize("part", RECORDED)
def test_nothing_in_an_honest_recording_is_set_aside(part: int):
    """Rehearsals beside other work, cold starts and overload included: noise is no cheating, in any part."""
    assert [str(one) for one in examine(recorded(part)).findings] == []


@pytest.mark.parametrize("part", RECORDED)
def test_what_cannot_be_proven_of_predictions_is_a_tenth_of_a_part_at_most(part: int):
    """Whoever dates them back with care earns what an honest member earns, and nothing shows it."""
    asked = [one for one in all_checkpoints() if one.kind == "prediction" and one.id.startswith(f"{'mes'[part - 1]}.")]
    assert 0 < sum(one.points for one in asked) <= 0.10 * possible_points(part)
