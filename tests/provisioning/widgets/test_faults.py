"""The switchboard of faults, on the real testbed and in a rehearsal."""

from datetime import timedelta

import pytest

import chameleon_rehearsal as drills
from chameleon_rehearsal import NotRehearsingError
from chameleon_rehearsal.testing import turned_towards
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import faults
from tests.provisioning.rehearsed import rehearsed


def test_the_real_testbed_is_refused_in_every_form():
    """Each act says why not; a notebook that only shows it goes on."""
    board = faults()
    assert board.live is None
    assert "rehearsal only" in board.text
    assert "rehearsal only" in board.html
    assert "msl-real" in board.html
    assert set(board._repr_mimebundle_()) == {"text/html", "text/plain"}
    for act in (
        lambda: board.on("no-hosts"),
        board.off,
        lambda: drills.advance(timedelta(hours=1)),
        drills.status,
    ):
        with pytest.raises(NotRehearsingError, match="Fix:"):
            act()


def test_a_switch_reaches_the_testbed_and_every_form_says_so(tmp_path):
    """The next look shows faults that another process switched."""
    with rehearsed(tmp_path), turned_towards(tmp_path, "kim"):
        board = faults()
        board.on("slow-boot")
        drills.arm("no-hosts")
        assert {name for name, strikes in drills.armed().items() if strikes} == {
            "no-hosts",
            "slow-boot",
        }
        assert "[x] no-hosts: " in board.text
        assert board.html.count(">on<") == 2
        assert "[x] no-hosts: " in faults("no-hosts").text
        assert "slow-boot: " not in faults("no-hosts").text
        assert faults("no-hosts").html.count(">on<") == 1
        board.off()
        assert "[x]" not in board.text
        # The calendar goes to just beyond a moment, so that what begins then has begun, and never
        # back.
        later = site_clock().now() + timedelta(hours=3)
        assert drills.advance_to(later) > later
        assert drills.advance_to(later - timedelta(hours=1)) > later
