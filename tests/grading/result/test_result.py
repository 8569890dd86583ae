"""Results for student, instructor and Gradescope come from one set of rows, complete or not at
all.
"""

import json
from dataclasses import replace
from pathlib import Path

from grading.grade.contradictions import Contradiction
from grading.grade.hidden import LEADERBOARD
from grading.grade.intake import Note
from grading.grade.result import Result, fallback, gradescope, line, page, spot_checks, write_json
from labs.course.lessons import lessons
from labs.course.question import ResultRow

KNEE, LESSON = "measure.knee", lessons()[0]
SHOWN = (("Returned", "0.3 ×"), ("Expected", "3 ×"))
RIGHT = ResultRow(KNEE, "Name the knee", LESSON.id, 1, 1, "Right.", state="passed")
WRONG = ResultRow(
    "measure.gap", "Say the gap", LESSON.id, 0, 2, "Turned around.", SHOWN, "Divide `a` by `b`."
)
OPEN = ResultRow(
    "measure.half", "Halve the file", LESSON.id, 0, 1, "Not answered yet.", state="unanswered"
)
HIDDEN = ResultRow(
    f"{KNEE}.computed",
    "Computed, not typed",
    "",
    0,
    1,
    "On other cases it is wrong.",
    hidden=True,
    needs=KNEE,
)
RESULT = Result(
    "ada",
    1,
    "f" * 64,
    rows=(RIGHT, WRONG, OPEN, HIDDEN),
    notes=(Note("b.ipynb", "Missing."),),
    worth=5.0,
)
ASIDE = Contradiction("samples-constant", ("r",), "No clock reads the same again and again.")


def test_the_page_puts_what_was_tried_before_what_was_not():
    """A mistake shows expected and found values, an open question is a line, and hidden rows appear
    only when the grades are out.
    """
    text = page(RESULT)
    assert "Part 1: 1 of 4 points" in text
    assert (
        text.index("Say the gap")
        < text.index("Not answered yet (1 point)")
        < text.index("Halve the file")
    )
    assert "<dt>Expected</dt><dd>3 ×</dd>" in text
    assert LESSON.title in text
    assert "Divide <code>a</code> by <code>b</code>." in text
    assert "Computed, not typed" not in text
    assert "Computed, not typed" in page(RESULT, hidden=True)
    assert "Nothing to mend" in page(replace(RESULT, rows=(RIGHT,)))
    lost = page(
        replace(RESULT, rows=(replace(RIGHT, points=0, state="failed"), HIDDEN)), hidden=True
    )
    assert lost.count("<h3>") == 1, (
        "what rests on a question stands in its card, and is none of its own"
    )
    assert (
        lost.index("Name the knee")
        < lost.index("2.5 points more behind it")
        < lost.index("Computed, not typed")
    )


def test_whose_record_is_set_aside_is_told():
    """In all three forms, with the reason; a line counts public and hidden points separately."""
    result = replace(RESULT, findings=(ASIDE,))
    assert "No clock reads the same" in page(result)
    assert "No clock reads the same" in gradescope(result)["output"]
    fields = [
        line(result)[name] for name in ("contradictions", "rules", "public", "hidden", "possible")
    ]
    assert fields == [1, "samples-constant", 1, 0, 5]


def test_gradescopes_form_has_one_test_a_row():
    """Names, scores, and a visibility that the contract knows."""
    tests = gradescope(RESULT)["tests"]
    assert [(test["score"], test["max_score"], test["status"]) for test in tests] == [
        (1, 1, "passed"),
        (0, 2, "failed"),
        (0, 1, "failed"),
        (0, 1, "failed"),
        (0, 10, "failed"),
    ]
    assert "pending: the gradebook adds them" in tests[-1]["output"]
    assert [test["visibility"] for test in tests] == [
        "visible",
        "visible",
        "visible",
        "after_published",
        "visible",
    ]
    assert "Returned: 0.3 ×" in tests[1]["output"]
    assert fallback(10)["tests"][0]["max_score"] == 10
    assert "leaderboard" not in gradescope(RESULT), "none unless the assignment asks for it"
    board = gradescope(replace(RESULT, leaderboard=dict.fromkeys(LEADERBOARD, 1.5)))["leaderboard"]
    assert [(cell["value"], cell["order"]) for cell in board] == [
        (1.5, "desc"),
        (1.5, "asc"),
        (1.5, "asc"),
    ]


def test_the_list_for_a_look_holds_reasons_and_some_that_chance_drew():
    """It lists faults, findings, and points that a repeated run does not confirm; chance draws too,
    so no student can be sure of being left out.
    """
    honest = [
        Result(f"student {number}", 1, f"{number:064x}", rows=(RIGHT,)) for number in range(400)
    ]
    odd = [
        replace(RESULT, student="typed"),
        replace(RESULT, student="aside", rows=(RIGHT,), findings=(ASIDE, ASIDE)),
        replace(RESULT, student="faulty", rows=(RIGHT,), fault="measure: a bug"),
    ]
    checks = spot_checks([*honest, *odd], seed="secret", share=0.05)
    names = [result.student for result in checks]
    assert names[0] == "aside"
    assert {"typed", "aside", "faulty"} <= set(names)
    assert 5 <= len(names) - 3 <= 40
    assert names != [
        spot_check.student
        for spot_check in spot_checks([*honest, *odd], seed="another", share=0.05)
    ]
    assert (
        "not when run again: “Name the knee”"
        in next(result for result in checks if result.student == "typed").reasons[0]
    )


def test_a_reader_sees_a_whole_file_or_none(tmp_path: Path):
    """Gradescope reads when it wants to: a new file takes the old one's place, which an open reader
    still has whole.
    """
    path = tmp_path / "results.json"
    write_json(fallback(1), path)
    with path.open() as opened:
        write_json(gradescope(RESULT), path)
        assert json.load(opened) == fallback(1)
    assert json.loads(path.read_text()) == gradescope(RESULT)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
