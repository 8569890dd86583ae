"""The five verbs in a notebook: what they write into the ledger, and what they leave in the stored output."""

from __future__ import annotations

import numpy as np
import pytest

from grading.checkpoints import UnknownCheckpointError, all_checkpoints, answer, check, predict, reconcile, scoreboard
from grading.checkpoints.plain import NotAnsweredError, plain, shown
from labs.workspace import ledger


@pytest.mark.parametrize("stub", [..., None, "...", "", {"low": 1.0, "high": ...}, [1, ...]])
def test_a_stub_writes_nothing_and_does_not_crash(stub):
    """Running an untouched lesson from top to bottom leaves no answers behind."""
    assert repr(answer("start.processors", stub)) == "start.processors: not answered yet"
    assert list(ledger()) == []


def test_an_answer_is_kept_as_plain_json():
    """numpy's numbers are what students have in hand."""
    assert repr(answer("start.processors", np.int64(2))) == "start.processors: answer noted"
    assert ledger().answers()["start.processors"].value == 2


def test_a_prediction_is_kept_with_its_time():
    """Without it, nobody could say whether it came first."""
    predict("start.size_guess", 9)
    assert ledger().predictions()["start.size_guess"].made_at.endswith("+00:00")


def test_an_answer_to_an_unknown_question_is_refused():
    """It would vanish: no check would ever read it."""
    with pytest.raises(UnknownCheckpointError, match=r"start\.processors"):
        answer("start.processor", 2)


def test_stored_text_of_a_check_is_fixed():
    """PASS or FAIL, the points and a sentence; measured numbers only in the HTML."""
    assert repr(check("start.processors")).startswith("FAIL start.processors (0/1): Not answered yet")
    answer("start.processors", 3)
    assert repr(check("start.processors")).startswith("FAIL start.processors (0/1): There is no record")


def test_a_failed_check_shows_its_hint_and_a_passed_one_does_not(monkeypatch):
    """The hint belongs to the failure."""
    assert "Hint:" in check("start.processors")._repr_html_()
    predict("start.size_guess", 9)
    html = check("start.size_guess")._repr_html_()
    assert "PASS start.size_guess (1/1)" in html
    assert "Hint:" not in html


def test_answers_are_escaped_where_they_are_shown_back():
    """An answer is text from anywhere; it must not become markup."""
    html = answer("m.meet.hardest_class", "<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_reconcile_is_for_predictions():
    """Asked for anything else, it says what to use instead."""
    with pytest.raises(ValueError, match="use check"):
        reconcile("start.processors")


def test_reconcile_shows_the_prediction_before_anything_is_measured():
    """The card names both sides; its stored text holds no number."""
    predict("start.size_guess", 9)
    card = reconcile("start.size_guess")
    assert repr(card) == "start.size_guess: prediction and measurement"
    assert "9 MB" in card._repr_html_()
    assert "not measured yet" in card._repr_html_()


def test_the_scoreboard_counts_points_of_a_part():
    """One of the start's points after a prediction."""
    asked = [one for one in all_checkpoints() if one.part == "start"]
    predict("start.size_guess", 9)
    board = scoreboard("start")
    assert repr(board) == f"1 of {sum(one.points for one in asked)} points"
    assert board._repr_html_().count("<tr>") == 1 + len(asked)


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


def test_a_function_in_place_of_its_result_is_named():
    """`record.percentile` without parentheses is the usual slip."""
    with pytest.raises(TypeError, match="call it with parentheses"):
        plain(len)


def test_a_number_that_is_none_is_refused():
    """NaN would pass every comparison by failing it."""
    with pytest.raises(ValueError, match="not a finite number"):
        plain(np.nan)
    with pytest.raises(NotAnsweredError):
        plain(np.array([None]))


def test_answers_are_shown_back_in_a_readable_length():
    """Seventeen digits help nobody."""
    assert shown({"p50": 0.0123456789, "claim": "faster", "sizes": [1, 2]}) == (
        "p50: 0.01235\nclaim: faster\nsizes: 1, 2"
    )
    assert shown({"node": "last/Gemm", "ranking": [{"node": "a"}] * 53}) == "node: last/Gemm\nranking: 53 rows"
    assert shown([{"low": 1}, {"low": 2}]) == "(low: 1), (low: 2)"
    assert shown({"used": {"a": {"cpu": 56}, "b": {"gpu": 1}}}) == "used: (a: (cpu: 56), b: (gpu: 1))"
