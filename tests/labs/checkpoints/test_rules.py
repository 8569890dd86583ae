"""What facts are held to, and the forms of answers: tables of what passes and what does not."""

import json

import numpy as np
import pandas as pd
import pytest

from labs.checkpoints.rules import NotAnsweredError, fault, fitted, holds, plain

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
    rules = [("a", 1, "a is {a}."), ("b", {"at least": 0.5}, "b is {b:.0%}, not {a}."), ("b", 1, "never")]
    assert fault(rules, {"a": 2, "b": 0.2}) == "a is 2."
    assert fault(rules, {"a": 1, "b": 0.2}) == "b is 20%, not 1."
    assert fault(rules, {"a": 1, "b": 1}) == ""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.array([1, 2]), [1, 2]),
        (pd.Series([1.5, 2.5]), [1.5, 2.5]),
        ({"p50": np.float64(1.5), 2: True}, {"p50": 1.5, "2": True}),
    ],
)
def test_what_students_hold_becomes_json(value, kept):
    """Arrays, tuples, series and numpy's scalars have a plain form; a float stays one."""
    assert json.dumps(plain(value)) == json.dumps(kept)


@pytest.mark.parametrize("stub", [..., None, "  ", "…", {"low": 1, "claim": "..."}, [1, ...], {"a": {"b": ...}}])
def test_what_is_still_a_stub_is_not_answered(stub):
    """Dots anywhere, or nothing at all."""
    with pytest.raises(NotAnsweredError):
        plain(stub)


@pytest.mark.parametrize(
    ("form", "value", "says"),
    [
        ("number", "3", "is to be a number"),
        ("number", True, "is to be a number"),
        ("number", float("nan"), "is to be a number"),
        ("number", {"$": "other", "type": "function"}, "is to be a number"),
        ("whole number", 2.5, "is to be a whole number"),
        ("text", 3, "is to be a text"),
        (["Latency", "size"], "speed", "is one of `Latency`, `size`"),
        ({"why": "text"}, "because", "is to be a dictionary with `why`"),
        ({"why": "text"}, {"because": "x"}, "lacks `why`"),
        ({"why": "text"}, {"why": 3}, "`why` is to be a text"),
        ({"a": {"b": "number"}}, {"a": {"b": "x"}}, "`b` is to be a number"),
    ],
)
def test_an_answers_form_is_checked_before_its_content(form, value, says):
    """With one sentence, that names the part."""
    with pytest.raises(ValueError, match=says):
        fitted(value, form)


@pytest.mark.parametrize(
    ("form", "value", "kept"),
    [
        (["Latency", "size"], " LATENCY ", "Latency"),
        ({"by": ["a b"], "why": "text"}, {"by": "A  B", "why": "x", "more": 1}, {"by": "a b", "why": "x"}),
        ("number", 2.5, 2.5),
        ("whole number", 2.0, 2.0),
    ],
)
def test_capitals_and_spaces_of_a_word_are_forgiven(form, value, kept):
    """All spellings of 'Latency' are one word."""
    assert fitted(value, form) == kept
