"""Progress, watched or not: one state, told in a widget, a still picture and text."""

from __future__ import annotations

import importlib
import threading
import time

import pytest

from provisioning.testbed.errors import LeaseMissingError, NoAddressError, ServerFailedError
from provisioning.widgets import lease_countdown, provisioning_progress

# The package's attribute of that name is not the module.
module_of_progress = importlib.import_module("provisioning.widgets.progress")

UP = ("lease", "server", "address", "ssh")


@pytest.fixture
def progress(make_run, memory, clock):
    memory.give_lease("serve-model-ada")
    return provisioning_progress(make_run(only=UP), clock=clock)


def wait(progress) -> None:
    """Return when what a click began is over."""
    progress._worker.join(60)
    assert not progress._worker.is_alive()


def shown(button) -> bool:
    return button.layout.display != "none"


def test_nothing_begins_before_it_is_asked_for(progress, memory):
    """The plan is there: usual times, the critical path, a button."""
    assert memory.requests == []
    assert progress.go.description == "Bring it up"
    assert shown(progress.go)
    assert not shown(progress.stop)
    assert progress.status.value.count("waiting") == len(UP)
    assert progress.status.value.count('aria-label="critical path"') == len(UP)
    assert "Critical path: lease > server > address > ssh" in progress.text


def test_run_in_a_plain_process_prints_lines_and_ends_in_its_text(progress, capsys):
    """Blocking, without a kernel: each event is a line, and the end is the same text as the widget's."""
    progress.run()
    printed = capsys.readouterr().out
    assert printed.endswith(progress.text + "\n")
    for step in UP:
        assert f"  {step:<12}done" in printed
    assert progress.attempt.state == "done"
    assert "v SSH answers" in progress.text
    assert "All done." in progress.text


def test_a_click_runs_it_beside_the_cells(progress):
    """And ends in the same state as run()."""
    progress.go.click()
    wait(progress)
    assert progress.attempt.state == "done"
    assert not shown(progress.go)
    assert "ready" in progress.status.value


def test_a_failure_shows_message_and_retry_and_the_cell_stops(progress, memory):
    """The exception is the step's own; a click goes on from there."""
    memory.pool = 0
    with pytest.raises(NoAddressError):
        progress.run()
    for words in ("✗ failed", "– not begun", "<b>Way out:</b>", "sweep --mine", 'role="alert"'):
        assert words in progress.status.value
    assert progress.go.description == "Try again"
    assert "x Floating IP is bound" in progress.text
    memory.pool = 1
    progress.go.click()
    wait(progress)
    assert progress.attempt.state == "done"
    assert memory.requests.count("boot") == 1


def test_a_new_kernel_offers_to_resume(progress, memory, make_run, clock):
    """What the record says is done is shown as done before anything runs."""
    memory.pool = 0
    with pytest.raises(NoAddressError):
        progress.run()
    reborn = provisioning_progress(make_run(only=UP), clock=clock)
    assert reborn.go.description == "Resume"
    assert reborn.status.value.count("✓ done") == 2
    memory.pool = 1
    reborn.run()
    assert "All done." in reborn.text


def test_cancel_stops_a_wait(progress, memory):
    """The button says so at once, and Resume comes back."""
    memory.fate = ["BUILD"]
    progress.go.click()
    deadline = time.monotonic() + 30
    while "boot" not in memory.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    progress.stop.click()
    wait(progress)
    assert progress.attempt.state == "stopped"
    assert progress.go.description == "Resume"
    assert shown(progress.go)
    assert "You pressed cancel" in progress.status.value


def test_a_clock_that_is_late_takes_no_button_away(progress, monkeypatch):
    """The clock's thread began to draw while steps ran, and comes to the buttons only after the end."""
    steps, begun, go_on = module_of_progress.view.steps, threading.Event(), threading.Event()

    def held_up(*about):
        if threading.current_thread().name == "late":
            begun.set()
            assert go_on.wait(60)
        return steps(*about)

    monkeypatch.setattr(module_of_progress.view, "steps", held_up)
    progress.attempt.state = "running"
    late = threading.Thread(target=progress.draw, name="late")
    late.start()
    assert begun.wait(60)
    progress.attempt.state = "stopped"
    end = threading.Thread(target=progress._end)
    end.start()
    end.join(0.2)  # it may wait for the other; without a wait it is over by now
    go_on.set()
    for thread in (late, end):
        thread.join(60)
    assert shown(progress.go)
    assert not shown(progress.stop)


def test_a_cancel_that_is_heard_after_the_end_leaves_the_button_as_it_was(progress, memory):
    """A busy kernel hears a click late; after Resume there is a button to press again."""
    memory.pool = 0
    with pytest.raises(NoAddressError):
        progress.run()
    progress.cancel()
    assert (progress.stop.description, progress.stop.disabled) == ("Cancel", False)


