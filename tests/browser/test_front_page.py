"""The front page in JupyterLab: the first thing that is seen, up to date while one works, by mouse and keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.records import Answer, Ledger
from labs.workspace import PROJECT_DIR
from tests.entries import Entries

from .jupyterlab import Course, require_browser


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    """Yield a page that shows JupyterLab as it opens, and the ledger that it looks at."""
    require_browser()
    workspace: Path = tmp_path_factory.mktemp("front") / "workspace"
    with Course(PROJECT_DIR, workspace=workspace) as lab, lab.front_page() as page:
        yield page, Ledger(workspace / "ledger.jsonl")


def test_jupyterlab_opens_the_front_page(course):
    """The first tab names every lesson, its points and what comes next; regions, tables and rows have names."""
    page, _ = course
    shown = page.locator("#msl-course")
    assert shown.locator("[data-open]").count() > 30
    text = shown.text_content()
    assert "Begin: 00 Start here" in text
    assert re.search(r"\d+ hidden points that only the grader gives", text)
    said = page.locator("#msl-course").aria_snapshot()
    assert 'progressbar "Points of the course"' in said
    assert 'columnheader "minutes"' in said
    assert 'rowheader "00 Start here"' in said
    assert page.locator("#msl-course [aria-current=step]").count() == 1


def test_it_follows_the_ledger(course):
    """An answer that a lesson writes is on the page soon after, and what the reader had opened stays open."""
    page, ledger = course
    page.locator("#msl-course details[data-part='3'] summary").click()
    ledger.append(Answer("start.megabytes", {"source": "", "outputs": []}, "2026-01-01T00:00:00+00:00"))
    page.wait_for_selector("#msl-course :text('begun')")
    assert page.locator("#msl-course details[data-part='3']").get_attribute("open") is not None


def test_guesses_stand_beside_what_was_measured(course):
    """A section opens by keyboard, kindly while it is empty; then it follows the ledger."""
    page, ledger = course
    section = page.locator("#msl-course details[data-part='guesses']")
    section.locator("summary").press("Enter")
    section.get_by_text("Nothing is predicted yet").wait_for()
    made = Entries().predicted("start.size_guess", 20.0).measured("size", "torch-eager", [9e6])
    for entry in made.records:
        ledger.append(entry)
    section.get_by_role("row", name="20 MB").wait_for()
    assert "9 MB" in section.get_by_role("row", name="20 MB").inner_text()


def test_a_lesson_opens_by_keyboard(course):
    """Enter on a lesson's link opens its notebook beside the page."""
    page, _ = course
    page.locator("#msl-course table [data-open$='00_start_here.ipynb']").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
