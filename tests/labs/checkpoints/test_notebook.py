"""The verbs in a notebook: their records, their output, and the things that they leave alone."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from labs.checkpoints import NotThereYetError, check, predict, predicted
from labs.checkpoints import begin as first_cell
from labs.checkpoints.cards import Card, marked
from labs.checkpoints.predictions import number
from labs.course import lessons as course
from labs.course.lessons import Lesson
from labs.course.question import (
    QUESTIONS_PATH,
    MissingEvidenceError,
    State,
    counted_answer,
    question,
    read_questions,
)
from labs.records import Measurement
from labs.records.ledger import ledger
from labs.workspace import workspace_dir
from tests.course import build_all, write_lesson
from tests.entries import Entries
from tests.labs.checkpoints.toys import in_a_cell

pytestmark = pytest.mark.usefixtures("toys")

#: Behind every prediction of a test, by its clock too.
LATER = "2099-01-01T00:00:00+00:00"


@pytest.fixture
def measure(entries) -> Callable[..., None]:
    """Return a function that writes an option's latency into the ledger."""

    def write(option: str = "a", sample_s: float = 1.0) -> None:
        measurement = entries.measured("latency", option, [sample_s], started_at=LATER).pop()
        entries_count = len(list(ledger()))
        measurement["record_id"] = f"{entries_count:032x}"
        ledger().append(Measurement.from_json(measurement))

    return write


def returning(what: str, given: str = "low, high") -> object:
    """Return a function that returns a given value, as from its own cell."""
    return in_a_cell(f"def middle({given}):\n    return {what}")


middle = returning("(low + high) / 2")


def test_a_right_function_is_written_down_once_with_its_source():
    """Checking again is no other try."""
    assert repr(check("toy.middle", middle)).startswith("✓ The middle of two numbers: right")
    check("toy.middle", middle)
    (answer,) = ledger()
    assert answer.value["outputs"] == [{"value": 2.0}, {"value": -1.0}]
    assert answer.value["source"].startswith("def middle(low, high):")


stub = in_a_cell(
    'def middle(low, high):\n    raise NotImplementedError("Your turn: replace this line.")'
)


@pytest.mark.parametrize(
    ("function", "state", "says"),
    [
        (stub, "not answered yet", "Not written yet"),
        (9.0, "not right yet", "Hand over the function itself: `check('toy.middle', middle)`"),
        (returning("None"), "not right yet", "Is there a `return`?"),
        (returning("high + 3"), "not right yet", "2 lies between 0 and 4"),
        (returning("low", given="low"), "not right yet", "It stops with TypeError"),
        (returning("2.0"), "not right yet", "One of them is negative here."),
    ],
)
def test_a_stub_is_open_and_a_mistake_gets_its_sentence_and_the_hint(function, state, says):
    """A stub gets no hint: it is no mistake."""
    card = repr(check("toy.middle", function))
    assert f": {state}\n" in card
    assert says in card
    assert ("Hint: It lies as far" in card) == (state == "not right yet")


def test_the_last_right_try_counts_and_a_wrong_one_behind_it_says_so():
    """Somebody who plays on with a right function loses nothing by it."""
    check("toy.middle", middle)
    later = returning("(low + high) / 2.0")
    assert "still counts" not in repr(check("toy.middle", later))
    card = repr(check("toy.middle", returning("low")))
    assert "not right yet" in card
    assert "Your last right one is kept, and still counts" in card
    asked, records = question("toy.middle"), ledger().read()
    assert asked.verdict(records).ok
    assert len(records.answers(asked.id)) == 3
    assert (
        counted_answer(asked, records)[0]["source"]
        == "def middle(low, high):\n    return (low + high) / 2.0"
    )


def test_a_students_own_exception_is_shown_to_the_student_only():
    """Type and message are on the card; only the type is stored and handed in."""
    broken = in_a_cell("def middle(low, high):\n    raise ZeroDivisionError('my own words')")
    assert "It stops with ZeroDivisionError: my own words" in check("toy.middle", broken).html
    assert ledger().answer("toy.middle")["outputs"] == [{"raised": "ZeroDivisionError"}] * 2


