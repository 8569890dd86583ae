"""Files that questions ask for, opened again: the lessons' own are right, and what only looks like them is not."""

import json
from dataclasses import replace

import pytest

from grading.builder.questions import written
from grading.builder.sources import sources
from grading.grade.artefacts import again
from grading.grade.artefacts.again import is_model, open_again
from grading.grade.sandbox import Limits, abilities
from labs.course.question import HANDED, SUBJECT, Question
from labs.judge import program, script
from labs.records import Observation, Records
from tests.honest import handed
from tests.tools import sandboxed

pytestmark = sandboxed

#: Each question about a file that the grader opens, with its lesson and with facts that keep all rules.
ASKED = {
    id: (lesson, Question(id, **one.values), dict(one.good))
    for lesson in sources()
    for id, one in written(lesson).items()
    if one.values["kind"] == "file" and not one.values.get("told")
}
TEXTS = [id for id, (_, asked, _) in ASKED.items() if not is_model(asked)]


@pytest.fixture(autouse=True)
def _opened_anew(monkeypatch):
    """Keep nothing from one test to the next."""
    monkeypatch.setattr(again, "_OPENED", {})


def seen(id: str, texts: dict[str, object]) -> Records:
    """Return a ledger that says that all is right, and what was handed over."""
    return Records(
        [Observation(SUBJECT + id, ASKED[id][2] | {HANDED: texts}, "2026-01-01T00:00:00+00:00")]
    )


def opened(id: str, texts: dict[str, object]) -> again.Opened:
    """Return what opening it says; whatever comes back is read by the strict loader."""
    loads, lenient = json.loads, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            json, "loads", lambda text, **how: (how or lenient.append(text), loads(text, **how))[1]
        )
        found = open_again([ASKED[id][1]], seen(id, texts))[id]
    assert lenient == []
    return found


@pytest.mark.parametrize("id", TEXTS)
def test_what_the_solved_cell_hands_over_is_right_when_it_is_opened(id: str):
    """And none of it, nothing in it, or something else is not, though the ledger says the same."""
    texts = handed(ASKED[id][0], id)
    found = opened(id, texts)
    assert found.fault == ""
    assert found.verdict.ok, found.verdict
    for other in (
        {},
        {name: {"text": ""} for name in texts},
        {name: {"sha256": "0" * 64} for name in texts},
    ):
        assert not opened(id, other).verdict.ok


#: Programs that answer without their work, each in its own protocol; what any may try is a row of the red team's table.
FORGED = {
    "http.app": [
        "import json, os\nprint(json.dumps([['Soup', 1.0]] * 19))\n"
        "print(json.dumps({'replies': [[200, '[' * 1000]] * 19, 'returns': []}))\nos._exit(0)",
        "from fastapi import FastAPI\nfrom pydantic import BaseModel\napp = FastAPI()\n"
        "class Answer(BaseModel):\n    prediction: str\n    probability: float\n"
        "@app.post('/predict', response_model=Answer)\ndef predict(photo: dict):\n"
        "    return {'prediction': 'Soup', 'probability': 0.9}",
    ],
    "triton.model": [
        "class TritonPythonModel:\n    def execute(self, requests):\n        return [None] * len(requests)",
        "raise SystemExit",
    ],
    "platform.router": [
        "from ray import serve\n@serve.deployment\nclass Router:\n    async def __call__(self, request):\n"
        "        return {'class': 3, 'version': 'canary'}\ndef build(args):\n    return Router.bind()",
    ],
    "tokens.app": [
        "from fastapi import FastAPI\nfrom fastapi.responses import Response\napp = FastAPI()\n"
        "@app.post('/v1/completions')\ndef brackets(body: dict):\n"
        "    return Response('data: ' + '[' * 100_000 + '\\n\\n', media_type='text/event-stream')",
        "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/v1/completions')\ndef all_at_once(body: dict):\n"
        "    return 'data: [DONE]'",
    ],
    "files.script": [
        'import sys, json\nprint(json.dumps({"samples_s": [0.001] * int(sys.argv[3])})) # intra_op_num_threads',
    ],
    "kernels.shared": ["def multiply_shared(a, b, c):\n    c[0, 0] = 1"],
}


@pytest.mark.parametrize(
    ("id", "text"), [(id, text) for id, texts in FORGED.items() for text in texts]
)
def test_a_program_that_only_says_so_is_not_right(id: str, text: str, monkeypatch):
    """It stands on what is outside; and whatever it does to be excused costs it the question."""
    monkeypatch.setattr(program, "READY_S", 3)
    (name,) = handed(ASKED[id][0], id)
    found = opened(id, {name: {"text": text}})
    assert not found.verdict.ok, found


@pytest.mark.parametrize(
    "error", [RecursionError, MemoryError, OSError("no space left"), KeyError("x")]
)
def test_what_a_judge_stumbles_over_costs_one_question_and_is_told(error: Exception, monkeypatch):
    """Whatever it is, since no list of errors is whole: the file is not opened, and the others are."""

    def stumbles(*_) -> None:
        raise error

    monkeypatch.setattr(script, "content_of", stumbles)
    records = Records(
        [one for id in ("files.script", "scale.team") for one in seen(id, handed(ASKED[id][0], id))]
    )
    first, second = open_again(
        [ASKED[id][1] for id in ("files.script", "scale.team")], records
    ).values()
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
        *({"a": {"text": "x"}, "a/b": {"text": "y"}}, {"config.pbtxt": {"text": "\ud800"}}),
        *(
            {name: {"text": "x"}}
            for name in ("../x/config.pbtxt", "/etc/passwd", "", "a\0b", "x" * 300)
        ),
    ],
)
def test_what_was_handed_over_may_be_anything(odd: object):
    """Whoever writes a ledger by hand; a name that leads elsewhere is no file."""
    assert not opened("triton.config", odd).verdict.ok
    json.dumps(again.hashes(seen("triton.config", odd), [ASKED["triton.config"][1]]))


def test_a_grader_that_cannot_open_a_file_says_so_and_judges_nothing(monkeypatch):
    """A package that is missing, or walls: that is no student's fault, and staff is told."""
    id = "scale.team"
    texts = handed(ASKED[id][0], id)
    absent = replace(ASKED[id][1], opened_by="no_such_package:facts")
    found = open_again([absent], seen(id, texts))[id]
    assert found.verdict is None
    assert "install `no_such_package`" in found.fault
    # Of the clock alone: whom the processor's limit ends first, nobody knows.
    monkeypatch.setattr(again, "Limits", lambda **limits: Limits(**limits | {"wall_s": 0.01}))
    assert not opened(id, texts).verdict.ok
    monkeypatch.setattr(again, "_SLOW_S", 0)
    monkeypatch.setattr(again, "_OPENED", {})
    assert "too slow" in opened(id, texts).fault
    monkeypatch.setattr(
        again, "abilities", lambda: replace(abilities(), bubblewrap=False, own_user=False)
    )
    assert opened(id, texts).verdict is None
