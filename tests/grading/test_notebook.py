"""The verbs in a notebook: what they write down, what they show, and what they leave in the stored output."""

from __future__ import annotations

import numpy as np
import pytest
from grading.checkpoints import (
    NotPredictedYetError,
    UnknownCheckpointError,
    all_checkpoints,
    answer,
    check,
    guesses,
    predict,
    predicted,
    reconcile,
    scoreboard,
)
from grading.checkpoints.cards import Card, marked
from grading.checkpoints.predictions import number
from grading.checkpoints.registry import State
from grading.checkpoints.values import NotAnsweredError, plain, shown

from labs.records import Records
from labs.records.ledger import ledger

GUESS, FUNCTION, WORDS = "start.size_guess", "start.megabytes", "start.statuses"


def measured(entries) -> None:
    """Write the model's size into the ledger."""
    # Behind every prediction of a test, by its clock too.
    later = entries.measured("size", "torch-eager", [9e6], started_at="2099-01-01T00:00:00+00:00")
    for entry in Records.from_json(later):
        ledger().append(entry)


@pytest.mark.parametrize("stub", [..., None, "...", "", {"low": 1.0, "high": ...}, [1, ...]])
def test_a_stub_writes_nothing_and_does_not_crash(stub):
    """Running an untouched lesson from top to bottom leaves no answers behind."""
    assert repr(answer(WORDS, stub)) == f"{WORDS}: not answered yet"
    assert list(ledger()) == []


def test_an_answer_is_kept_as_plain_json():
    """numpy's values are what students have in hand."""
    assert repr(answer(WORDS, {"first": np.str_("ERROR"), "second": "ACTIVE"})) == f"{WORDS}: answer noted"
    assert ledger().answer(WORDS) == {"first": "ERROR", "second": "ACTIVE"}


@pytest.mark.parametrize("value", [float("nan"), len, object()])
def test_what_cannot_be_written_down_is_said_on_a_card(value):
    """An exception would be a page of code that is not the student's."""
    assert repr(answer(WORDS, value)).startswith(f"{WORDS}: not written down: ")
    assert list(ledger()) == []


def test_a_question_that_is_not_there_is_answered_with_the_nearest_one():
    """It would vanish: no check would ever read it."""
    with pytest.raises(UnknownCheckpointError, match=r"start\.statuses"):
        answer("start.status", 2)


def test_a_box_writes_the_prediction_down_and_lets_it_be_changed_until_it_is_measured(entries):
    """What is wrong stays in the field to be mended; after the measurement the box is closed."""
    box = predict(GUESS, ...)
    assert repr(box) == f"{GUESS}: a box for your prediction"
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(box._repr_mimebundle_())
    for typed, says in (("ten", "A number is asked for"), ("1,5", "write 1.5"), ("-3", "cannot be meant")):
        box.field.value = typed
        box.lock()
        assert says in box.said.value
        assert box.field.value == typed
    assert list(ledger()) == []
    for typed, kept in (("1,250", 1250), ("9.5 MB", 9.5)):
        box.field.value = typed
        # What the browser sends when Enter is pressed in the field.
        box.field._handle_custom_msg({"event": "submit"}, [])
        assert predicted(GUESS) == kept
        assert f"Noted: {kept} MB" in box.said.value
    assert not box.button.disabled
    measured(entries)
    assert predict(GUESS, ...).button.disabled
    assert "stays as it was" in repr(predict(GUESS, 10))
    assert repr(check(GUESS)) == f"PASS {GUESS} (1/1)"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1000", 1000),
        ("1,000", 1000),
        ("1 000", 1000),
        ("1_000", 1000),
        ("1\u202f000", 1000),
        ("12,345,678", 12_345_678),
        ("1,234.5", 1234.5),
        ("-1 500", -1500),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.000", 1),
        ("2e6", 2e6),
        ("9.5 MB", 9.5),
        ("9.5MB", 9.5),
        (" 7 ", 7),
        ("1,5", "write 1.5 with a point"),
        ("0,125", "write 0.125 with a point"),
        ("1,0000", "write 1.0000 with a point"),
        ("12,34", "write 12.34 with a point"),
        ("1,234,56", "A number is asked for"),
        ("1,000_000", "A number is asked for"),
        ("1.000,5", "A number is asked for"),
        ("1.000.000", "A number is asked for"),
        ("1 5", "A number is asked for"),
        ("9 GB", "A number is asked for"),
        ("nan", "A number is asked for"),
        ("", "A number is asked for"),
    ],
)
def test_a_comma_parts_thousands_or_is_refused(typed, meant):
    """Nobody's thousand is noted as one."""
    if isinstance(meant, str):
        with pytest.raises(ValueError, match=meant):
            number(typed, "MB")
    else:
        assert number(typed, "MB") == meant


