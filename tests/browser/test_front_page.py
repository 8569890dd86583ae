"""The front page in JupyterLab: the first thing that is seen, up to date while one works, by mouse
and keyboard.
"""

from pathlib import Path

from labs.course.lessons import PART_TITLES, lessons
from labs.course.question import of_lesson
from labs.records import Answer, Ledger
from labs.workspace import PROJECT_DIR
from tests.browser.jupyterlab import Course, require_browser

#: The lesson that comes first.
FIRST = next(lesson for lesson in lessons() if lesson.kind == "core")


def _whole_on_screen(page: object, selector: str) -> int:
    """Return how many elements are on screen with their whole height, without scrolling."""
    boxes = [element.bounding_box() for element in page.locator(selector).all()]
    height = page.viewport_size["height"]
    return sum(box is not None and box["y"] + box["height"] <= height for box in boxes)


def test_jupyterlab_opens_the_front_page_which_follows_the_ledger_and_leads_to_lessons(
    tmp_path: Path,
):
    """It names every lesson and the next step, and asks nothing; parts that the reader had opened
    stay open.
    """
    require_browser()
    with (
        Course(PROJECT_DIR, workspace=tmp_path / "workspace") as lab,
        lab.front_page(height=800) as page,
    ):
        shown = page.locator("#msl-course")
        assert {*shown.locator("tr [data-open]").all_text_contents()} == {
            lesson.title for lesson in lessons()
        }
        spoken = shown.aria_snapshot()
        for named in (
            f'rowheader "{FIRST.title} , open"',
            f'link "Begin: {FIRST.title} →"',
        ):
            assert named in spoken
        assert shown.locator(".msl-intro li").count() == 3
        assert _whole_on_screen(page, ".msl-go") == 1
        assert _whole_on_screen(page, "tr[data-lesson]") >= 5
        assert shown.locator("[aria-current=step]").count() == shown.locator(".msl-go").count() == 1
        assert page.locator(".jp-BreadCrumbs").inner_text().strip("/ ") == "notebooks"
        page.wait_for_timeout(2000)  # JupyterLab asks about news once it has started
        assert page.locator(".jp-Notification, .Toastify__toast").count() == 0

        # An answer that a lesson writes is on the page soon after; the keyboard stays where it was.
        other = shown.locator("details:not([open])").last
        other.locator("summary").press("Enter")
        answer = Answer(
            of_lesson(FIRST.id)[0].id, {"source": "", "outputs": []}, "2026-01-01T00:00:00+00:00"
        )
        Ledger(tmp_path / "workspace" / "ledger.jsonl").append(answer)
        page.wait_for_selector(f"#msl-course :text('Continue: {FIRST.title}')")
        # Progress replaces the parts that only a first visit needs.
        assert shown.locator(".msl-intro").count() == 0
        assert f'progressbar "{PART_TITLES[1]}"' in shown.aria_snapshot()
        assert shown.locator("details").last.get_attribute("open") is not None
        assert page.evaluate("document.activeElement.matches('details:last-of-type > summary')")

        # Enter on the button opens the lesson beside the page.
        shown.locator(".msl-go").press("Enter")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=120_000)

        # A line of its prose has about 80 characters, however wide the window is.
        page.set_viewport_size({"width": 1920, "height": 800})
        page.wait_for_selector(".jp-RenderedMarkdown p")
        lines = page.locator(".jp-RenderedMarkdown p").all()
        assert 400 < max(line.bounding_box()["width"] for line in lines) < 700
