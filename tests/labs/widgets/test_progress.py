"""Progress tells how far the work is, forecasts from it, and stops it when asked, without a
traceback.
"""

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from labs.widgets import progress as module_of_progress
from labs.widgets.progress import Progress, Stopped, run_with_progress


@pytest.fixture
def shown(monkeypatch) -> list:
    """Return what is displayed, in order, in a kernel that handles clicks while a cell runs."""
    displayed = []

    class Handle:
        def update(self, thing: object) -> None:
            displayed.append(thing)

    def display(thing: object, display_id: bool) -> Handle:
        displayed.append(thing)
        return Handle()

    monkeypatch.setattr(module_of_progress, "display", display)
    monkeypatch.setattr(module_of_progress, "heard_while_busy", lambda: True)
    return displayed


def test_returns_what_the_work_returns_and_leaves_a_still_line(shown):
    """After the work the live widget is replaced by a line that a saved notebook shows without
    widgets.
    """
    assert run_with_progress(lambda on_progress: 42, "Count") == 42
    assert shown[0].live is not None
    assert shown[-1].live is None
    assert "✓ Count: done in" in shown[-1].text


def test_cancel_stops_at_the_next_report(shown):
    """The work stops at its own next report, and the sentence gives its progress and the kept
    results.
    """
    steps = []

    def work(on_progress):
        for step in range(10):
            steps.append(step)
            on_progress(step / 10, f"step {step}")
            if step == 3:
                _, button, _ = shown[0].live.children
                button.click()

    with pytest.raises(Stopped) as stopped:
        run_with_progress(work, "Count", after_stop="All is kept.")
    assert stopped.value._render_traceback_() == ["Count: stopped at 40%. All is kept."]
    assert steps == [0, 1, 2, 3, 4]
    assert "■ Count: stopped after" in shown[-1].text


@pytest.mark.parametrize(
    ("raised", "heard", "says", "line"),
    [
        (KeyboardInterrupt(), Stopped, "stopped at 50%", "■ Count: stopped after"),
        (FileNotFoundError("no model"), FileNotFoundError, "no model", "✗ Count: failed after"),
    ],
    ids=["the toolbar's stop button", "another error"],
)
def test_an_interrupt_is_a_clean_stop_and_a_failure_passes_through(
    raised, heard, says, line, shown
):
    """A KeyboardInterrupt anywhere in the work ends in the same sentence; another error keeps its
    type and message.
    """

    def work(on_progress):
        on_progress(0.5, "half")
        raise raised

    with pytest.raises(heard, match=says):
        run_with_progress(work, "Count")
    assert line in shown[-1].text


def test_the_bar_never_runs_backwards_and_speaks(fake_clock, shown):
    """A part that restarts its fraction does not move the bar back, and a screen reader hears the
    line of text.
    """
    bar = Progress("Count", clock=fake_clock)
    with bar:
        fake_clock.now_s += 10
        bar.report(0.5, "half of it")
        fake_clock.now_s += 10
        bar.report(0.25, "<b>an odd name</b>")
        assert 'aria-valuenow="50"' in bar.status.value
        assert 'aria-valuetext="&lt;b&gt;an odd name&lt;/b&gt;"' in bar.status.value
        assert "20 s so far, about 20 s left" in bar.status.value


def test_messages_to_the_browser_are_rare(fake_clock, shown):
    """A thousand reports in one second draw at most three times: drawing must not disturb a
    measurement.
    """
    bar, drawn = Progress("Count", clock=fake_clock), set()
    with bar:
        for step in range(1000):
            fake_clock.now_s += 0.001
            bar.report(step / 1000, "counting")
            drawn.add(bar.status.value)
    assert 1 < len(drawn) <= 3


def test_without_a_notebook_it_prints(capsys):
    """In a plain Python process the outcome is a line of text."""
    run_with_progress(lambda on_progress: None, "Count")
    assert "✓ Count: done in" in capsys.readouterr().out


def test_a_headless_kernel_stores_text_and_html_but_no_widget():
    """Run by nbclient, the cell's stored output is the still line: HTML beside fixed text, without
    a widget.
    """
    source = (
        "from labs.widgets import run_with_progress\nrun_with_progress(lambda report: "
        "report(0.5, 'x'), 'Count')"
    )
    notebook = new_notebook(cells=[new_code_cell(source)])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert set(output["data"]) == {"text/plain", "text/html"}
    assert output["data"]["text/plain"] == "Count"
    assert "done in" in output["data"]["text/html"]
