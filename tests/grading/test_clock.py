"""The clock: the minutes of each part of a lesson, by the one table of coefficients."""

from pathlib import Path

import pytest

from grading.builder.clock import _lines_of, _logical_lines, record
from grading.builder.notebook import build, minutes
from labs.course.assignment import PATH, SHIPPED, assignment
from labs.course.lessons import LessonError
from tests.course import SOURCE

SAME, TEXT, CALL = (
    SOURCE.format(id="toy"),
    "# %% [markdown]\n# ",
    "# %%\n### BEGIN SOLUTION\na()\nb()\n",
)

#: Cells added after a lesson's last cell, and their minutes, by kind.
ADDS = {
    "two hundred words": (TEXT + "word " * 200, {"reading": 1.0}),
    "a reading list": (f"{TEXT}## Read more\n#\n# {'word ' * 200}", {}),
    "a formula, whose signs are no words": (f"{TEXT}$$a = b$$", {"reading": 0.5}),
    "a table of fifty words": (
        f"{TEXT}| a | b |\n# |---|---|\n# | {'word ' * 48}| |",
        {"reading": 0.5 + 0.5},
    ),
    "code that is read": ("# %%\n" + "x = 1\n" * 30, {"code": 2.0}),
    "code that is folded": ("# %% folded=true\n" + "x = 1\n" * 30, {"code": 0.05}),
    "a cell that ends with a table": ("# %%\nx", {"code": 1 / 15, "reading": 0.5}),
    "a cell that prints": ("# %%\nprint(1)", {"code": 1 / 15}),
    "a call of two lines": (f"{CALL}### END SOLUTION", {"calls": 4.2}),
    "a call of which one line stands there": (
        f"{CALL}### STUB\na()\n### END SOLUTION",
        {"calls": 4.0},
    ),
    "a prediction": ('# %%\npredict("toy.other", size=...)', {"predictions": 1.5}),
    "a function of many lines": (
        SAME.replace("    return", "    number += 0\n" * 20 + "    return"),
        {"functions": 6.0},
    ),
}


@pytest.mark.parametrize("name", ADDS)
def test_each_thing_adds_its_minutes_and_nothing_else(name: str, write_lesson):
    """So that a coefficient can be refitted by itself; a function takes four minutes at least and
    ten at most.
    """
    added, expected = ADDS[name]
    source = added if added.startswith(SAME[:20]) else f"{SAME}\n{added}\n"
    before, after = minutes(write_lesson()), minutes(write_lesson(source=source))
    differences = {
        each: after[each] - before[each] for each in before if after[each] != before[each]
    }
    assert differences == pytest.approx(expected, rel=0.01)


def test_a_lease_and_a_rehearsed_machine_count_and_set_up_stands_apart(write_lesson):
    """The first lesson that sets a machine up waits for it; other work in this time is not part of
    its minutes.
    """
    prepares = SAME + '\n# %%\nrun = lab.prepare("model", option)\n'
    first = write_lesson(source=prepares, machine_minutes=20)
    later = write_lesson(
        "later", name="01_later", source=prepares.replace("toy", "later"), questions=""
    )
    record(first, 90.0)
    lesson_minutes = minutes(first)
    assert (lesson_minutes["lease"], lesson_minutes["machine"]) == (20.0, 1.5)
    assert lesson_minutes["setup"] > 0 == minutes(later)["setup"]
    facts = build(first).metadata["lesson"]
    assert facts["setup_minutes"] == round(lesson_minutes["setup"])
    assert facts["minutes"] == round(sum(lesson_minutes.values()) - lesson_minutes["setup"])


#: What an assignment that ships may take by the clock, in minutes of attention and lease; set-up
#: stands apart.
MOST = {"assignment.toml": 620, "assignment-five-hours.toml": 335}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_ships_takes_no_longer_than_its_name_says(path: Path):
    """By the present sources, and without a lease if the page promises this."""
    taken = [minutes(lesson) for lesson in assignment(path).lessons()]
    total = sum(sum(row.values()) - row["setup"] for row in taken)
    assert total <= MOST[path.name], "each lesson's minutes: python -m grading minutes"
    assert path == PATH or not any(row["lease"] or row["setup"] for row in taken)


def test_a_formatter_changes_no_minutes():
    """A broken call, a filled comment and a filled docstring are read as they were."""
    in_one = "total = add(first, second)\n# Adds both, at once.\n"
    broken = "total = add(\n    first,\n    second\n)\n# Adds both,\n# at once.\n"
    function = '    """Return both, added."""\n    return 1\n'
    filled = '    """Return both,\n    added.\n    """\n    return 1\n'

    def count(source: str) -> int:
        return sum(map(_lines_of, _logical_lines(source)))

    assert count(in_one) == count(broken) == 2
    assert count(function) == count(filled) == 2
    assert count("name: 'x'\ninput [\n  1\n") == 3


def test_minutes_stated_by_hand_are_refused(write_lesson):
    """Two sources of one number would disagree."""
    with pytest.raises(LessonError, match="leave out minutes: the builder derives"):
        write_lesson(minutes=10)