def test_a_file_is_read_and_its_facts_are_written_down(tmp_path):
    """A second look writes the same kind of entry; a missing file writes no entry."""
    path = tmp_path / "notes.txt"
    for absent in (..., None, path):
        assert "not answered yet" in repr(check("toy.file", absent))
    assert list(ledger()) == []
    path.write_text("one")
    assert "It has 1 line(s)." in repr(check("toy.file", path))
    path.write_text("one\ntwo")
    assert ": right" in repr(check("toy.file", path))
    assert ledger().seen("file.toy.file") == {
        "lines": 2,
        "handed": {"notes.txt": {"text": "one\ntwo"}},
    }


@pytest.mark.parametrize(
    ("error", "state", "says"),
    [
        (
            UnicodeDecodeError("utf-8", b"", 0, 1, "<odd>"),
            "not right yet",
            "cannot be read as an answer to this question",
        ),
        (NotImplementedError(), "not answered yet", "replace the line `raise NotImplementedError`"),
        (
            MissingEvidenceError("Run the cell above."),
            "something has to run first",
            "Run the cell above.",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_said_and_not_written_down(
    error, state, says, tmp_path, monkeypatch
):
    """A broken file breaks each library in its own way."""

    def stumbles(path):
        raise error

    monkeypatch.setattr("tests.labs.checkpoints.toys.lines_of", stumbles)
    (tmp_path / "notes.txt").write_text("one\ntwo")
    card = check("toy.file", tmp_path / "notes.txt")
    assert f": {state}" in repr(card)
    assert says in repr(card)
    assert "<odd>" not in card.html
    assert list(ledger()) == []


def test_an_answer_is_kept_as_plain_json_and_judged_by_the_records(measure):
    """Students often pass numpy's values; capitals are accepted."""
    given = {"choice": np.str_(" A "), "why": "it is fast"}
    assert "something has to run first" in repr(check("toy.pick", given))
    assert ledger().answer("toy.pick") == {"choice": "a", "why": "it is fast"}
    measure("a", 2.0)
    measure("b", 1.0)
    assert "`a` is slower than `b`." in repr(check("toy.pick", given))
    assert ": right" in repr(check("toy.pick", given | {"choice": "b"}))
    assert ": right" in repr(check("toy.measured"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (..., "not answered yet"),
        (None, "not answered yet"),
        ({"choice": "a", "why": ""}, "not answered yet"),
        ({"choice": "a", "why": len}, "`why` must be a text"),
    ],
)
def test_an_answers_stub_or_another_form_is_not_written_down(given, says):
    """An untouched lesson records no answers; an exception would show a page of code that is not
    the student's.
    """
    assert says in repr(check("toy.pick", given))
    assert list(ledger()) == []


def test_a_question_that_is_not_there_is_answered_with_the_nearest_one():
    """It would vanish: no grader would ever read it."""
    with pytest.raises(KeyError, match=r"did you mean toy\.middle"):
        check("toy.middl", middle)


def test_a_box_writes_the_prediction_down_and_lets_it_be_changed_until_it_is_measured(measure):
    """A wrong number stays in the field, so that students can correct it; after the measurement the
    box is closed.
    """
    box = predict("toy.guess", p50=..., p95=...)
    assert "predict('toy.guess', p50=…, p95=…)" in repr(box)
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(
        box._repr_mimebundle_()
    )
    for field, other in (("p50", "p95"), ("p95", "p50")):
        box.fields[other].value = "12"
        for typed, says in (
            ("ten", "is not a number"),
            ("", "nothing is typed"),
            ("-3", "-3 is not between"),
        ):
            box.fields[field].value = typed
            box.lock()
            assert box.status.value.startswith(f'<span role="status">“{box.asked.fields[field]}”: ')
            assert says in box.status.value
            assert box.fields[field].value == typed
    assert list(ledger()) == []
    box.fields["p95"].value = "12"
    for typed, value in (("1,000", 1000), ("9.5 ms", 9.5)):
        box.fields["p50"].value = typed
        # The browser's message when Enter is pressed in the field.
        box.fields["p50"]._handle_custom_msg({"event": "submit"}, [])
        assert predicted("toy.guess") == {"p50": value, "p95": 12}
        assert "✓ Noted." in box.status.value
        assert box.fields["p50"].value == f"{value:g}"
    assert not box.button.disabled
    measure()
    assert predict("toy.guess", p50=..., p95=...).button.disabled
    assert "stays as it was" in repr(predict("toy.guess", p50=10, p95=12))
    assert predicted("toy.guess")["p50"] == 9.5
    assert ": right" in repr(check("toy.guess"))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"p50": "9 ms or so", "p95": 1}, "`p50`: '9 ms or so' is not a number in ms."),
        ({"p50": 1, "p95": 1e9}, "`p95`: 1000000000 is not between"),
        ({"p50": 1}, "lacks `p95`"),
        ({"p50": 1, "p95": len}, "`p95` must be a number"),
    ],
)
def test_a_prediction_of_another_form_is_not_written_down(values, says):
    """It would be the last entry before the measurement, without a point; the message names the
    field.
    """
    card = repr(predict("toy.guess", **values))
    assert card.startswith("✗ Not noted")
    assert says in card
    assert list(ledger()) == []


