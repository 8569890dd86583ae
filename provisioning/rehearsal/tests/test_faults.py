"""A fault strikes the right requests, the right number of times. ``lab/test_faults.py`` shows each
fault's effect on a set-up.
"""

from datetime import timedelta

import pytest

from chameleon_rehearsal import place


def test_a_fault_strikes_as_often_as_it_was_armed_and_only_its_user(world) -> None:
    world.faults.arm("no-hosts:2@mary")
    assert world.faults.strike("no-hosts", "john") is None
    assert [bool(world.faults.strike("no-hosts", "mary")) for _ in range(3)] == [True, True, False]
    world.faults.arm("no-hosts:always")
    assert all(world.faults.strike("no-hosts", "anybody") for _ in range(5))
    world.faults.clear("no-hosts")
    assert world.store.find("fault") == []


@pytest.mark.parametrize(
    ("text", "ahead_s"),
    [(None, 0), ('{"ahead_s": 7200}', 7200), ("[", 0), ('{"ahead_s": "x"}', 0), ("[]", 0)],
)
def test_the_calendar_runs_ahead_as_the_rehearsal_wrote_down(tmp_path, text, ahead_s) -> None:
    """Without a request to it, so that a countdown continues while the rehearsal is down."""
    if text is not None:
        (tmp_path / place.CALENDAR).write_text(text)
    assert place.ahead_of(tmp_path) == timedelta(seconds=ahead_s)
