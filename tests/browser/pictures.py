"""``python -m tests.browser.pictures [KEPT]``: take the README's pictures from a rehearsal, and
note what they show.

KEPT is a folder that ``grading rehearse --keep`` left, with part 1's lessons in it; without one
they are rehearsed first, which takes a while. The note is read off the pages that are photographed,
and ``tests/browser/test_pictures.py`` compares it with the course.
"""

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import nbformat
from rich.console import Console

from grading.builder.rehearse import rehearse
from grading.builder.sources import sources
from labs.course.assignment import assignment
from labs.course.lessons import lesson
from labs.workspace import PROJECT_DIR
from tests.browser.film import film
from tests.browser.jupyterlab import Course

PICTURES = PROJECT_DIR / "assets" / "pictures"
#: The note about the pictures' content.
NOTE = "shown.json"

#: The part whose end the pictures show, and the lesson that prints its scoreboard.
PART, LAST = 1, "defend"

#: Points of lessons by part and id, as the front page's visible rows say them.
_ROWS = """page => Object.fromEntries([...page.querySelectorAll("details[data-part]")].map(part => [
  part.dataset.part, Object.fromEntries([...part.querySelectorAll("tr[data-lesson]")].filter(row =>
    row.checkVisibility()).map(row => [row.dataset.lesson, row.lastElementChild.innerText]))]))"""


def take(rehearsal: Path, out: Path = PICTURES) -> None:
    """Take the pictures from a kept rehearsal, and write beside them what they show."""
    if not (rehearsal / "workspace" / "ledger.jsonl").is_file():
        raise FileNotFoundError(
            f"{rehearsal} holds no workspace/ledger.jsonl: name a folder of a kept rehearsal"
        )
    board = next(_boards(rehearsal / lesson(LAST).notebook.name), None)
    if board is None:
        raise ValueError(
            f"{lesson(LAST).title} shows no scoreboard in {rehearsal}: rehearse it to its end"
        )
    out.mkdir(parents=True, exist_ok=True)
    shown = {}
    lab = Course(PROJECT_DIR, workspace=rehearsal.resolve() / "workspace")
    with _as_at_home(), lab, lab.front_page(width=1800, height=1700) as page:
        part = page.locator(f"#msl-course details[data-part='{PART}']")
        if part.get_attribute("open") is None:
            part.locator("summary").click()
        card = page.locator("#msl-course .msl-front")
        shown["front-page.png"] = {"lessons": card.evaluate(_ROWS)} | _photograph(
            card, out / "front-page.png"
        )
        page.goto("about:blank")  # JupyterLab would go on beneath it
        page.set_content(board)
        card = page.locator(".msl-card")
        options = [*dict.fromkeys(card.locator(".msl-best-here b").all_inner_texts())]
        shown["scoreboard.png"] = {"options": options} | _photograph(card, out / "scoreboard.png")
    for theme in ("Light", "Dark"):
        path = out / f"predict-{theme.lower()}.webp"
        shown[path.name] = film(theme, path) | {"sha256": _sha256(path)}
    (out / NOTE).write_text(
        json.dumps(shown, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


@contextlib.contextmanager
def _as_at_home() -> Iterator[None]:
    """Show the course as in any user's home folder, without this computer's paths and leases."""
    python = Path(sys.executable)
    with tempfile.TemporaryDirectory() as home:
        course = Path(home) / "model-serving-labs"
        course.symlink_to(PROJECT_DIR)
        own = (
            course / python.relative_to(PROJECT_DIR)
            if python.is_relative_to(PROJECT_DIR)
            else python
        )
        places = mock.patch.dict(os.environ, HOME=home, LABS_STATE=home)
        with places, mock.patch.object(sys, "executable", str(own)):
            yield


def _boards(path: Path) -> Iterator[str]:
    """Yield the HTML of each scoreboard that an executed notebook shows."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", ()):
            html = output.get("data", {}).get("text/html", "")
            if 'class="msl-board"' in html:  # every card's style sheet names it
                yield html


def _photograph(card: object, path: Path) -> dict[str, str]:
    card.screenshot(path=path)
    return {"sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Take the pictures of the kept rehearsal that is named, or of one that is run for them."""
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = Path(sys.argv[1] if sys.argv[1:] else folder)
        if not sys.argv[1:]:
            wanted = {lesson.id for lesson in assignment().lessons(PART)}
            rehearse([lesson for lesson in sources() if lesson.id in wanted], rehearsal, Console())
        take(rehearsal)


if __name__ == "__main__":
    main()
