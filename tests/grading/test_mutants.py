"""Mutants of a small function: the edits that weak cases let pass, and those that a lesson may
excuse.
"""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from grading.__main__ import app
from grading.builder.mutants.edited import Call, mutants_of
from grading.builder.mutants.examine import QuestionMutants, examine
from labs.course.lessons import Lesson, LessonError
from tests.course import QUESTIONS

DOMAIN = """

@domain("toy.double")
def any_number(random):
    return (int(random.integers(-9, 9)),)
"""
STRONG = QUESTIONS.format(id="toy").replace("import ", "import domain, ") + DOMAIN
WEAK = STRONG.replace('    yield (random.integers(3, 10_000),), ""\n', "").replace(
    '    yield (-random.integers(3, 10_000),), "This one is negative."\n', ""
)
#: Twice 2 is also 2 + 2.
PLUS = "return 2 * number → return 2 + number"

Write = Callable[..., Lesson]


def examined(write_lesson: Write, questions: str, excuses: str = "") -> QuestionMutants:
    lesson = write_lesson(questions=questions)
    if excuses:
        (lesson.folder / "excuses.toml").write_text(excuses, encoding="utf-8")
    return examine(lesson, "toy.double")


def test_strong_cases_let_no_mutant_pass(write_lesson: Write):
    """The remaining mutants are the same function in other words."""
    double = examined(write_lesson, STRONG)
    assert double.survivors == []
    assert double.missing == []
    assert double.refused + double.same == double.mutants
    assert double.refused > 10


def test_weak_cases_are_told_which_call_they_lack(write_lesson: Write):
    """It refuses all survivors, and shows each by its change."""
    double = examined(write_lesson, WEAK)
    assert PLUS in [survivor.change for survivor in double.survivors]
    assert double.missing
    assert all(call.startswith("double(") for call in double.missing)


def test_an_excuse_counts_for_its_mutant_only(write_lesson: Write):
    """One that matches no survivor is needless."""
    excuses = f"""
[double]
"{PLUS}" = "Nobody writes a sum for a product."
"return 2 * number → return 3" = "This one is refused anyway."
"""
    double = examined(write_lesson, WEAK, excuses)
    assert double.excused == {PLUS: "Nobody writes a sum for a product."}
    assert double.needless == ["return 2 * number → return 3"]
    assert PLUS not in [survivor.change for survivor in double.survivors]


def test_a_question_without_a_domain_is_told_how_to_give_one(write_lesson: Write):
    """Nothing can be said of its mutants."""
    with pytest.raises(LessonError, match=r"decorate it with @domain\(.toy\.double.\)"):
        examined(write_lesson, QUESTIONS.format(id="toy"))


def test_a_mutant_that_never_ends_is_refused(write_lesson: Write):
    """Its loop is counted, so that no clock decides."""
    source = """# %% question="toy.double"
def double(number):
    while number % 2:
        number += number
    return 2 * number


check("toy.double", double)

# %%
predict("toy.guess", size=..., upsize=...)
guesses = predicted("toy.guess")
"""
    lesson = write_lesson(source=source, questions=STRONG)
    assert examine(lesson, "toy.double").mutants > 20


def test_each_mutant_differs_from_the_solution_in_one_place():
    """Its change shows the line before and after."""
    source = 'def most(values, least):\n    """Doc."""\n    return max(values) > least\n'
    calls = [Call({"values": [1, 2], "least": 1}, True), Call({"values": [3], "least": 4}, False)]
    mutants = {mutant.change: mutant.source for mutant in mutants_of(source, "most", calls)}
    line = "return max(values) > least"
    assert mutants[f"{line} → return max(values) >= least"].endswith(">= least")
    assert f"{line} → return min(values) > least" in mutants
    assert "→ values = values[::-1]" in mutants
    assert "→ least = 4" in mutants
    assert len(set(mutants.values())) == len(mutants)


def test_authors_see_the_table_of_a_lesson():
    """As text, and as JSON for programs; the status says whether something is left to do."""
    runner = CliRunner()
    shown = runner.invoke(app, ["mutants", "http"])
    assert shown.exit_code == 0
    assert "http.amdahl" in shown.output
    assert "0 survive" in shown.output
    (row,) = json.loads(runner.invoke(app, ["mutants", "http", "--json"]).output)
    assert row["question"] == "http.amdahl"
    assert row["survivors"] == []
    assert row["mutants"] == row["refused"] + row["same"]
