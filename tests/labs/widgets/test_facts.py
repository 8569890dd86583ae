"""A table of reasons says each of them to its end."""

from __future__ import annotations

from labs.edge.estimate import ASSUMPTIONS
from labs.widgets.facts import facts


def test_reasons_are_whole_and_numbers_are_short() -> None:
    """A table that cuts a sentence after fifty letters hides what one may disagree with."""
    rows = [(one.name, one.low, one.high, one.because) for one in ASSUMPTIONS.values()]
    shown = facts("What is assumed", ("assumed", "from", "to", "because"), rows)
    for one in ASSUMPTIONS.values():
        assert one.because in shown.text
        assert one.because in shown.html
    assert "2e-06" in shown.text
    assert repr(shown) == "What is assumed"