def test_a_box_of_words_takes_one_of_them():
    """Nothing is chosen for the student."""
    box = predict("start.submit_guess", ...)
    assert box.field.value is None
    box.lock()
    assert "Choose one" in box.said.value
    box.field.value = "returns"
    box.lock()
    assert predicted("start.submit_guess") == "returns"


@pytest.mark.parametrize("value", ["9 megabytes or so", True, -3, float("inf"), [1]])
def test_a_prediction_of_another_form_is_not_written_down(value):
    """It would be the last word before the measurement, and worth nothing."""
    assert "not written down" in repr(predict(GUESS, value))
    assert list(ledger()) == []


def test_nobody_runs_past_a_prediction():
    """The measuring cell says in one sentence what comes first, without a traceback."""
    with pytest.raises(NotPredictedYetError) as caught:
        predicted(GUESS)
    (line,) = caught.value._render_traceback_()
    assert line.startswith("Predict first: ")
    predict(GUESS, 9)
    assert predicted(GUESS) == 9


def test_right_wrong_open_and_waiting_look_different_and_read_different(entries):
    """Word, sign and colour change together; the stored text holds no measured number."""

    def wrong(size_bytes):
        return size_bytes / 2**20

    def right(size_bytes):
        return size_bytes / 1e6

    cards = {"OPEN": check(FUNCTION), "FAIL": check(FUNCTION, wrong), "WAIT": check(FUNCTION, right)}
    measured(entries)
    cards["PASS"] = check(FUNCTION, right)
    assert {word: repr(card).partition(" ")[0] for word, card in cards.items()} == {word: word for word in cards}
    heads = [card._repr_html_().partition("<p")[0] for card in cards.values()]
    for part in ("✓", "✗", "▷", "○"):
        assert sum(part in head for head in heads) == 1
    assert sum("success-color" in head for head in heads) == sum("error-color" in head for head in heads) == 1


def test_hints_come_one_after_the_other_and_go_with_the_mistake():
    """The same function again is no second try."""
    one, two = all_checkpoints()[FUNCTION].hints
    tried = [lambda size_bytes: 3.0, lambda size_bytes: 4.0]
    for function, hint in ((tried[0], one), (tried[0], one), (tried[1], two)):
        assert f"Hint: {hint}" in check(FUNCTION, function).sentences


def test_a_students_own_exception_is_shown_to_the_student_only():
    """Type and message on the card, the type alone in what is kept and handed in."""

    def broken(size_bytes):
        raise ZeroDivisionError("my own words")

    card = check(FUNCTION, broken)
    assert "`megabytes` raises ZeroDivisionError" in repr(card)
    assert "my own words" in card._repr_html_()
    assert "my own words" not in str(ledger().answer(FUNCTION)["outputs"])


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (9.0, "Hand over the function itself"),
        (lambda size_bytes: print(end=""), "is its `return` missing"),
        (lambda size_bytes: [size_bytes / 1e6], "a list where a number is asked for"),
        (lambda size_bytes: str(size_bytes / 1e6), "a text where a number is asked for"),
        (lambda: 9.0, "raises TypeError"),
    ],
)
def test_what_a_function_returns_is_checked_before_its_value(function, says):
    """One sentence each."""
    assert says in repr(check(FUNCTION, function))


