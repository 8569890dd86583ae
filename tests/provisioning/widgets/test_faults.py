"""The switchboard of faults; that the switches reach a testbed is proved in test_kernel.py."""

from __future__ import annotations

import pytest

from provisioning.rehearsal.drills import NotRehearsingError
from provisioning.widgets import faults


def test_the_real_testbed_is_refused_in_every_form():
    """Shown without a switch, and each act says why not; a notebook that only shows it goes on."""
    board = faults()
    assert board.live is None
    assert "rehearsal only" in board.text
    assert "rehearsal only" in board.html
    assert "msl-real" in board.html
    assert set(board._repr_mimebundle_()) == {"text/html", "text/plain"}
    for act in (lambda: board.on("no-hosts"), board.off):
        with pytest.raises(NotRehearsingError, match="Way out"):
            act()
