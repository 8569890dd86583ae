"""The first cell of every lesson: it links to what is missing and to where one goes on, and runs nothing by itself."""

from __future__ import annotations

import json
import re

import pytest
from grading.checkpoints import begin as first_cell
from grading.checkpoints import predict

from grading.builder.notebook import BEGIN, build
from labs.course import lesson, lessons
from labs.records import Records
from labs.records.ledger import ledger


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    """Return what a cell displays."""
    kept: list = []
    monkeypatch.setattr("IPython.display.display", kept.append)
    return kept


def test_every_lesson_begins_alike_and_links_to_what_it_takes():
    """The first code of a lesson is the guard; each thing that it takes has a sentence with a link to a lesson."""
    for this in lessons():
        code = next(cell for cell in build(this).cells if cell.cell_type == "code")
        assert code.source == BEGIN.format(number=this.number)
        assert set(this.takes) <= {one.number for one in lessons() if one.name < this.name}, this.name
        absent = first_cell.absences(this, Records())
        assert len(absent) == sum(map(len, this.takes.values())), this.name
        for sentence in absent.values():
            (link,) = re.findall(r"\]\((\S+\.ipynb)\)", sentence)
            assert (this.notebook.parent / link).is_file()


def test_every_way_on_leads_to_a_cell_of_its_notebook():
    """Of a lesson in which nothing is answered, to its first question."""
    for this in lessons():
        words = first_cell.way_on(this, Records())
        cells = {cell["id"] for cell in json.loads(this.notebook.read_text())["cells"]}
        assert set(re.findall(r"#cell-id=([\w-]+)", words)) <= cells, this.name


def test_a_lesson_without_its_file_stops_with_a_link(shown):
    """No traceback and no AttributeError further down: one sentence, and a link to the lesson that makes it."""
    with pytest.raises(first_cell.NotThereYetError) as caught:
        first_cell.begin("14")
    (line,) = caught.value._render_traceback_()
    assert line.startswith("Make it first: lesson 12 makes food11.onnx")
    assert '<a href="12_export_to_onnx.ipynb">12 Export to ONNX</a>' in shown[0]._repr_html_()


def test_a_lesson_that_was_begun_says_where_to_go_on(shown):
    """Before anything is done, it says that it is ready; later, which question comes next, and what a restart takes."""
    first_cell.begin("00")
    assert repr(shown[-1]) == "Lesson 00: ready"
    assert "Go on" not in shown[-1]._repr_html_()
    predict("start.size_guess", 9)
    kept = list(ledger())
    first_cell.begin("00")
    html = shown[-1]._repr_html_()
    assert f'href="{lesson("00").notebook.name}#cell-id=start-size_guess"' in html
    assert "Run All Above Selected Cell" in html
    assert list(ledger()) == kept