def test_nobody_runs_past_a_prediction(measure):
    """One sentence names the first step; students who have measured already can go on with the
    lesson.
    """
    with pytest.raises(NotThereYetError) as caught:
        predicted("toy.guess")
    (line,) = caught.value._render_traceback_()
    assert line.startswith("Predict first: ")
    measure()
    predict("toy.guess", p50=2, p95=3)
    assert predicted("toy.guess") == {"p50": 2, "p95": 3}


#: The units of the course's predictions.
UNITS = {
    asked.unit for asked in read_questions(QUESTIONS_PATH.read_text(encoding="utf-8")).values()
}

#: Students' input, by unit and by the meant number; None is refused.
TYPED = {
    "MB": {
        1000: ["1000", "1,000", "1 000", "1_000", "1\u202f000", "1000.", "1e3", "1,000 MB"],
        12_345_678: ["12,345,678"],
        1234.5: ["1,234.5"],
        -1500: ["-1 500", "-1,500"],
        1: ["1.000"],
        0.5: [".5", "0.5", "0,5", ",5"],
        1.5: ["1.5", "1,5", "1,50"],
        0.125: ["0.125", "0,125"],
        1.0625: ["1,0625"],
        9.5: ["9.5 MB", "9.5MB", "9,5 MB"],
        7: [" 7 "],
        None: [
            "1,234,56",
            "1,000_000",
            "1.000,5",
            "1.000.000",
            "1 5",
            "9 GB",
            "2x",
            "50 %",
            "nan",
            "inf",
            "",
        ],
    },
    "×": {
        2: ["2", "2x", "2 x", "2X", "2×", "2 times", "200 %"],
        0.5: ["50 %", "50%", "0,5x"],
        None: ["x", "2 MB"],
    },
    "%": {50: ["50", "50 %", "50%"], None: ["2x", "50 ms"]},
    "of 100": {82: ["82", "82 of 100", "82 %"], None: ["82 of 90"]},
    "points": {-3: ["-3", "-3 points", "-3 %"]},
    "": {2: ["2", "2x"], 50: ["50 %"], None: ["2 ms"]},
}


@pytest.mark.parametrize(
    ("unit", "typed", "meant"),
    [
        (unit, typed, meant)
        for unit, rows in TYPED.items()
        for meant, texts in rows.items()
        for typed in texts
    ],
)
def test_a_typed_number_is_read_as_it_is_meant_or_refused(unit, typed, meant):
    """A comma before three digits separates thousands, unless only 0 precedes it; any other is a
    decimal comma.
    """
    if meant is None:
        with pytest.raises(ValueError, match=r"is not a number|nothing is typed"):
            number(typed, unit)
    else:
        assert number(typed, unit) == meant


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_every_unit_that_the_course_asks_for_may_be_typed_behind_the_number(unit):
    """A student types the label's text."""
    assert number(f"2 {unit}", unit) == 2


@pytest.mark.parametrize("state", [*State, None])
def test_a_cards_word_sign_and_colour_differ_from_every_other_states(state):
    """Nothing is told by colour alone."""
    own = Card("Headline", state)
    others = [Card("Headline", other_state) for other_state in {*State, None} - {state}]
    assert repr(own)[0] not in {repr(other)[0] for other in others}
    assert own.html not in {other.html for other in others}
    assert state is None or repr(own) != repr(Card("Headline"))


def test_answers_are_escaped_and_code_and_links_are_marked_up():
    """An answer is text from anywhere; backticks in our own sentences are code; links lead to
    notebooks alone.
    """
    card = Card("<b>", State.FAILED, ("use `x`",), (("Returned", "<script>alert(1)</script>"),))
    html = card.html
    assert "<script>" not in html
    assert "<b>" not in html
    assert "`" not in html
    assert "f(&lt;x&gt;)</code>" in marked("call `f(<x>)` first")
    assert '<a href="../a.ipynb#cell-id=b">A</a>' in marked("[A](../a.ipynb#cell-id=b)")
    assert "<a" not in marked("[A](javascript:alert.ipynb)")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    displayed: list = []
    monkeypatch.setattr("IPython.display.display", displayed.append)
    return displayed


