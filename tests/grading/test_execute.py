"""Running a notebook: outputs, failures that show their cell, and kernels that hang or die."""

import os
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grading.builder.execute import LessonFailedError, execute
from labs.machine.fingerprint import usable_cpu_count


def notebook(*sources: str):
    untouched = new_notebook(cells=[new_markdown_cell("# Title"), *map(new_code_cell, sources)])
    for index, cell in enumerate(untouched.cells):
        cell.id = f"cell-{index}"
    return untouched


def test_a_failure_shows_the_cell_and_what_it_had_printed(tmp_path: Path):
    """Whoever repairs the lesson needs both."""
    with pytest.raises(LessonFailedError) as caught:
        execute(notebook("pass", "print('so far')\n1 / 0"), folder=tmp_path, name="a lesson")
    message = str(caught.value)
    assert message.startswith(
        "a lesson, cell 3 (id cell-2) raised ZeroDivisionError: division by zero"
    )
    assert "\n1 / 0" in message
    assert "so far" in message.partition("1 / 0")[2]
    assert "\x1b" not in message


def test_a_cell_that_never_ends_is_given_up(tmp_path: Path):
    """An endless loop must not hold the rehearsal for ever."""
    with pytest.raises(LessonFailedError, match="did not finish in time"):
        execute(notebook("while True: pass"), folder=tmp_path, name="a lesson", cell_timeout_s=2)


@pytest.mark.parametrize(
    ("process", "signal"),
    [
        ("os.getpid()", "SIGKILL"),  # as the system does when memory runs out
        ("os.getppid()", "SIGTERM"),  # the rehearsal itself, whose kernel nbclient then ends
    ],
)
def test_a_killed_kernel_is_one_sentence_with_the_lesson_and_the_likely_cause(
    tmp_path: Path, process: str, signal: str
):
    """Whoever killed it, the user sees no traceback of the kernel's client."""
    source = f"import os, signal, time\nos.kill({process}, signal.{signal})\ntime.sleep(60)"
    with pytest.raises(LessonFailedError) as caught:
        execute(notebook("pass", source), folder=tmp_path, name="a lesson", cell_timeout_s=60)
    message = str(caught.value)
    assert message.startswith(
        "a lesson: its kernel was killed in cell 3 (id cell-2). Likely: memory"
    )
    assert "\n" not in message


@pytest.mark.parametrize(("processes", "ends"), [(0.5, False), (20.0, True)])
def test_a_slow_cell_on_a_busy_machine_is_no_endless_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: float, ends: bool
):
    """The timeout counts seconds of an idle machine: with 20 processes per processor, it is 20
    times longer.
    """
    load = processes * usable_cpu_count()
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    source = notebook("import time\ntime.sleep(4)")
    if ends:
        execute(source, folder=tmp_path, name="a lesson", cell_timeout_s=2)
    else:
        with pytest.raises(LessonFailedError, match="did not finish in time"):
            execute(source, folder=tmp_path, name="a lesson", cell_timeout_s=2)


def test_widgets_that_capture_output_do_not_stall_the_run(tmp_path: Path):
    """Their messages share the socket of the kernel's replies, and a reply may be missed
    (jupyter/nbclient#312).
    """
    source = (
        "import ipywidgets\nout = ipywidgets.Output()\ndisplay(out)\nfor i in range(30):\n    "
        "with out: print(i)"
    )
    executed = execute(notebook(*[source] * 3), folder=tmp_path, name="a lesson", cell_timeout_s=60)
    # A stall would have ended in the cell's timeout.
    assert [cell.metadata.get("execution") is not None for cell in executed.cells[1:]] == [True] * 3
