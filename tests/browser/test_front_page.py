"""The front page in JupyterLab: the first thing that is seen, up to date while one works, by mouse and keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.course.lessons import lessons
from labs.course.question import of_lesson
from labs.records import Answer, Ledger
from labs.workspace import PROJECT_DIR

from .jupyterlab import Course, require_browser

#: The lesson that comes first.
FIRST = next(one for one in lessons() if one.kind == "core")


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
    assert shown.locator("[data-open]").count() >= len(lessons())
    text = shown.text_content()
    assert f"Begin: {FIRST.title}" in text
    assert re.search(r"\d+ of \d+ points; \d+ in the gradebook", text)
    said = page.locator("#msl-course").aria_snapshot()
    assert 'progressbar "Points of the course"' in said
    assert 'columnheader "minutes"' in said
    assert f'rowheader "{FIRST.title}"' in said
    assert page.locator("#msl-course [aria-current=step]").count() == 1


def test_it_follows_the_ledger(course):
    """An answer that a lesson writes is on the page soon after, and what the reader had opened stays open."""
    page, ledger = course
    others = [one.part for one in lessons() if one.part != FIRST.part]
    opened = [page.locator(f"#msl-course details[data-part='{part}']") for part in others[-1:]]
    for one in opened:
        one.locator("summary").click()
    asked = of_lesson(FIRST.id)[0].id
    ledger.append(Answer(asked, {"source": "", "outputs": []}, "2026-01-01T00:00:00+00:00"))
    page.wait_for_selector("#msl-course :text('begun')")
    assert all(one.get_attribute("open") is not None for one in opened)


def test_a_lesson_opens_by_keyboard(course):
    """Enter on a lesson's link opens its notebook beside the page."""
    page, _ = course
    page.locator(f"#msl-course table [data-open$='{FIRST.link}']").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
