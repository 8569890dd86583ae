"""The first cell of every lesson: it says what is missing, and after a restart it is the only one to run again."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from grading.build import BEGIN, build
from grading.checkpoints import all_checkpoints, begin
from grading.checkpoints.again import again, cells_of, statements_of
from grading.solve import AnswerKey, graft_answers
from labs.course import Lesson, lesson, lessons
from labs.records import Answer, Prediction, Records
from labs.workspace import ledger

EVERY_LESSON = pytest.mark.parametrize("this", lessons(), ids=lambda one: one.name)


@EVERY_LESSON
def test_every_lesson_begins_alike_and_links_to_what_it_needs(this: Lesson):
    """The first code of a lesson is the guard; each thing that it takes has a sentence with a link to a lesson."""
    code = [one for one in json.loads(this.notebook.read_text())["cells"] if one["cell_type"] == "code"]
    assert "".join(code[0]["source"]) == BEGIN.format(number=this.number)
    assert set(this.takes) <= {one.number for one in lessons() if one.name < this.name}
    absent = begin.absences(this, Records())
    assert len(absent) == sum(map(len, this.takes.values()))
    missing = begin.not_begun(this, Records())
    assert [one.number for one in missing] == list(this.needs)
    for sentence in [*absent.values(), *(begin._not_done(this, one) for one in missing)]:
        (link,) = re.findall(r"\]\((\S+\.ipynb)\)", sentence)
        assert (this.notebook.parent / link).is_file()


@functools.cache
def key() -> AnswerKey:
    """Return the answers, which are the same for all lessons."""
    return AnswerKey.read()


@EVERY_LESSON
def test_what_runs_again_is_enough_for_every_question(this: Lesson):
    """Wherever one goes on, each name is there that the rest of the solved lesson takes from the cells above."""
    stubs = cells_of(json.loads(this.notebook.read_text()))
    solved = [replace(one, source=key().answers.get(one.checkpoint, one.source)) for one in stubs]
    statements = {one.id: statements_of([one]) for one in solved if one.is_code}
    # What only the answers name, no sentence of the lesson can know.
    asked = {name for each in statements_of([one for one in stubs if one.is_code]) for name in each.binds}
    lacking = {}
    for id in this.questions():
        place = begin._place(all_checkpoints()[id], stubs, waits=False)
        above = {name for one in solved[:place] for each in statements.get(one.id, ()) for name in each.binds}
        there = {name for one in again([*solved[:place], *stubs[place:]], place, {}) for name in one.binds}
        for each in (each for one in solved[place:] for each in statements.get(one.id, ())):
            if left := (each.reads & above & asked) - there:
                lacking.setdefault(id, set()).update(left)
            there |= each.binds
    assert lacking == {}


def test_what_only_measures_is_not_run_again():
    """A measurement of the lesson stands in the ledger already; one that a later cell reads is made again."""
    cells = cells_of(build(lesson("12")))
    place = begin._place(all_checkpoints()["m.export.lost_gained"], cells, waits=False)
    text = "\n".join(one.source for one in again(cells, place, {}))
    assert "import onnx" in text
    assert "measure(session" not in text
    assert "check(" not in text


#: What a click on the first cell's button does.
PRESS = """
from ipywidgets.widgets.widget import _instances
(button,) = (one for one in _instances.values() if one.__class__.__name__ == "Button")
button.click()"""


class Kernel:
    """A kernel that runs cells one by one, as a student does."""

    def __init__(self, folder: Path) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3", cwd=str(folder), startup_timeout=240)

    def run(self, source: str) -> tuple[str, str]:
        """Return how a cell ended and what it said, as HTML and as text."""
        said: list[str] = []

        def hear(message: dict) -> None:
            content = message["content"]
            said.extend(content.get("data", {}).values())
            said.extend([content.get("text", ""), *content.get("traceback", [])])

        reply = self.client.execute_interactive(source, output_hook=hear, timeout=300)
        return reply["content"]["status"], "\n".join(map(str, said))

    def restart(self) -> None:
        """Forget everything."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=False)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=240)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a kernel whose notebook lies in a folder of the test, as Jupyter would tell it."""
    notebook = tmp_path / lesson("00").notebook.name
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    made = Kernel(lesson("00").notebook.parent)
    made.notebook = notebook
    yield made
    made.client.stop_channels()
    made.manager.shutdown_kernel(now=False)


@pytest.mark.timeout(1200)
def test_after_a_restart_one_cell_brings_a_half_done_lesson_back(kernel):
    """Lesson 00 until its function, a restart, the first cell alone: the function is written and passes (D10)."""
    solved = graft_answers(build(lesson("00")), key())
    nbformat.write(build(lesson("00")), kernel.notebook)
    code = [one for one in solved.cells if one.cell_type == "code"]
    place = next(at for at, one in enumerate(code) if one.metadata.get("checkpoint") == "start.megabytes")
    for one in code[:place]:
        assert kernel.run(one.source)[0] == "ok", one.source
    given = [one for one in ledger().read() if isinstance(one, Answer | Prediction)]

    kernel.restart()
    assert kernel.run("check")[0] == "error"
    status, said = kernel.run(code[0].source)
    assert status == "ok", said
    assert f'href="{kernel.notebook.name}#cell-id=start-megabytes"' in said
    assert kernel.run("check")[0] == "error", "nothing runs again unasked"
    status, said = kernel.run(PRESS)
    assert status == "ok", said
    assert "Brought back" in said
    assert [one for one in ledger().read() if isinstance(one, Answer | Prediction)] == given, "it answered again"
    status, said = kernel.run("megabytes")
    assert status == "error"
    assert "#cell-id=start-megabytes" in said, "a name that is not there says which cell makes it"
    for one in code[place : place + 2]:
        status, said = kernel.run(one.source)
        assert status == "ok", said
    assert "PASS start.megabytes" in said


def test_a_function_that_was_not_saved_any_more_comes_from_the_ledger():
    """Checked and then lost with the browser's tab: what was checked stands in for the cell's dots."""
    cells = cells_of(json.loads(lesson("10").notebook.read_text()))
    place = begin._place(all_checkpoints()["m.meet.half"], cells, waits=False)
    written = "def size_bytes(shapes, bits):\n    return bits"
    kept = again(cells, place, {"m.meet.parameters": written})
    assert written in [one.source for one in kept]


def test_a_lesson_without_its_file_stops_with_a_link(kernel):
    """No traceback and no AttributeError further down: one sentence, and a link to the lesson that makes it (C6)."""
    status, said = kernel.run(BEGIN.format(number="14"))
    assert status == "error"
    assert '<a href="12_export_to_onnx.ipynb">12 Export to ONNX</a>' in said
    assert "Make it first: lesson 12 makes food11.onnx." in said
    assert "Traceback" not in said
