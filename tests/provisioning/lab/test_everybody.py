"""A class of twenty at once against one testbed, each through python-chi and the steps, from lease to release."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="forking after python-chi's libraries are loaded is unsafe there")
def test_twenty_students_at_once_each_get_one_of_everything_and_leave_nothing(rehearsal):
    """Nobody fails, nobody sees or meets anybody else, and nothing is left."""
    found = rehearsal.run("everybody", "pupil", "20")
    students = found["students"]
    assert {one["user"]: one["error"] for one in students if "error" in one} == {}
    assert len(students) == len({one["user"] for one in students}) == 20
    assert [one["held"] for one in students] == [[1, 1, 1]] * 20
    assert [one["left"] for one in students] == [[0, 0]] * 20
    for one in students:
        # Its own home, in which nobody else has written.
        assert one["said"][0] == one["user"]
        assert len(one["said"]) == 2
    assert len({one["said"][1] for one in students}) == 20
    assert [rehearsal.left(one["user"]) for one in students] == [[]] * 20
    print(f"20 students: {found['wall_s']:.0f} s, slowest {max(one['s'] for one in students):.0f} s", file=sys.stderr)