@pytest.fixture
def toy(toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lesson:
    """Return a lesson that takes a file and a record from an earlier one, in a course of two
    lessons.
    """
    write_lesson(tmp_path, "maker", title="Make it", folder="1_model")
    takes = {"maker": ["models/made.onnx", "size made"]}
    toy_lesson = write_lesson(
        tmp_path, "toy", title="Toy", folder="2_edge", takes=takes, machine_minutes=20
    )
    build_all(tmp_path)
    for name in ("lesson", "lessons"):
        monkeypatch.setattr(
            first_cell, name, functools.partial(getattr(course, name), root=tmp_path)
        )
    return toy_lesson


def test_a_lesson_without_its_file_stops_with_a_link(toy, shown):
    """No traceback and no AttributeError further down: one sentence, and a link to the lesson that
    makes it.
    """
    with pytest.raises(NotThereYetError) as caught:
        first_cell.begin("toy")
    (line,) = caught.value._render_traceback_()
    assert "Make it makes made.onnx" in line
    assert "Make it makes the size record of made" in line
    html = shown[0].html
    assert html.count('<a href="../1_model/00_a_lesson.ipynb">Make it</a>') == 2
    assert "msl lease push" in html


def test_cells_behind_a_lesson_that_could_not_begin_end_with_one_sentence(
    toy, shown, monkeypatch, capsys
):
    """It names the error, and the first missing step; once the lesson begins, errors look as
    usual.
    """
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)

    def error_of(cell: str) -> list[str]:
        capsys.readouterr()
        shell.run_cell(cell)
        return capsys.readouterr().out.strip().splitlines()

    with pytest.raises(NotThereYetError):
        first_cell.begin("toy")
    for cell, says in (
        (
            "nothing_of_this_name",
            "NameError: name 'nothing_of_this_name' is not defined. *Toy* cannot begin yet: ",
        ),
        ("open('/absent/model.onnx')", "FileNotFoundError: "),
        ("from labs.checkpoints import predicted; predicted('toy.guess')", "Predict first: "),
    ):
        (line,) = error_of(cell)
        assert line.startswith(says)
        assert "Make it makes made.onnx" in line or "Predict first" in line
    monkeypatch.setattr(first_cell, "absences", lambda *_: {})
    first_cell.begin("toy")
    assert len(error_of("nothing_of_this_name")) > 3


def test_a_lesson_that_was_begun_says_where_to_go_on(toy, shown):
    """At first it says that the lesson is ready; later it names the next question, and the cells to
    run after a restart.
    """
    (workspace_dir() / "models").mkdir(parents=True)
    (workspace_dir() / "models" / "made.onnx").touch()
    ledger().append(Measurement.from_json(Entries().measured("size", "made", [1.0]).pop()))
    first_cell.begin("toy")
    assert repr(shown[-1]) == "✎ Toy: ready"
    check("toy.middle", middle)
    entries_before = list(ledger())
    first_cell.begin("toy")
    html = shown[-1].html
    assert 'href="00_a_lesson.ipynb#cell-id=toy-file"' in html
    assert "Run All Above Selected Cell" in html
    assert list(ledger()) == entries_before


def test_a_prediction_that_came_too_late_is_not_gone_back_to(toy, entries):
    """It stays as it is; students can correct all other mistakes."""
    entries.answered("toy.middle", {"outputs": [{"value": 2.0}, {"value": -1.0}]})
    entries.observed("file.toy.file", {"lines": 1})
    assert "#cell-id=toy-file" in first_cell.next_step(toy, entries.records)
    entries.observed("file.toy.file", {"lines": 2})
    entries.measured("latency", "a", [1.0]).measured("latency", "b", [2.0])
    entries.answered("toy.pick", {"choice": "a", "why": "x"})
    # Brackets are Markdown's own.
    assert (
        "[How long does (it) take?](00_a_lesson.ipynb#cell-id=toy-guess)"
        in first_cell.next_step(toy, entries.records)
    )
    entries.predicted("toy.guess", {"p50": 1, "p95": 1})
    assert (
        first_cell.next_step(toy, entries.records) == "Every question of this lesson is answered."
    )
