"""A function is called without its lesson by the grader; the notebook's check says so while it can be mended."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from IPython.core.interactiveshell import InteractiveShell

from labs.checkpoints import check
from labs.checkpoints.calls import alone, call, decode, encode

CLAIM = """
def claim(lost, gained):
    if lost + gained == 0 or binomtest(lost, lost + gained).pvalue >= 0.05:
        return "cannot tell"
    return "better" if gained > lost else "worse"
"""
IMPORT = "from scipy.stats import binomtest\n"


def function_of(*cells: str, name: str = "claim"):
    """Return the function that cells of a notebook leave behind."""
    shell = InteractiveShell()
    for cell in cells:
        shell.run_cell(cell).raise_error()
    return shell.user_ns[name]


@pytest.mark.parametrize(
    ("cells", "works"),
    [
        ((IMPORT, CLAIM), False),
        ((IMPORT + CLAIM,), True),
        ((CLAIM.replace(":\n", ":\n    from scipy.stats import binomtest\n", 1),), True),
        (("offset = 1", "def claim(a, b):\n    return shifted(a)\ndef shifted(a):\n    return a + offset"), False),
        (("def claim(a, b):\n    return shifted(a)\nshifted = lambda a: math.sqrt(np.max([a, 1]))",), True),
        (("%time pass\ndef claim(a, b):\n    return offset",), False),
        (("def other():\n    return 1", "def claim(a, b):\n    return other()"), False),
    ],
)
def test_a_function_is_called_as_the_grader_has_it(cells: tuple[str, ...], works: bool):
    """With what its own cell defines: a helper in another cell would else be learned from a grade."""
    (done,) = call(alone(function_of(*cells)), [[3, 1]])
    assert ("value" in done) == works
    assert works or done["raised"] == "NameError"


def test_check_says_that_the_grader_would_miss_a_name(toys):
    """Right here and a NameError there; what was not written in a cell is called as it is."""
    away, at_hand = (
        function_of(*cells, name="middle")
        for cells in (
            ("def half(x):\n    return x / 2", "def middle(low, high):\n    return half(low + high)"),
            ("def middle(low, high):\n    return half(low + high)\ndef half(x):\n    return x / 2",),
        )
    )
    assert "name 'half' is not defined. The grader calls this function alone" in repr(check("toy.middle", away))
    assert ": right" in repr(check("toy.middle", at_hand))
    assert alone(len) is len


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.array([[1, 2]], np.int8), {"$": "array", "dtype": "int8", "values": [[1, 2]]}),
        (np.float32(0.5), 0.5),
        (math.nan, {"$": "float", "text": "nan"}),
        ((1, (2, 3)), [1, [2, 3]]),
        ({3, 1}, [1, 3]),
        ({1: None}, {"1": None}),
        (1j, {"$": "other", "type": "complex"}),
        (len, {"$": "other", "type": "builtin_function_or_method"}),
    ],
)
def test_what_a_function_takes_or_returns_has_a_form_in_json(value, kept):
    """What has none is named by its type."""
    assert encode(value) == kept
    json.dumps(kept, allow_nan=False)


@given(arrays(st.sampled_from([np.float32, np.float64, np.int64, np.uint8]), array_shapes(max_dims=3, max_side=3)))
def test_an_array_comes_back_as_it_went(value):
    """With its kind of numbers, NaN and infinities too; or as lists."""
    kept = json.loads(json.dumps(encode(value), allow_nan=False))
    found = decode(kept)
    assert (found.dtype, found.shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(decode(kept, arrays=False), value)


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
