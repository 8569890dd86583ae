"""Wrong ideas about functions: the public cases, which students see, refuse each edit of a
solution, or the lesson excuses it with a reason.
"""

import tomllib

import pytest

from grading.builder.mutants.examine import domain_cases, examine, functions
from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.cases import judge
from labs.judge.calls import call

LESSONS = sources()

#: Functions of deep dives take as long as those of the core, and change more rarely.
SLOW = {"core": (), "deeper": pytest.mark.slow}
FUNCTIONS = [
    pytest.param(lesson, id, id=id, marks=SLOW[lesson.kind])
    for lesson in LESSONS
    for id in functions(lesson)
]

#: An excuse is for a mutant that no newcomer would write; few are needed.
MOST_EXCUSES = 40
SHORTEST_REASON = 5


@pytest.mark.parametrize(("lesson", "id"), FUNCTIONS)
def test_public_cases_refuse_every_mutant(lesson, id: str):
    """If this fails, `python -m grading mutants LESSON` shows the cases that are missing."""
    examined = examine(lesson, id)
    assert examined.mutants >= 20
    assert [survivor.change for survivor in examined.survivors] == [], examined.missing
    assert examined.needless == [], "remove these lines from excuses.toml"


@pytest.mark.parametrize(("lesson", "id"), FUNCTIONS)
def test_two_right_solutions_agree_on_the_domain(lesson, id: str):
    """The grader draws from it too, so that right ways may not part there."""
    cases = domain_cases(lesson, id)
    assert cases
    other = written(lesson)[id].another
    if other:
        for case in cases:
            verdict = judge(id, [case], call(other, [case["args"]]))
            assert verdict.ok, verdict


def test_excuses_are_few_and_say_why():
    """Each in a sentence; there may be none at all."""
    reasons = []
    for lesson in LESSONS:
        path = lesson.folder / "excuses.toml"
        if path.is_file():
            for excuses in tomllib.loads(path.read_text(encoding="utf-8")).values():
                reasons += excuses.values()
    assert len(reasons) <= MOST_EXCUSES
    assert [reason for reason in reasons if len(reason.split()) < SHORTEST_REASON] == []
