"""Progress, watched or not: one state, told in a widget, a still picture and text."""

import importlib
import re
import threading

import pytest

from provisioning.testbed.errors import LeaseMissingError, NoAddressError
from provisioning.widgets import lease_countdown, provisioning_progress

# The package's attribute of that name is not the module.
module_of_progress = importlib.import_module("provisioning.widgets.progress")

UP = ("lease", "server", "address", "ssh")


@pytest.fixture
def progress(make_run, memory, clock):
    memory.give_lease("serve-model-ada")
    return provisioning_progress(make_run(only=UP))


def wait(progress) -> None:
    """Return when what a click began is over."""
    progress._worker.join(60)
    assert not progress._worker.is_alive()


def shown(button) -> bool:
    return button.layout.display != "none"


@pytest.mark.parametrize("by", ["code", "click"])
def test_nothing_begins_before_it_is_asked_for_and_code_and_click_end_in_the_same_state(
    progress, memory, capsys, by
):
    """Blocking in a plain process, which prints the widget's text; or beside the cells."""
    assert memory.requests == []
    assert (progress.go.description, shown(progress.go), shown(progress.stop)) == (
        "Bring it up",
        True,
        False,
    )
    assert progress.status.value.count("waiting") == len(UP)
    if by == "click":
        progress.go.click()
        wait(progress)
    else:
        progress.run()
        assert capsys.readouterr().out.endswith(progress.text + "\n")
    assert progress.setup.state == "done"
    assert not shown(progress.go)
    assert "ready" in progress.status.value
    assert all(words in progress.text for words in ("v SSH answers", "All done."))


def test_a_failure_shows_message_and_retry_and_the_cell_stops(progress, memory, make_run, clock):
    """The exception is the step's own; a click goes on from there, and so does a new kernel, which
    shows the record.
    """
    memory.pool = 0
    with pytest.raises(NoAddressError):
        progress.run()
    for words in ("✗ failed", "– not begun", "Fix:", "sweep --mine", 'role="alert"'):
        assert words in progress.status.value
    assert progress.go.description == "Try again"
    assert "x Floating IP is bound" in progress.text
    # A click that is heard only after the end stops nothing: after Resume there is a button to
    # press again.
    progress.cancel()
    assert (progress.stop.description, progress.stop.disabled) == ("Cancel", False)
    reborn = provisioning_progress(make_run(only=UP))
    assert reborn.go.description == "Resume"
    assert reborn.status.value.count("✓ done") == 2
    memory.pool = 1
    progress.go.click()
    wait(progress)
    assert progress.setup.state == "done"
    assert memory.requests.count("boot") == 1


def test_cancel_stops_a_wait_while_the_times_go_on(progress, memory, monkeypatch):
    """It is drawn again and again, not only when something happens; afterwards Resume comes
    back.
    """
    monkeypatch.setattr(module_of_progress, "REDRAW_S", 0.001)
    drawn, draw = threading.Event(), progress.draw

    def seen():
        draw()
        if "boot" in memory.requests and threading.current_thread().name == "provisioning-clock":
            drawn.set()

    monkeypatch.setattr(progress, "draw", seen)
    memory.fate = ["BUILD"]
    progress.go.click()
    assert drawn.wait(60)
    progress.stop.click()
    wait(progress)
    assert (progress.setup.state, progress.go.description, shown(progress.go)) == (
        "stopped",
        "Resume",
        True,
    )
    assert "You pressed cancel" in progress.status.value


def test_what_a_service_prints_is_no_html(progress):
    """Logs come from a machine."""
    row = progress.setup.rows["server"]
    row.state = "running"
    row.tail.append("<script>alert(1)</script>")
    progress.draw()
    assert "<script>" not in progress.status.value + progress.html
    assert "&lt;script&gt;" in progress.status.value


def test_an_error_is_said_once_where_the_widget_shows_it():
    """The cell's error is then one line; without a widget it is the whole message."""
    error = LeaseMissingError("there is no lease 'x'\nsecond line")
    assert "Fix:" in "\n".join(error._render_traceback_())
    error.shown = True
    assert error._render_traceback_() == ["LeaseMissingError: there is no lease 'x'"]


@pytest.fixture
def up(make_run, memory):
    """Return a run whose record marks everything as done, with links and a lease that ends at 09:00
    in Chicago.
    """
    memory.give_lease("serve-model-ada")
    run = make_run()
    run.record.describe(part="model", site="CHI@TACC", type="compute_liqid")
    facts = {
        "lease": {"end": memory.lease_list[0].end.isoformat()},
        "links": {
            "forward": "/bin/msl lease forward model",
            "ssh": "ssh cc@192.0.2.7",
            "jupyter": "http://127.0.0.1:8888/lab?token=<t>",
        },
    }
    for step in run.plan.steps:
        run.record.update(step.name, state="done", remember=facts.get(step.name, {}))
    return make_run()


def test_links_come_when_all_is_up(up, clock):
    """In every form, escaped; a command is none."""
    progress = provisioning_progress(up)
    assert progress.links["ssh"] == "ssh cc@192.0.2.7"
    assert all(
        "ssh cc@192.0.2.7" in form for form in (progress.status.value, progress.html, progress.text)
    )
    for form in (progress.status.value, progress.html):
        assert re.findall('<a href="([^"]*)"', form) == [
            "http://127.0.0.1:8888/lab?token=&lt;t&gt;"
        ]


def test_the_countdown_says_by_when_each_lesson_must_begin(up, make_run, clock):
    """It follows the clock, warns when the release is due, says what a pull brought, and is refused
    without a lease.
    """
    countdown, due = lease_countdown(up, clock=clock), '<div class="msl-note msl-bad"'
    assert "3 h 00 min of the lease left" in countdown.text
    assert "ends Mon 09:00 CST; begin Run on the server by Mon 08:15" in countdown.text
    assert due not in countdown._words.value
    clock.sleep(2.99 * 3600)
    countdown.pull()
    assert "Run on the server by Mon 08:15 (gone by)" in countdown.text
    assert due in countdown._words.value
    assert countdown.text.endswith(": nothing new")
    clock.sleep(3600)
    assert "The lease has ended." in countdown.html
    assert countdown._repr_mimebundle_()["text/plain"] == countdown.text
    up.record.path.unlink()
    with pytest.raises(ValueError, match="bring the machine up first"):
        lease_countdown(make_run(only=UP))
