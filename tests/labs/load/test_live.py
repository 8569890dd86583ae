"""The live picture around a real run: drawn while it goes on, stopped by its button, still to be seen afterwards."""

from __future__ import annotations

import psutil
import pytest

from labs.load import closed_loop
from labs.widgets import progress as module_of_progress
from labs.widgets.live_load import live_load
from labs.widgets.progress import Stopped


@pytest.fixture
def shown(monkeypatch) -> list:
    """Return what is displayed, in order, in a kernel that handles clicks while a cell runs."""
    displayed: list = []
    handle = type("Handle", (), {"update": staticmethod(displayed.append)})

    def display(thing: object, display_id: bool) -> type:
        displayed.append(thing)
        return handle

    monkeypatch.setattr(module_of_progress, "display", display)
    monkeypatch.setattr(module_of_progress, "subshells_supported", lambda: True)
    return displayed


def test_cancel_ends_the_run_and_leaves_its_picture(shown, told_target) -> None:
    """A click stops the senders at the next report; what was seen so far stays as a still picture with its words."""
    before = {child.pid for child in psutil.Process().children()}
    drawn: list[str] = []

    def run(on_progress, on_snapshot):
        def see(snapshot) -> None:
            on_snapshot(snapshot)
            _, picture, button = shown[0].live.children
            drawn.append(picture.value)
            if any(drawn):
                button.click()

        return closed_loop(
            told_target, concurrency=2, duration_s=60, option="long", on_progress=on_progress, on_snapshot=see
        )

    with pytest.raises(Stopped, match="A long run: stopped at"):
        live_load(run, "A long run")
    assert "in flight" in drawn[-1]
    assert "stopped after" in shown[-1].text
    assert "requests/s, p50" in shown[-1].html
    assert {child.pid for child in psutil.Process().children()} <= before


def test_a_run_that_ends_gives_its_record(shown, told_target) -> None:
    """What the run returns is returned, and the live widget is replaced by a still one."""
    made = live_load(lambda **hooks: closed_loop(told_target, concurrency=1, requests=5, option="short", **hooks))
    assert len(made.samples) == 5
    assert shown[0].live is not None
    assert shown[-1].live is None
