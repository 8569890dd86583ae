"""README's pictures are of the course as it is: its lessons and points, and files that lessons
make.
"""

import hashlib
import json
import re
from pathlib import Path

import nbformat
import pytest

from labs.course.assignment import assignment
from labs.course.lessons import NOTEBOOKS_DIR, lesson
from labs.records import Records
from labs.widgets.scoreboard import scoreboard
from provisioning.front import words
from provisioning.front.standing import standing
from tests.browser.jupyterlab import require_browser
from tests.browser.pictures import LAST, NOTE, PICTURES, take
from tests.grading.recorded import recorded, written
from tests.grading.whole import everything

#: The pages that show them.
_PAGES = ("README.md", "notebooks/README.md", "provisioning/student/README.md")

#: The message with the command that makes them again.
AGAIN = "the pictures are older than the course: make pictures"


@pytest.fixture(scope="module")
def shown() -> dict:
    """The content of the pictures, noted when they were taken."""
    return json.loads((PICTURES / NOTE).read_text(encoding="utf-8"))


def test_the_note_is_that_of_the_pictures(shown: dict):
    """Nobody changed one without the other."""
    for name, noted in shown.items():
        assert hashlib.sha256((PICTURES / name).read_bytes()).hexdigest() == noted["sha256"], AGAIN
    pages = [NOTEBOOKS_DIR.parent / name for name in _PAGES]
    texts = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert {*re.findall(r"assets/pictures/([\w-]+\.\w+)", texts)} == {*shown}


def test_the_front_pages_picture_shows_the_courses_lessons_and_points(shown: dict):
    """Each lesson of the open parts on it, in order, with the points of its checks."""
    parts = {part: rows for part, rows in shown["front-page.png"]["lessons"].items() if rows}
    assert {str(part) for part in assignment().parts} >= {*parts} > set()
    for part, rows in parts.items():
        course = {
            step.lesson.id: words.points_of(step).partition(" of ")[2]
            for step in standing().of_part(int(part))
        }
        assert {id: points.partition(" of ")[2] for id, points in rows.items()} == course, AGAIN


def test_the_scoreboards_picture_names_what_core_lessons_make(shown: dict):
    """A deep dive's options are not reached on the way that everybody goes."""
    core = [lesson for part in assignment().parts for lesson in assignment().lessons(part)]
    texts = [lesson.notebook.read_text(encoding="utf-8") for lesson in core]
    options = shown["scoreboard.png"]["options"]
    assert options
    assert [option for option in options if not any(option in text for text in texts)] == [], AGAIN


@pytest.mark.slow
def test_pictures_are_taken_of_a_kept_folder(tmp_path: Path):
    """Their content is noted from the pages themselves; a folder that does not come from a
    rehearsal is refused.
    """
    require_browser()
    rehearsal, out = tmp_path / "kept", tmp_path / "out"
    with pytest.raises(FileNotFoundError, match="name a folder"):
        take(rehearsal, out)
    (rehearsal / "workspace").mkdir(parents=True)
    (rehearsal / "workspace" / "ledger.jsonl").write_text(written(everything()), encoding="utf-8")
    board = scoreboard(Records.from_json(recorded(1)))
    output = nbformat.v4.new_output("display_data", {"text/html": board.html})
    cells = [nbformat.v4.new_code_cell("scoreboard(records)", outputs=[output])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), rehearsal / lesson(LAST).notebook.name)
    take(rehearsal, out)
    noted = json.loads((out / NOTE).read_text(encoding="utf-8"))
    assert all(option in board.text for option in noted["scoreboard.png"]["options"])
    (rows,) = [rows for rows in noted["front-page.png"]["lessons"].values() if rows]
    assert all(
        earned == possible != "0"
        for earned, _, possible in (row.partition(" of ") for row in rows.values())
    )
    assert {path.name for path in out.iterdir()} == {*noted, NOTE}


def test_the_film_shows_the_first_lesson_in_half_a_minute(shown: dict):
    """In both themes, with the same guesses."""
    light, dark = (dict(shown[f"predict-{theme}.webp"]) for theme in ("light", "dark"))
    del light["sha256"], dark["sha256"]
    assert light == dark
    first = assignment().lessons()[0]
    assert light["lesson"] == first.id
    assert 0 < light["seconds"] <= 30
