"""Minutes of a lease, from the lessons' own facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labs.course import lessons
from labs.providers import environments
from provisioning.planning.lessons import block_of, extras_text, lessons_left_s, lessons_on_machine
from provisioning.sites.spec import load_spec


@pytest.fixture
def course():
    """Return four lessons: one about the lease, two of the core on the machine, one extra, and one of another part."""
    any_one = lessons(part=1)[0]
    return [
        replace(any_one, part=part, number=number, kind=kind, machine_minutes=minutes)
        for part, number, kind, minutes in (
            (1, "09", "core", 0),
            (1, "10", "core", 20),
            (1, "11", "extra", 30),
            (1, "12", "core", 40),
            (2, "22", "core", 15),
        )
    ]


def test_lessons_about_the_lease_do_not_need_the_machine(course):
    """They run in the browser's own Jupyter, beside the lease."""
    assert [each.number for each in lessons_on_machine("model", course)] == ["10", "11", "12"]
    assert lessons_on_machine("system", course) == ()


def test_what_is_left_counts_from_the_next_lesson_on(course):
    """In seconds, the next one included; an extra counts only where it is the next."""
    assert lessons_left_s("model", None, course) == 3600
    assert lessons_left_s("model", "11", course) == 4200
    assert lessons_left_s("model", "12", course) == 2400


def test_a_lesson_that_is_not_there_is_refused_with_those_that_are(course):
    """A typing error must not hide the warning."""
    with pytest.raises(ValueError, match="10, 11, 12"):
        lessons_left_s("model", "13", course)


#: Minutes of a block that may be planned: set-up, the lease lesson, pull and release.
LIMITS = {"model": 100, "edge": 70, "system": 100}
OPTIONS = [(part, option) for part in LIMITS for option in load_spec(part).options]


@pytest.mark.parametrize(("part", "option"), OPTIONS, ids=lambda one: getattr(one, "name", one))
def test_what_a_block_is_planned_for_fits_it_wherever_it_runs(part, option):
    """From front matter and sites alone, set-up and pull included; the rest is for what goes wrong."""
    block = block_of(part, option)
    assert block.setup_s > 60 * 5
    assert block.planned_s <= 60 * LIMITS[part]
    assert block.length_s == 60 * {"model": 170, "edge": 115, "system": 170}[part]
    assert block.length_s - block.planned_s > 60 * sum(one.machine_minutes for one in block.extras), (
        "the extras fit as well"
    )


@pytest.mark.parametrize("part", LIMITS)
def test_one_lease_lesson_a_part_and_the_release_are_all_that_needs_the_machine(part):
    """Lessons at home take no minute of a lease: nobody is told of 315 minutes again."""
    core = block_of(part).core
    assert len(core) == 2
    assert {"hub"} not in [set(one.where) for one in core[:1]]
    assert core[1].name.endswith("_release")
    assert all(one.kind == "extra" for one in block_of(part).extras)


def test_the_plan_names_the_extras_and_what_is_fetched():
    """What may be left out is said by name; gigabytes are announced before they travel."""
    assert "May be left out: 26 Serve on the device (10 min)" in block_of("edge").text()
    assert "Set-up fetches 5.1 GB more than the course's packages" in block_of("model").text()
    assert "May be left out: 13b Write a kernel (5 min)" in block_of("model").text()
    assert "26 Serve" in extras_text("edge", "27b")
    assert "26 Serve" not in extras_text("edge", "26")


def test_the_gigabytes_are_those_of_the_tables_that_fetch_them():
    """Stated once more beside the sites, for a Jupyter that has no labs.providers: so they are compared."""
    announced = load_spec("model").fetches_gb["a100"]
    sizes_gb = [environments()[name].download_bytes / 1e9 for name in ("openvino", "tensorrt")]
    assert list(announced.values()) == pytest.approx(sizes_gb, abs=0.05)
