"""Compiled questions: only data ships, a secret draws other cases, and a lesson has exactly its
questions.
"""

import json
import subprocess
import sys

import pytest

from grading.builder.compiled import compiled, require_whole, secret_cases, solutions
from grading.builder.notebook import _definitions, build, text_of
from grading.builder.solve import solve
from grading.builder.sources import sources
from labs.course import cases as judged
from labs.course.lessons import LessonError
from labs.course.question import QUESTIONS_PATH, read_questions
from labs.judge.calls import call
from tests.course import QUESTIONS, SOURCE

SAME, ASKED = SOURCE.format(id="toy"), QUESTIONS.format(id="toy")


def test_what_ships_is_data_with_the_solutions_results(write_lesson):
    """Arguments, results and sentences; the function's name comes from its cell, and no seed
    changes the text.
    """
    lesson = write_lesson()
    text = compiled([lesson])
    assert text == compiled([lesson])
    asked = read_questions(text)["toy.double"]
    assert (asked.name, asked.kind, asked.points, asked.lesson_id) == (
        "double",
        "function",
        2,
        "toy",
    )
    assert [case["expected"] for case in asked.cases] == [
        2 * case["args"][0] for case in asked.cases
    ]
    assert asked.cases[0] == {"args": [2], "expected": 4, "says": "Twice 2 is 4."}
    assert "return" not in text


def test_what_ships_is_the_same_in_every_process(write_lesson):
    """A solution that collects its result in a set makes a dictionary of another order each
    time.
    """
    source = SAME.replace(
        "return 2 * number", "return {str(one): one for one in {'b', 'a', 'c'} | {str(number)}}"
    )
    lesson = write_lesson(source=source)
    cases = json.loads(compiled([lesson]))["toy.double"]["cases"]
    assert all(list(case["expected"]) == sorted(case["expected"]) for case in cases)


def test_a_secret_draws_other_cases_in_another_order(write_lesson):
    """The same for a whole class; results that are recited one after the other do not fit them."""
    lesson = write_lesson()
    first, repeated, other = (secret_cases([lesson], seed) for seed in ("a", "a", "b"))
    public = json.loads(compiled([lesson]))["toy.double"]["cases"]
    assert first.keys() == {"toy.double"}
    assert first == repeated != other
    drawn = [secret_cases([lesson], str(seed))["toy.double"] for seed in range(20)]
    assert all(len(cases) >= len(public) and cases != public for cases in drawn)
    assert len({[case["says"] for case in cases].index("Twice 2 is 4.") for cases in drawn}) > 1
    function = solutions(lesson)["toy.double"]
    for cases in drawn:
        assert judged.judge("double", cases, call(function, [case["args"] for case in cases])).ok


@pytest.mark.parametrize(
    ("source", "questions", "says"),
    [
        (SAME, ASKED.replace("toy.double", "other.double"), "has to begin with 'toy.'"),
        (SAME, ASKED + 'question("toy.triple", "Three times", points=1)\n', "has no cases"),
        (SAME, ASKED + 'prediction("toy.guess", "Again?", about={})\n', "written twice"),
        (SAME.replace(' question="toy.double"', ""), ASKED, 'no cell says question="toy.double"'),
        (
            SAME.replace('check("toy.double", double)', ""),
            ASKED,
            "has to define a function and check it",
        ),
        (
            SAME.replace('check("toy.double", double)', 'check("toy.double", other)'),
            ASKED,
            "has to define a function",
        ),
        (
            SAME.replace("2 * number", "number.half"),
            ASKED,
            "the solution stops with AttributeError",
        ),
    ],
)
def test_a_question_that_cannot_be_compiled_is_named(write_lesson, source, questions, says):
    """Before anything is written."""
    with pytest.raises(LessonError, match=says):
        compiled([write_lesson(source=source, questions=questions)])


FILE = '\nquestion("toy.file", "A file", points=1, file="a:b", rules=[("a", 1, "")])\n'
CELL = '\n# %% question="toy.file"\n'


@pytest.mark.parametrize(
    ("source", "questions", "says"),
    [
        (SAME, ASKED, ""),
        (SAME + CELL + 'check("toy.file", path)\n', ASKED + FILE, ""),
        # A magic beside it, and a file of another program, are no Python.
        (
            SAME + CELL + '!ls\ncheck("toy.file", path)\n\n# %%\n%%writefile a.yaml\na: 1\n',
            ASKED + FILE,
            "",
        ),
        (
            SAME,
            ASKED + FILE,
            "no cell carries it; 00_a_lesson: toy.file is written, and never checked",
        ),
        (SAME + CELL + "path = 1\n", ASKED + FILE, "toy.file is written, and never checked"),
        (SAME + CELL + 'check("toy.file", path)\n', ASKED, "toy.file is carried, and not written"),
        (SAME + '\n# %%\ncheck("toy.file", path)\n', ASKED, "toy.file is checked, and not written"),
        (SAME.replace("predict(", "print("), ASKED, "toy.guess is written, and never predicted"),
        (
            SAME + '\n# %%\npredict("toy.more", x=...)\n',
            ASKED,
            "toy.more is predicted, and not written",
        ),
    ],
)
def test_a_lesson_asks_and_checks_what_its_questions_say(write_lesson, source, questions, says):
    """Nothing is missing, and nothing is left over."""
    lesson = write_lesson(source=source, questions=questions)
    if says:
        with pytest.raises(LessonError, match=says):
            require_whole([lesson])
    else:
        require_whole([lesson])


def test_the_solved_twin_carries_a_warning_solutions_and_predictions(write_lesson):
    """In the stubs' own cells, and numbers each by its own name."""
    lesson = write_lesson()
    solved, stubs = solve(lesson), build(lesson)
    assert "not to be handed to students" in solved.cells[0].source
    assert [cell.id for cell in solved.cells[1:]] == [cell.id for cell in stubs.cells]
    pairs = zip(solved.cells[1:], stubs.cells, strict=True)
    changed = {cell.id: cell.source for cell, stub in pairs if cell.source != stub.source}
    assert changed.keys() == {"toy-guess", "toy-double"}
    assert changed["toy-guess"] == 'predict("toy.guess", size=5, upsize=6)'
    assert "return 2 * number" in changed["toy-double"]


def test_the_committed_questions_are_those_of_the_lessons():
    """Students' checks read the same data that the reviewed sources give."""
    assert QUESTIONS_PATH.read_text(encoding="utf-8") == compiled(sources()), "make notebooks"


def test_no_solved_notebook_uses_a_name_that_nothing_gives_it(tmp_path):
    """Found here in a second, and not by the run of the lesson many minutes later.

    Code of the package that a cell shows may use names of its module.
    """
    for lesson in sources():
        notebook = solve(lesson)
        for cell in notebook.cells:
            if "shows" in cell.metadata:
                cell.source = "\n".join(f"{name} = None" for name in _definitions(cell.source))
        (tmp_path / lesson.notebook.name).write_text(text_of(notebook), encoding="utf-8")
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F821",
        "--output-format",
        "concise",
    ]
    done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
