"""Files of questions, opened again: the lessons' own are right, and imitations are not."""

import json
import sys
from dataclasses import replace

import pytest

from grading.builder.questions import written
from grading.builder.sources import sources
from grading.grade.artefacts import programs, reopen
from grading.grade.artefacts.reopen import is_model, open_again
from grading.grade.sandbox import abilities
from labs.course.question import HANDED, SUBJECT, Question
from labs.judge import program, script
from labs.records import Observation, Records
from tests.honest import handed
from tests.questions.test_programs import FORMS
from tests.tools import sandboxed

pytestmark = sandboxed

#: Each question about a file that the grader opens, with its lesson and with facts that keep all
#: rules.
ASKED = {}
for _lesson in sources():
    for _id, _source in written(_lesson).items():
        if _source.values["kind"] == "file" and not _source.values.get("ledger_only"):
            ASKED[_id] = (_lesson, Question(_id, **_source.values), dict(_source.good))
TEXTS = [id for id, (_, asked, _) in ASKED.items() if not is_model(asked)]


@pytest.fixture(autouse=True)
def _opened_anew(monkeypatch):
    """Keep nothing from one test to the next."""
    monkeypatch.setattr(reopen, "_OPENED", {})


def seen(id: str, texts: dict[str, object]) -> Records:
    """Return a ledger that claims that all is right, and the checked objects."""
    return Records(
        [Observation(SUBJECT + id, ASKED[id][2] | {HANDED: texts}, "2026-01-01T00:00:00+00:00")]
    )


def opened(id: str, texts: dict[str, object]) -> reopen.Opened:
    """Return what opening it says; whatever comes back is read by the strict loader."""
    loads, lenient = json.loads, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            json, "loads", lambda text, **how: (how or lenient.append(text), loads(text, **how))[1]
        )
        reopened = open_again([ASKED[id][1]], seen(id, texts))[id]
    assert lenient == []
    return reopened


@pytest.mark.parametrize("id", TEXTS)
def test_what_the_solved_cell_hands_over_is_right_when_it_is_opened(id: str):
    """And none of it, nothing in it, or something else is not, though the ledger says the same."""
    texts = handed(ASKED[id][0], id)
    reopened = opened(id, texts)
    assert reopened.fault == ""
    assert reopened.verdict.ok, reopened.verdict
    for other in (
        {},
        {name: {"text": ""} for name in texts},
        {name: {"sha256": "0" * 64} for name in texts},
    ):
        assert not opened(id, other).verdict.ok


#: Programs that answer without their work, each in its own protocol; what any may try is a row of
#: the red team's table.
FORGED = [
    pytest.param(id, text, id=f"{id} {title}")
    for id, forms in FORMS.items()
    for title, text in forms.get("forged", {}).items()
]


@pytest.mark.parametrize(("id", "text"), FORGED)
def test_a_program_that_only_says_so_is_not_right(id: str, text: str, monkeypatch):
    """It depends on answers from outside; every attempt to be excused costs it the question."""
    monkeypatch.setattr(program, "READY_S", 3)
    (name,) = handed(ASKED[id][0], id)
    reopened = opened(id, {name: {"text": text}})
    assert not reopened.verdict.ok, reopened


@pytest.mark.parametrize(
    "error", [RecursionError, MemoryError, OSError("no space left"), KeyError("x")]
)
def test_what_a_judge_stumbles_over_costs_one_question_and_is_told(error: Exception, monkeypatch):
    """Whatever it is, since no list of errors is whole: the file is not opened, and the others
    are.
    """

    def stumbles(*_) -> None:
        raise error

    monkeypatch.setattr(script, "content_of", stumbles)
    entries, questions = [], []
    for id in ("files.script", "triton.model"):
        lesson, asked, _ = ASKED[id]
        entries += seen(id, handed(lesson, id))
        questions.append(asked)
    first, second = open_again(questions, Records(entries)).values()
    assert (first.verdict, "files.script" in first.fault, second.fault, second.verdict.ok) == (
        None,
        True,
        "",
        True,
    )


@pytest.mark.parametrize(
    "odd",
    [
        *(None, [], "text", {"a": None}, {"a": {"text": 1}}, {"a": {"sha256": 3}}),
        *({"a": {"text": "x"}, "a/b": {"text": "y"}}, {"measure.py": {"text": "\ud800"}}),
    ],
)
def test_what_was_handed_over_may_be_anything(odd: object):
    """Whoever writes a ledger by hand."""
    assert not opened("files.script", odd).verdict.ok
    json.dumps(reopen.hashes(seen("files.script", odd), [ASKED["files.script"][1]]))


def test_a_grader_that_cannot_ask_a_program_says_so_and_judges_nothing(monkeypatch):
    """A package that is missing, or walls: that is no student's fault, and staff is told."""
    id = "files.script"
    texts = handed(ASKED[id][0], id)
    silent = [sys.executable, "-c", 'print(\'{"hello": "no_such_package"}\', flush=True)']
    with monkeypatch.context() as patch:
        patch.setattr(programs, "command", lambda kind, path: silent)
        reopened = opened(id, texts)
    assert reopened.verdict is None
    assert "pip install no_such_package" in reopened.fault
    monkeypatch.setattr(
        reopen, "abilities", lambda: replace(abilities(), bubblewrap=False, own_user=False)
    )
    assert opened(id, texts).verdict is None
