"""Verdicts on functions, called as the grader calls them, and on facts: each wrong one gets its
sentence.
"""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from labs.course.cases import State, close, general, judge, shown
from labs.course.rules import NotAnsweredError, fault, fitted, holds, plain
from labs.judge.calls import call, decode, encode

CASES = (
    {"args": [1], "expected": 2.0, "says": "Plain."},
    {"args": [[1, 2]], "expected": [2.0, 4.0], "says": "Special."},
    {"args": [0], "expected": 0, "says": ""},
)
RIGHT = [{"value": case["expected"]} for case in CASES]

FINITE = st.integers(-(2**53), 2**53) | st.floats(-1e12, 1e12)
NUMBERS = FINITE | st.just(math.nan) | st.just(math.inf)
KEYS = st.text("abc", max_size=3)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)


def lists_and_objects(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3)


PLAIN = st.recursive(LEAVES, lists_and_objects, max_leaves=8)


@pytest.mark.parametrize(
    ("came", "expected", "is_close"),
    [
        (1.0009, 1.0, True),
        (1.002, 1.0, False),
        (1.002e9, 1e9, False),
        (-1.002e-6, -1e-6, False),
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
def test_whole_numbers_and_words_are_exact_and_other_numbers_within_a_thousandth(
    came, expected, is_close
):
    """True is no number, and NaN is the same as NaN alone."""
    assert close(came, expected) is is_close


@given(PLAIN)
def test_every_result_is_close_to_itself_and_to_nothing_around_it(value):
    """Whatever it is, and however it is shown: on one line that is not long."""
    assert close(value, value)
    assert not close([value], value)
    assert not close({"else": value}, value)
    assert len(shown(value)) <= 160


@pytest.mark.parametrize(
    ("came", "expected", "says"),
    [
        (None, 1.0, "It returns nothing. Is there a `return`?"),
        ([1.0], 1.0, "It returns a list or an array instead of a number."),
        (True, 1.0, "It returns True or False instead of a number."),
        ({"$": "other", "type": "Tensor"}, 1.0, "It returns a Tensor instead of a number."),
        ({"a": 1.0}, {"b": 1.0}, "Its own. Its keys are ['a'] instead of ['b']."),
        (
            {"a": 1.0, "b": 3.0},
            {"a": 1.0, "b": -3.0},
            "`b` is wrong. Its own. It has the wrong sign.",
        ),
        (["a"], ["a", "b"], "Its own."),
        (["b", "a"], ["a", "b"], "Its own. The values are right, but their order is wrong."),
        (
            [3.0, 1.0, 2.0, 4.0],
            [1.0, 2.0, 3.0, 4.0],
            "Its own. The values are right, but their order is wrong.",
        ),
        ([[1.0, 2.0]], [1.0, 2.0], "It returns an array of shape (1, 2) instead of (2,). Its own."),
        (
            [1.0, 0.5],
            [1.0, 2.0],
            "Value 2 of 2 is wrong. Its own. It is the reciprocal: 1 divided by the right result.",
        ),
        ([1.0, 7.0, 3.0], [1.0, 2.0, 3.0], "Value 2 of 3 is wrong. Its own."),
        (-2.0, 2.0, "Its own. It has the wrong sign."),
        (0.25, 4.0, "Its own. It is the reciprocal: 1 divided by the right result."),
        (2.4, 2, "Its own. It is not a whole number."),
        (1e-7, 0, "Its own. It is not a whole number."),
        (3e-9, 7e-9, "Its own."),
        (1001, 1000, "Its own."),
        (
            [0.0, 300.0, -5.0, 7.0],
            [0.0, 255.0, 0.0, 7.0],
            "Its own. Some numbers are outside the limits.",
        ),
        ([2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0], "Its own. It is 2 times the right result."),
        (7.0, 2.0, "Its own."),
        ("a", "b", "Its own."),
        ([True, False], [True, True], "Its own."),
    ],
)
def test_the_case_speaks_first_and_what_is_wrong_as_everywhere_stands_behind_it(
    came, expected, says
):
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
        (
            1,
            {"raised": "ValueError", "said": "too short"},
            "It stops with ValueError: too short. Special.",
            "nothing",
        ),
        (2, {"raised": "KeyError"}, "It stops with KeyError.", "nothing"),
        (2, {"value": 3}, "It is 3 too large: work this call out by hand.", "3"),
    ],
)
def test_the_first_case_that_fails_speaks_and_shows_its_call(place, came, says, returned):
    """With the found and the expected result; later cases are not checked."""
    cases_behind = len(CASES) - place - 1
    outputs = [*RIGHT[:place], came, *[{"value": None}] * cases_behind]
    verdict = judge("f", CASES, outputs)
    assert (verdict.message, verdict.state) == (says, State.FAILED)
    rows = dict(verdict.shown)
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
    stored = json.loads(json.dumps(encode(value), allow_nan=False))
    assert judge("f", ({"args": [], "expected": stored, "says": ""},), [{"value": stored}]).ok


FACTS = {"other": 8, "negative": -200}


