"""What becomes of the review's attacks in a class: each is looked at, or is named as what cannot be proven."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.classroom.batch import grade_class
from grading.classroom.roster import handed_in
from grading.classroom.unit import work
from grading.grade import Setup
from grading.sandbox import abilities
from tests.grading.classroom.demo import became
from tests.grading.classroom.members import MIXTURE, make_class

ATTACKS = [kind for kind in MIXTURE if kind.startswith("F")]

#: Careful back-dating costs nothing and shows nowhere; `test_faked_evidence.py` holds what it earns to a tenth.
UNPROVABLE = {"F13 with care"}

RULES = {
    "F6 by heart": "not when measured or run again",
    "F7 shuffled": "a pair of the class",
    "F8 drawn again": "a pair of the class",
    "F9 typed times": "samples-drawn",
    "F10 another name": "classes-of-another-processor",
    "F12 typed answers": "files-never-measured",
    "F13 dated back": "predictions-in-step",
    "F14 raised accuracy": "int8-above-float",
    "F19 handed in twice": "handed in twice",
}


@pytest.mark.skipif(not abilities().apart, reason="no sandbox here")
def test_each_attack_in_a_class_is_looked_at_for_what_it_is(tmp_path: Path):
    """And no honest member is, however many dishonest ones there are; twice handed in is no points."""
    assert set(RULES) == set(ATTACKS) - UNPROVABLE
    make_class(tmp_path / "in", 0, kinds=["diligent", "diligent", "half-way", *ATTACKS])
    found = handed_in(tmp_path / "in")
    results = grade_class(
        found,
        tmp_path / "out",
        part=1,
        engine=lambda tasks: ((task, work(task)) for task in tasks),
        setup=Setup(rerun=False),
    )
    told = became(results)
    assert {kind: rule for kind, rule in RULES.items() if rule not in told[kind]["why"]} == {}
    # The first diligent member is the one whom others copied.
    assert (told["diligent"]["looked at"], told["diligent"]["why"]) == (1, {"a pair of the class": 1})
    assert all(told[kind]["looked at"] == 0 for kind in ("half-way", *UNPROVABLE))
    assert told["F19 handed in twice"]["points"] == [0]
    honest = max(told["diligent"]["points"])
    assert max(points for kind in ATTACKS for points in told[kind]["points"]) <= honest
