"""Strict JSON: forbidden values in evidence are refused by name, and the parser survives hostile
text.
"""

import ast

import pytest

from labs.records.strict import StrictJsonError, loads
from labs.workspace import PROJECT_DIR

#: The grader's files that run inside the sandbox and read the grader's own output.
INSIDE = {"functions/verbs.py"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "NaN"),
        ("[-Infinity]", "Infinity"),
        ("[1e999]", "finite"),
        ("1" * 5000, "thousands of digits"),
        ("[2.5, -" + "1" * 19 + "]", "more than 18 digits"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 100_000, "deeper"),
        ('{"a":' * 100_000, "deeper"),
        ("[" * 40 + "]" * 40, "deeper"),
        ('[1, {"a": [' * 30_000, "deep|not JSON"),
        ("<html><body>Log in</body></html>", "not JSON"),
        ('{"samples": [1, 2', "not JSON"),
        ("", "not JSON"),
    ],
)
def test_what_evidence_may_not_hold_is_refused(text: str, says: str):
    """Each with a reason that a student can act on."""
    with pytest.raises(StrictJsonError, match=says):
        loads(text)


def test_honest_json_is_read():
    """Strictness that refuses everything would pass the test above; a large float is no long whole
    number.
    """
    assert loads("[999999999999999999, 1e300]") == [999999999999999999, 1e300]
    assert loads('{"a": [1, 2.5, -3e-4, "NaN", null, true], "b": {"c": []}}') == {
        "a": [1, 2.5, -3e-4, "NaN", None, True],
        "b": {"c": []},
    }


def test_what_students_and_sandboxes_say_is_read_by_no_other_loader():
    """100,000 brackets end Python's own, and with it whatever the grader was about to do; pickles
    run.
    """
    root = PROJECT_DIR / "grading" / "grade"
    readers = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {"json", "pickle"} & {getattr(getattr(node, "value", None), "id", "")}
            names |= {getattr(node, "module", "")} & {"json", "pickle"}
            if names and (
                isinstance(node, ast.ImportFrom) or node.attr in ("load", "loads", "JSONDecoder")
            ):
                readers.add(path.relative_to(root).as_posix())
    assert readers <= INSIDE