def test_what_a_service_prints_is_no_html(progress):
    """Logs come from a machine."""
    row = progress.attempt.rows["server"]
    row.state = "running"
    row.tail.append("<script>alert(1)</script>")
    progress.draw()
    assert "<script>" not in progress.status.value + progress.html
    assert "&lt;script&gt;" in progress.status.value


def test_an_error_is_said_once_where_the_widget_shows_it():
    """The cell's error is then one line; without a widget it is the whole message."""
    error = LeaseMissingError("there is no lease 'x'\nsecond line")
    assert "Way out" in "\n".join(error._render_traceback_())
    error.shown = True
    assert error._render_traceback_() == ["LeaseMissingError: there is no lease 'x'"]


def test_links_and_countdown_come_when_all_is_up(make_run, memory, clock):
    """With the warning when the lessons do not fit: a quarter of an hour is too little for lesson 15."""
    memory.give_lease("serve-model-ada")
    run = make_run()
    run.record.describe(part="model", site="CHI@TACC", type="compute_liqid")
    end = memory.lease_list[0].end.isoformat()
    facts = {
        "lease": {"end": end},
        "links": {"ssh": "ssh cc@192.0.2.7", "jupyter": "http://127.0.0.1:8888/lab?token=<t>", "tunnel": "ssh -N -L …"},
    }
    for item in run.plan.schedule:
        run.record.update(item.step.name, state="done", remember=facts.get(item.step.name, {}))
    progress = provisioning_progress(make_run(), clock=clock)
    assert progress.links == facts["links"]
    for form in (progress.status.value, progress.html):
        assert '<a href="http://127.0.0.1:8888/lab?token=&lt;t&gt;"' in form
        assert "ssh cc@192.0.2.7" in form
        assert "3 h 00 min of the lease left" in form
    assert "3 h 00 min of the lease left" in progress.text
    clock.sleep(2.75 * 3600)
    progress = provisioning_progress(make_run(), at="15b", clock=clock)
    assert "min more than is left" in progress.text
    assert "msl-bad" in progress.html


def test_the_countdown_follows_clock_and_next_lesson(memory, clock):
    """Beside the progress, for the lease lesson: choose where you are, and see whether the rest fits (A11)."""
    lease = memory.give_lease("serve-model-ada")
    countdown = lease_countdown(lease, "model", at="19", clock=clock)
    assert "what is planned fits" in countdown.html
    assert "ends Mon 02 Mar 09:00 CST, next lesson: 19 Release" in countdown.text
    countdown.lesson.value = "15b"
    assert "50 min are planned" in countdown.text
    assert "more than is left" not in countdown.text
    clock.sleep(2.5 * 3600)
    assert "more than is left" in countdown.text
    countdown.draw()
    assert "more than is left" in countdown._left.value
    clock.sleep(1.5 * 3600)
    assert "The lease has ended." in countdown.text
    assert countdown._repr_mimebundle_()["text/plain"] == countdown.text


def test_the_countdown_of_a_lease_counts_the_setup_and_names_the_extras(memory, clock):
    """Before anything runs on it, set-up is to come; lessons that may be left out are named, not counted (A11)."""
    countdown = lease_countdown(memory.give_lease("serve-edge-ada"), "edge", clock=clock)
    assert "set-up 8 min, next lesson: 27b Run on" in countdown.text
    assert "53 min are planned; may be left out: 26 Serve" in countdown.text
    countdown.lesson.value = "26"
    assert "63 min are planned" in countdown.text
    assert "may be left out" not in countdown.text
    assert "315 min" not in countdown.text


def test_a_countdown_of_nothing_is_refused(make_run, memory):
    """With what is missing."""
    with pytest.raises(ValueError, match="bring the machine up first"):
        lease_countdown(make_run(only=UP))
    with pytest.raises(ValueError, match="which part"):
        lease_countdown(memory.give_lease("x"))
    with pytest.raises(ValueError, match="no lesson '99'"):
        lease_countdown(memory.give_lease("x"), "model", at="99")


def test_times_go_on_while_a_step_is_silent_also_after_resume(progress, memory, monkeypatch):
    """The display is drawn again and again, not only when something happens."""
    memory.fate = ["BUILD", "ERROR"]
    with pytest.raises(ServerFailedError):
        progress.run()
    monkeypatch.setattr(module_of_progress, "has_kernel", lambda: True)
    monkeypatch.setattr(module_of_progress, "REDRAW_RUNNING_S", 0.001)
    drawn = threading.Event()
    draw = progress.draw

    def seen():
        draw()
        if progress.attempt.state == "running" and threading.current_thread().name == "provisioning-clock":
            drawn.set()

    monkeypatch.setattr(progress, "draw", seen)
    memory.fate = ["BUILD"]
    progress.go.click()
    assert drawn.wait(30)
    progress.stop.click()
    wait(progress)
    progress._ticker.join(30)
    assert not progress._ticker.is_alive()
