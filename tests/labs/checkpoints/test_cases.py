"""What a function did on its cases: right results pass, and the first wrong one gets the sentence that helps most."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.checkpoints.calls import encode
from labs.checkpoints.cases import State, close, general, judge, shown

CASES = (
    {"args": [1], "expected": 2.0, "says": "Plain."},
    {"args": [[1, 2]], "expected": [2.0, 4.0], "says": "Special."},
    {"args": [0], "expected": 0, "says": ""},
)
RIGHT = [{"value": case["expected"]} for case in CASES]

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e12, 1e12) | st.just(math.nan) | st.just(math.inf)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("came", "expected", "is_close"),
    [
        (1.0009, 1.0, True),
        (1.002, 1.0, False),
        (0.0, 1e-10, True),
        (2.0, 2, True),
        (2.0001, 2, False),
        (1, True, False),
        (1.0, True, False),
        ("1", 1, False),
        (None, 0, False),
        (0.0, math.nan, False),
        (math.nan, 0.0, False),
        (-math.inf, math.inf, False),
        ([1.0], [1.0, 2.0], False),
        (1.0, [1.0], False),
        ([[1.0], [2.0]], [1.0, 2.0], False),
        ({"a": 1.0, "b": 1}, {"a": 1.0}, False),
        ([], {}, False),
    ],
)
def test_whole_numbers_and_words_are_exact_and_other_numbers_within_a_thousandth(came, expected, is_close):
    """True is no number, and NaN is the same as NaN alone."""
    assert close(came, expected) is is_close


@given(PLAIN)
def test_every_result_is_close_to_itself_and_to_nothing_around_it(value):
    """Whatever it is, and however it is shown: on one line that is not long."""
    assert close(value, value)
    assert not close([value], value)
    assert not close({"else": value}, value)
    assert len(shown(value)) <= 160


@given(st.floats(1e-3, 1e9) | st.floats(-1e9, -1e-3), st.floats(1.002, 1e3))
def test_a_number_that_is_off_by_more_than_a_thousandth_is_not_close(expected, factor):
    """Whatever its size."""
    assert not close(expected * factor, expected)


@pytest.mark.parametrize(
    ("came", "expected", "says"),
    [
        (None, 1.0, "It returns nothing: is there a `return`?"),
        ([1.0], 1.0, "It returns a list or an array instead of a number."),
        (True, 1.0, "It returns True or False instead of a number."),
        ({"$": "other", "type": "Tensor"}, 1.0, "It returns a Tensor instead of a number."),
        ({"a": 1.0}, {"b": 1.0}, "Its keys are ['a'] instead of ['b']."),
        ({"a": 1.0, "b": 3.0}, {"a": 1.0, "b": -3.0}, "`b` is wrong. It has the wrong sign."),
        (["a"], ["a", "b"], "Its own."),
        (["b", "a"], ["a", "b"], "The right values, in another order."),
        ([3.0, 1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0], "The right values, in another order."),
        ([[1.0, 2.0]], [1.0, 2.0], "It returns an array of shape (1, 2) instead of (2,). Its own."),
        ([1.0, 0.5], [1.0, 2.0], "Value 2 of 2 is wrong. It is turned around: 1 divided by what was asked for."),
        ([1.0, 7.0, 3.0], [1.0, 2.0, 3.0], "Value 2 of 3 is wrong. Its own."),
        (-2.0, 2.0, "It has the wrong sign."),
        (0.25, 4.0, "It is turned around: 1 divided by what was asked for."),
        (2.4, 2, "It is not a whole number."),
        (1e-7, 0, "It is not a whole number."),
        (3e-9, 7e-9, "Its own."),
        (1001, 1000, "Its own."),
        ([0.0, 300.0, -5.0, 7.0], [0.0, 255.0, 0.0, 7.0], "It exceeds the limits."),
        ([2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0], "It is 2 times what was asked for."),
        (7.0, 2.0, "Its own."),
        ("a", "b", "Its own."),
        ([True, False], [True, True], "Its own."),
    ],
)
def test_what_is_wrong_as_everywhere_is_said_as_everywhere_and_else_as_the_case_says(came, expected, says):
    """A sentence that is not true of the result would lead astray."""
    assert not close(came, expected)
    assert general(came, expected, "Its own.") == says


@given(PLAIN, PLAIN)
def test_something_is_said_about_every_wrong_result(came, expected):
    """Whatever came, and whatever was expected."""
    if not close(came, expected):
        assert general(came, expected, "Its own.")


@pytest.mark.parametrize(
    ("place", "came", "says", "returned"),
    [
        (0, {"value": 7.0}, "Plain.", "7"),
        (1, {"value": [2.0, 5.0]}, "Value 2 of 2 is wrong. Special.", "[2, 5]"),
        (1, {"raised": "ValueError", "said": "too short"}, "It stops with ValueError: too short. Special.", "nothing"),
        (2, {"raised": "KeyError"}, "It stops with KeyError.", "nothing"),
        (2, {"value": 3}, "Not right yet.", "3"),
    ],
)
def test_the_first_case_that_fails_speaks_and_shows_its_call(place, came, says, returned):
    """With what came and what was expected; the cases behind it are not looked at."""
    outputs = [*RIGHT[:place], came, *[{"value": None}] * (len(CASES) - place - 1)]
    found = judge("f", CASES, outputs)
    assert (found.message, found.state) == (says, State.FAILED)
    rows = dict(found.shown)
    assert rows["Call"] == f"f({shown(CASES[place]['args'][0])})"
    assert (rows["Returned"], rows["Expected"]) == (returned, shown(CASES[place]["expected"]))


def test_right_results_a_stub_and_results_of_other_cases_are_told_apart():
    """A stub is no mistake, and a course that was updated is none either."""
    assert judge("f", CASES, RIGHT).ok
    assert judge("f", CASES, [{"raised": "NotImplementedError"}] * 3).state is State.UNANSWERED
    assert "run the check again" in judge("f", CASES, RIGHT[:2]).message


@given(PLAIN)
def test_a_result_stays_right_on_its_way_through_the_ledger(value):
    """NaN and infinity have a form there, for JSON has none."""
    kept = json.loads(json.dumps(encode(value), allow_nan=False))
    assert judge("f", ({"args": [], "expected": kept, "says": ""},), [{"value": kept}]).ok
