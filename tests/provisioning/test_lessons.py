"""Minutes of the lessons, from the course's own page."""

from __future__ import annotations

import pytest

from provisioning.lessons import PAGE, lessons_left_s, lessons_on_machine

TABLE = """
| lesson | what happens | minutes | machine |
|---|---|---:|---|
| [00 Start here](0_start/00_start_here.ipynb) | check up | 10 | any |
| **Part 1: the model** | | | |
| [09 Provision](1_model/09_provision.ipynb) | bring it up | 25 | any |
| [10 Meet the model](1_model/10_meet_the_model.ipynb) | pictures | 20 | any |
| [11 Measure](1_model/11_measure.ipynb) | percentiles | 40 | any |
| [19 Release](1_model/19_release.ipynb) | give back | 10 | any |
| [20 Reserve a Pi](2_edge/20_plan_and_reserve.ipynb) | | 15 | any |
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(TABLE)
    return path


def test_lessons_about_the_lease_do_not_need_the_machine(page):
    """They run in the browser's own Jupyter, beside the lease."""
    assert [(each.number, each.minutes) for each in lessons_on_machine("model", page)] == [("10", 20), ("11", 40)]
    assert lessons_on_machine("edge", page) == ()


def test_what_is_left_counts_from_the_next_lesson_on(page):
    """In seconds, the next one included."""
    assert lessons_left_s("model", None, page) == 3600
    assert lessons_left_s("model", "11", page) == 2400


def test_a_lesson_that_is_not_there_is_refused_with_those_that_are(page):
    """A typing error must not hide the warning."""
    with pytest.raises(ValueError, match="10, 11"):
        lessons_left_s("model", "12", page)


def test_without_the_page_nothing_is_claimed(tmp_path):
    """An archive may leave it out."""
    assert lessons_left_s("model", None, tmp_path / "no.md") == 0


def test_the_courses_own_page_is_understood():
    """Part 1 has its lessons, in order, each with minutes."""
    found = lessons_on_machine("model", PAGE)
    assert [each.number for each in found] == sorted(each.number for each in found)
    assert len(found) >= 7
    assert all(0 < each.minutes <= 120 for each in found)