def test_what_is_right_on_fixed_cases_and_wrong_on_ones_own_records_fails_everywhere(entries):
    """The card says where; the scoreboard agrees with it."""
    measured(entries)

    def peculiar(size_bytes):
        return 0.0 if size_bytes == 9_000_000 else size_bytes / 1e6

    assert "On your own records" in repr(check(FUNCTION, peculiar))
    assert repr(check(FUNCTION)).startswith("FAIL ")


def test_answers_are_escaped_and_code_is_marked_up():
    """An answer is text from anywhere; backticks in our own sentences are code."""
    html = answer(WORDS, {"first": "<script>alert(1)</script>", "second": "x"})._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<code" in marked("call `f(<x>)` first")
    assert "f(&lt;x&gt;)</code>" in marked("call `f(<x>)` first")
    assert "`" not in Card("t", "h", State.FAILED, ("use `x`",))._repr_html_()


def test_reconcile_shows_the_prediction_beside_the_measurement(entries):
    """The card names both sides; its stored text holds no number. Asked for anything else, it says what to use."""
    predict(GUESS, 9)
    card = reconcile(GUESS)
    assert repr(card) == f"{GUESS}: prediction and measurement"
    assert "9 MB" in card._repr_html_()
    assert "not measured yet" in card._repr_html_()
    with pytest.raises(ValueError, match="use check"):
        reconcile(FUNCTION)


def test_guesses_are_a_table_of_a_parts_predictions():
    """In the words of ``reconcile``; with nothing predicted it says so kindly."""
    assert "costs nothing" in guesses()._repr_html_()
    predict(GUESS, 9)
    assert guesses("start").rows[0][1:] == ("9 MB", "not measured yet", "")
    assert repr(guesses("model")).endswith("none yet")


def test_the_scoreboard_counts_points_of_a_part_and_says_how_each_stands(entries):
    """One of the start's points after a prediction and its measurement."""
    asked = [one for one in all_checkpoints() if one.part == "start"]
    predict(GUESS, 9)
    measured(entries)
    board = scoreboard("start")
    assert repr(board) == f"1 of {sum(one.points for one in asked)} points"
    html = board._repr_html_()
    assert html.count("<tr>") == 1 + len(asked)
    assert "✓ right" in html
    assert "○ open" in html


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        ((1, "a"), [1, "a"]),
        ({"p50": np.float64(1.5), 2: True}, {"p50": 1.5, "2": True}),
        (np.bool_(True), True),
        ({"fastest": "onnx-all", "slower": ["", " "]}, {"fastest": "onnx-all", "slower": ["", " "]}),
    ],
)
def test_what_students_hold_becomes_json(value, kept):
    """Arrays, tuples and numpy's scalars have a plain form."""
    assert plain(value) == kept


@pytest.mark.parametrize(
    "value", [..., None, "", "  ", "...", "…", {"low": 1, "claim": "..."}, [1, ...], {"a": {"b": ...}}]
)
def test_what_is_still_a_stub_is_not_answered(value):
    """Dots anywhere, or nothing at all; an empty text beside real parts is an answer."""
    with pytest.raises(NotAnsweredError):
        plain(value)


def test_answers_are_shown_back_in_a_readable_length():
    """Seventeen digits help nobody."""
    assert shown({"p50": 0.0123456789, "claim": "faster", "sizes": [1, 2]}) == (
        "p50: 0.01235\nclaim: faster\nsizes: 1, 2"
    )
    assert shown({"node": "last/Gemm", "ranking": [{"node": "a"}] * 53}) == "node: last/Gemm\nranking: 53 rows"
    assert shown([{"low": 1}, {"low": 2}]) == "(low: 1), (low: 2)"
    assert shown({"used": {"a": {"cpu": 56}, "b": {"gpu": 1}}}) == "used: (a: (cpu: 56), b: (gpu: 1))"
