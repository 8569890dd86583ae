"""What holds for every question: its stub, each mistake that it names, and its own right answer are told apart.

A new lesson is covered as soon as its questions are registered.
"""

from __future__ import annotations

import functools
import json
import math

import numpy as np
import pytest
from grading.checkpoints import Checkpoint, State, all_checkpoints, check
from grading.checkpoints.artefacts import SUBJECT
from grading.checkpoints.functions import Mistake, Round

from grading.builder.solve import AnswerKey
from labs.checkpoints.calls import call
from labs.records import Records
from labs.records.ledger import ledger
from tests.grading.questions.beside import answered_by, needed

FUNCTIONS = [one for one in all_checkpoints() if one.kind == "function"]
ARTEFACTS = [one for one in all_checkpoints() if one.kind == "artefact"]
MISTAKES = [(one, mistake) for one in FUNCTIONS for mistake in one.asks.mistakes]
EXAMPLES = [(one, name) for one in ARTEFACTS for name in one.asks.examples]


def named(value: object) -> str:
    """Return how a case is called."""
    return getattr(value, "id", getattr(value, "name", str(value)))


@functools.cache
def drawn(id: str, seed: int) -> Round:
    """Return secret cases; what the reference does on them is kept for all tests of a question."""
    return all_checkpoints()[id].asks.drawn(np.random.default_rng(seed))


@pytest.mark.parametrize("question", FUNCTIONS, ids=named)
def test_a_stub_is_open_and_the_reference_earns_every_point(question: Checkpoint):
    """In the notebook: the dots write nothing down, and the right function passes once its records are there."""

    def stub(*arguments):
        """Return something."""
        ...

    assert repr(check(question.id, stub)).startswith(f"OPEN {question.id} (0/")
    assert list(ledger()) == []
    if question.needs:
        assert repr(check(question.id, question.asks.reference)).startswith("WAIT ")
    for entry in Records.from_json(needed(question)):
        ledger().append(entry)
    passed = check(question.id, question.asks.reference)
    assert repr(passed) == f"PASS {question.id} ({question.points}/{question.points})"


@pytest.fixture(scope="module")
def answered() -> dict[str, object]:
    """Return the answer key's functions, by question; those of one lesson may call each other."""
    answers, spaces, found = AnswerKey.read().answers, {}, {}
    for one in FUNCTIONS:
        space = spaces.setdefault((one.part, one.lesson), {"np": np, "math": math})
        exec(answers[one.id], space)
        found[one.id] = space[one.asks.name]
    return found


@pytest.mark.parametrize("question", FUNCTIONS, ids=named)
def test_the_answer_key_is_right_on_cases_that_nobody_has_seen(question: Checkpoint, answered: dict[str, object]):
    """As in the grader, with nothing ready but `np` and `math`, whatever the seed."""
    for seed in range(5):
        cases = drawn(question.id, seed)
        verdict = cases.verdict(call(answered[question.id], cases.cases))
        assert verdict.ok, f"seed {seed}: {verdict}"


@pytest.mark.parametrize(("question", "mistake"), MISTAKES, ids=named)
def test_a_known_mistake_of_a_function_gets_its_sentence(question: Checkpoint, mistake: Mistake):
    """On the fixed cases, and on secret ones whatever the seed."""
    entries = needed(question).answered(question.id, answered_by(question, mistake.function))
    verdict = question.verdict(entries)
    assert (verdict.state, verdict.mistake, verdict.message) == (State.FAILED, mistake.name, mistake.message)
    for seed in range(5):
        assert drawn(question.id, seed).differing(mistake), f"seed {seed} does not show it"


#: What somebody may hand over who has not read the question: an argument, or a built-in of the first one.
THOUGHTLESS = (
    *(lambda *arguments, place=place: arguments[place] for place in range(4)),
    *(lambda first, *_, built_in=built_in: built_in(first) for built_in in (len, sum, max, min, sorted, bool, str)),
)


@pytest.mark.parametrize("question", FUNCTIONS, ids=named)
def test_no_function_without_a_thought_is_right(question: Checkpoint):
    """No constant, no argument that is handed back and no built-in agrees with the reference on all fixed cases."""
    public = question.asks.public
    assert not public.verdict([public.expected[0]] * len(public.cases)).ok, "one constant is right everywhere"
    for function in THOUGHTLESS:
        outcomes = zip(call(function, public.cases), public.expected, strict=True)
        assert not all(public.agrees(*pair) for pair in outcomes)


@pytest.mark.parametrize("question", FUNCTIONS, ids=named)
def test_every_case_can_be_kept_as_json(question: Checkpoint):
    """Whatever the seed, as the ledger and the grader's sandbox do."""
    for seed in range(10):
        cases = drawn(question.id, seed)
        assert json.loads(json.dumps(cases.cases)) == list(cases.cases)
        assert cases.verdict(cases.expected).ok
        assert '"other"' not in json.dumps([cases.cases, cases.expected])


@pytest.mark.parametrize(("question", "name"), EXAMPLES, ids=named)
def test_facts_about_a_file_are_judged_as_their_author_says(question: Checkpoint, name: str):
    """The good example earns every point, each other one the sentence of its mistake."""
    example = question.asks.examples[name]
    entries = needed(question, *example.records).observed(SUBJECT + question.id, dict(example.facts))
    verdict = question.verdict(entries)
    if name == "good":
        assert verdict.ok, verdict
    else:
        assert (verdict.state, verdict.mistake) == (State.FAILED, name)
        assert verdict.message == question.mistakes[name]


@pytest.mark.parametrize("question", ARTEFACTS, ids=named)
def test_a_file_that_is_not_there_is_said_in_one_sentence(question: Checkpoint, tmp_path):
    """Nothing is looked into, and nothing is written down."""
    assert set(question.asks.examples) == {"good", *question.mistakes}
    assert repr(check(question.id, ...)).startswith("OPEN ")
    assert "There is no file `absent.bin`" in repr(check(question.id, tmp_path / "absent.bin"))
    assert list(ledger()) == []


def test_a_program_that_is_still_a_stub_starts_no_server(tmp_path):
    """It is said at once, and nothing is written down."""
    program = tmp_path / "food" / "1" / "model.py"
    program.parent.mkdir(parents=True)
    program.write_text("class TritonPythonModel:\n    def execute(self, requests):\n        ...\n")
    said = repr(check("s.queue.model", tmp_path / "food"))
    assert said.startswith("OPEN ")
    assert "`execute` in `model.py` still ends in the stub's dots" in said
    assert list(ledger()) == []