@pytest.mark.parametrize(
    ("wanted", "keeps", "breaks"),
    [
        ("int8", "int8", "uint8"),
        (True, True, False),
        ({"is not": ""}, "x", ""),
        ({"at least": 0.8}, 0.8, 0.79),
        ({"at most": 0.8}, 0.8, 0.81),
        ({"at least": 0.8}, 1, float("nan")),
        ({"one of": ["a", "b"]}, "b", "c"),
        ({"holds": "rate("}, "sum(rate(x))", "sum(x)"),
        ({"holds": 3}, [1, 3], [1, 2]),
        ({"is fact": "other"}, 8, 9),
        ({"near fact": "other"}, 8.05, 8.1),
        ({"near fact": "negative"}, -201, -203),
    ],
)
def test_a_fact_keeps_or_breaks_what_it_is_held_to(wanted, keeps, breaks):
    """Another fact may be what it is held to."""
    assert holds(keeps, wanted, FACTS)
    assert not holds(breaks, wanted, FACTS)


def test_the_first_rule_that_is_broken_speaks_with_the_facts():
    """In the order in which they stand."""
    rules = [
        ("a", 1, "a is {a}."),
        ("b", {"at least": 0.5}, "b is {b:.0%}, not {a}."),
        ("b", 1, "never"),
    ]
    assert fault(rules, {"a": 2, "b": 0.2}) == "a is 2."
    assert fault(rules, {"a": 1, "b": 0.2}) == "b is 20%, not 1."
    assert fault(rules, {"a": 1, "b": 1}) == ""


@pytest.mark.parametrize(
    "stub", [..., None, "  ", "…", {"low": 1, "claim": "..."}, [1, ...], {"a": {"b": ...}}]
)
def test_what_is_still_a_stub_is_not_answered(stub):
    """Dots anywhere, or nothing at all."""
    with pytest.raises(NotAnsweredError):
        plain(stub)


@pytest.mark.parametrize(
    ("form", "value", "says"),
    [
        ("number", "3", "must be a number"),
        ("number", True, "must be a number"),
        ("number", float("nan"), "must be a number"),
        ("number", {"$": "other", "type": "function"}, "must be a number"),
        ("whole number", 2.5, "must be a whole number"),
        ("text", 3, "must be a text"),
        (["Latency", "size"], "speed", "must be one of `Latency`, `size`"),
        ({"why": "text"}, "because", "must be a dictionary with `why`"),
        ({"why": "text"}, {"because": "x"}, "lacks `why`"),
        ({"why": "text"}, {"why": 3}, "`why` must be a text"),
        ({"a": {"b": "number"}}, {"a": {"b": "x"}}, "`b` must be a number"),
    ],
)
def test_an_answers_form_is_checked_before_its_content(form, value, says):
    """With one sentence, that names the part."""
    with pytest.raises(ValueError, match=says):
        fitted(value, form)


@pytest.mark.parametrize(
    ("form", "value", "judged"),
    [
        (["Latency", "size"], " LATENCY ", "Latency"),
        (
            {"by": ["a b"], "why": "text"},
            {"by": "A  B", "why": "x", "more": 1},
            {"by": "a b", "why": "x"},
        ),
        ("number", 2.5, 2.5),
        ("whole number", 2.0, 2.0),
    ],
)
def test_capitals_and_spaces_of_a_word_are_forgiven(form, value, judged):
    """All spellings of 'Latency' are one word."""
    assert fitted(value, form) == judged


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (np.array([[1, 2]], np.int8), {"$": "array", "dtype": "int8", "values": [[1, 2]]}),
        (np.float32(0.5), 0.5),
        (math.nan, {"$": "float", "text": "nan"}),
        ((1, (2, 3)), [1, [2, 3]]),
        ({3, 1}, [1, 3]),
        (pd.Series([1.5, 2.5]), [1.5, 2.5]),
        ({"p50": np.float64(1.5), 2: True}, {"p50": 1.5, "2": True}),
        (1j, {"$": "other", "type": "complex"}),
        (len, {"$": "other", "type": "builtin_function_or_method"}),
    ],
)
def test_what_a_function_takes_or_returns_has_a_form_in_json(value, form):
    """A value without this is named by its type."""
    assert json.dumps(encode(value), allow_nan=False) == json.dumps(form)


@given(
    arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8]),
        array_shapes(max_dims=3, max_side=3),
    )
)
def test_an_array_comes_back_as_it_went(value):
    """With its kind of numbers, NaN and infinities too; or as lists."""
    stored = json.loads(json.dumps(encode(value), allow_nan=False))
    decoded = decode(stored)
    assert (decoded.dtype, decoded.shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(decoded, value)
    np.testing.assert_array_equal(decode(stored, arrays=False), value)


def test_whatever_a_function_does_is_written_down_and_has_an_end():
    """Depth, length and exceptions; and it may change its arguments."""

    def does(what):
        if what == "deep":
            deep = value = []
            for _ in range(5000):
                value.append([])
                value = value[0]
            return deep
        if what == "long":
            return "x" * 1_000_000
        if what == "stops":
            raise ValueError("y" * 1000)
        what.append(1)
        return what

    deep, long, stops, first, second = call(does, [["deep"], ["long"], ["stops"], [[0]], [[0]]])
    assert len(json.dumps([deep, long, stops])) < 2000
    assert stops["raised"] == "ValueError"
    assert first == {"value": {"$": "other", "type": "result that is too large"}}
    assert second == first
    assert call(does, [[[0]], [[0]]]) == [{"value": [0, 1]}, {"value": [0, 1]}]
