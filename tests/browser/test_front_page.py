"""The front page in JupyterLab: the first thing that is seen, up to date while one works, by mouse and keyboard."""

import re
from pathlib import Path

from labs.course.lessons import lessons
from labs.course.question import of_lesson
from labs.records import Answer, Ledger
from labs.workspace import PROJECT_DIR

from .jupyterlab import Course, require_browser

#: The lesson that comes first.
FIRST = next(one for one in lessons() if one.kind == "core")


def test_jupyterlab_opens_the_front_page_which_follows_the_ledger_and_leads_to_lessons(tmp_path: Path):
    """It names every lesson, its points and what comes next; what the reader had opened stays open."""
    require_browser()
    with Course(PROJECT_DIR, workspace=tmp_path / "workspace") as lab, lab.front_page() as page:
        shown = page.locator("#msl-course")
        assert shown.locator("[data-open]").count() >= len(lessons())
        text = shown.text_content()
        assert f"Begin: {FIRST.title}" in text
        assert re.search(r"\d+ of \d+ points; \d+ in the gradebook", text)
        said = shown.aria_snapshot()
        for named in (
            'progressbar "Points of the course"',
            'columnheader "minutes (estimated)"',
            f'rowheader "{FIRST.title}"',
        ):
            assert named in said
        assert shown.locator("[aria-current=step]").count() == 1

        # An answer that a lesson writes is on the page soon after.
        other = shown.locator(f"details[data-part='{[one.part for one in lessons() if one.part != FIRST.part][-1]}']")
        other.locator("summary").click()
        answer = Answer(of_lesson(FIRST.id)[0].id, {"source": "", "outputs": []}, "2026-01-01T00:00:00+00:00")
        Ledger(tmp_path / "workspace" / "ledger.jsonl").append(answer)
        page.wait_for_selector("#msl-course :text('begun')")
        assert other.get_attribute("open") is not None

        # Enter on a lesson's link opens its notebook beside the page.
        shown.locator(f"table [data-open$='{FIRST.link}']").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)
