"""The course's order, its map and its page of questions are derived, from front matter and checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
from grading.checkpoints import all_checkpoints
from typer.testing import CliRunner

from grading.__main__ import app
from grading.builder.cli import refresh_notebooks
from grading.builder.pages import course_map, questions_page
from grading.builder.sources import sources
from labs.course import LessonError, lesson, lessons


def test_lessons_are_in_the_order_of_their_numbers(write_lesson):
    """Sources say where a lesson belongs; other files are none."""
    for name, folder in (("11_b", "1_model"), ("10_a", "1_model"), ("00_c", "0_start")):
        one = write_lesson(name=name, folder=folder)
    root = one.notebook.parents[1]
    (root / "source" / "1_model" / "notes.py").touch()
    refresh_notebooks(root, check=False)
    found = lessons(root=root)
    assert [(one.number, one.part, one.name) for one in found] == [
        ("00", 0, "00_c"),
        ("10", 1, "10_a"),
        ("11", 1, "11_b"),
    ]
    assert [one.name for one in lessons(part=1, root=root)] == ["10_a", "11_b"]
    assert found == sources(root)
    assert found[0].notebook == root / "0_start" / "00_c.ipynb"


def test_a_long_lesson_goes_on_under_the_same_number(write_lesson):
    """Its sittings follow one another, before the next number, and share the number that rehearsals ask for."""
    for name in ("15_d", "14b_b", "14_z", "14c_a"):
        lesson = write_lesson(name=name, folder="1_model")
    found = sources(lesson.notebook.parents[1])
    assert [(one.number, one.whole_number) for one in found] == [("14", 14), ("14b", 14), ("14c", 14), ("15", 15)]


def test_a_lesson_is_found_by_its_number_and_a_slip_is_answered():
    """Widgets and the capability gate ask by number."""
    assert lesson("08").title == "Plan and reserve"
    with pytest.raises(KeyError, match="no lesson '98'; there are 00, 01, 02, 08"):
        lesson("98")


def test_a_notebook_without_its_facts_is_not_passed_over(tmp_path: Path):
    """An older one in the folder would be missing from the course in silence."""
    (tmp_path / "1_model").mkdir()
    (tmp_path / "1_model" / "10_a.ipynb").write_text('{"cells": [], "metadata": {}}')
    with pytest.raises(LessonError, match="holds no front matter"):
        lessons(root=tmp_path)


def test_lessons_build_on_earlier_ones_only():
    """Whoever takes them in order has what each needs."""
    numbers = [one.number for one in lessons()]
    for one in lessons():
        assert set(one.needs) <= set(numbers[: numbers.index(one.number)]), one.name


def test_the_map_lists_every_lesson_with_its_facts():
    """Nobody keeps a second list by hand; the text around the table stays."""
    page = course_map("Before.\n\n<!-- map: python -m grading build -->\na stale row\n<!-- end of map -->\n\nAfter.\n")
    assert (page[:7], page[-7:], "a stale row" in page) == ("Before.", "After.\n", False)
    assert all(f"| [{one.number} {one.title}]({one.link})" in page for one in lessons())
    with pytest.raises(ValueError, match="once each"):
        course_map("no marks")


def test_the_page_of_questions_names_every_checkpoint_with_its_points():
    """Students plan by it."""
    page = questions_page()
    public = list(all_checkpoints())
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for one in public:
        assert rows[one.id].startswith(f"| `{one.id}` | {one.title} |")
        assert rows[one.id].endswith(f"| {one.points} |")
    assert f"{len(public)} checkpoints, {sum(one.points for one in public)} points" in page


def test_the_page_keeps_the_order_of_the_lesson():
    """Not the order in which the checks happen to be written."""
    page = questions_page()
    for one in lessons():
        places = [page.index(f"| `{name}` |") for name in one.questions()]
        assert places == sorted(places), one.name


def test_an_unknown_lesson_is_answered_with_the_known_ones():
    """A slip in the number must not look like a rehearsal without faults."""
    result = CliRunner().invoke(app, ["rehearse", "--lesson", "98"])
    assert result.exit_code == 1
    assert "no such lesson; there are 00, 01, 02, 08, 09, 10, 10b, 11" in str(result.exception)


def test_checking_changes_nothing_and_building_makes_fresh(write_lesson):
    """What `make check` and `make notebooks` run; a notebook whose source is gone goes too."""
    lesson = write_lesson()
    root = lesson.notebook.parents[1]
    assert refresh_notebooks(root, check=True) == ["out of date: 00_a_lesson.ipynb"]
    assert not lesson.notebook.exists()
    assert refresh_notebooks(root, check=False) == ["built: 00_a_lesson.ipynb"]
    assert refresh_notebooks(root, check=True) == []
    lesson.source.unlink()
    assert refresh_notebooks(root, check=True) == ["has no source: 00_a_lesson.ipynb"]
    refresh_notebooks(root, check=False)
    assert not lesson.notebook.exists()


def test_solve_writes_every_lesson(tmp_path: Path):
    """Not run, and with the warning on top."""
    result = CliRunner().invoke(app, ["solve", str(tmp_path / "solved"), "--part", "0"])
    assert result.exit_code == 0, result.output
    written = sorted((tmp_path / "solved").iterdir())
    assert [path.name for path in written] == [
        "00_start_here.ipynb",
        "01_meet_the_testbed.ipynb",
        "02_batch_or_online.ipynb",
    ]
    assert all("not to be handed to students" in path.read_text() for path in written)
