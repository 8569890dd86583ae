"""The first cell of every lesson: it links to what is missing and to where one goes on, and runs nothing by itself."""

import functools
from pathlib import Path

import pytest

from labs import course
from labs.checkpoints import NotThereYetError, check
from labs.checkpoints import begin as first_cell
from labs.course import Lesson
from labs.records import Measurement
from labs.records.ledger import ledger
from labs.workspace import workspace_dir
from tests.course import build_all, write_lesson
from tests.entries import Entries


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    """Return what a cell displays."""
    kept: list = []
    monkeypatch.setattr("IPython.display.display", kept.append)
    return kept


@pytest.fixture
def toy(toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lesson:
    """Return a lesson that takes a file and a record from an earlier one, in a course of two lessons."""
    write_lesson(tmp_path, "maker", title="Make it", folder="1_model")
    takes = {"maker": ["models/made.onnx", "size made"]}
    found = write_lesson(tmp_path, "toy", title="Toy", folder="2_edge", takes=takes, machine_minutes=20)
    build_all(tmp_path)
    monkeypatch.setattr(first_cell, "lesson", functools.partial(course.lesson, root=tmp_path))
    return found


def make_it() -> None:
    """Do what the earlier lesson does."""
    (workspace_dir() / "models").mkdir(parents=True)
    (workspace_dir() / "models" / "made.onnx").touch()
    ledger().append(Measurement.from_json(Entries().measured("size", "made", [1.0]).pop()))


def test_a_lesson_without_its_file_stops_with_a_link(toy, shown):
    """No traceback and no AttributeError further down: one sentence, and a link to the lesson that makes it."""
    with pytest.raises(NotThereYetError) as caught:
        first_cell.begin("toy")
    (line,) = caught.value._render_traceback_()
    assert "Make it makes made.onnx" in line
    assert "Make it makes a size record of made" in line
    html = shown[0].html
    assert html.count('<a href="../1_model/00_a_lesson.ipynb">Make it</a>') == 2
    assert "msl lease push" in html


def test_a_lesson_that_was_begun_says_where_to_go_on(toy, shown):
    """Before anything is done, it says that it is ready; later, which question comes next, and what a restart takes."""
    make_it()
    first_cell.begin("toy")
    assert repr(shown[-1]) == "✎ Toy: ready"
    check("toy.middle", lambda low, high: (low + high) / 2)
    kept = list(ledger())
    first_cell.begin("toy")
    html = shown[-1].html
    assert 'href="00_a_lesson.ipynb#cell-id=toy-file"' in html
    assert "Run All Above Selected Cell" in html
    assert list(ledger()) == kept


def test_a_prediction_that_came_too_late_is_not_gone_back_to(toy, entries):
    """It stays as it is; everything else that is wrong can be mended."""
    entries.answered("toy.middle", {"outputs": [{"value": 2.0}, {"value": -1.0}]})
    entries.observed("file.toy.file", {"lines": 1})
    assert "#cell-id=toy-file" in first_cell.way_on(toy, entries.records)
    entries.observed("file.toy.file", {"lines": 2})
    entries.measured("latency", "a", [1.0]).measured("latency", "b", [2.0])
    entries.answered("toy.pick", {"choice": "a", "why": "x"})
    # Brackets are Markdown's own.
    assert "[How long does (it) take?](00_a_lesson.ipynb#cell-id=toy-guess)" in first_cell.way_on(toy, entries.records)
    entries.predicted("toy.guess", {"p50": 1, "p95": 1})
    assert first_cell.way_on(toy, entries.records) == "Every question of this lesson is answered."
