"""Apps as students write them, started with the engine that has no model: what is found out about each."""

from __future__ import annotations

import pytest
from grading.checkpoints import all_checkpoints
from grading.checkpoints.artefacts import SUBJECT

from grading.builder.solve import AnswerKey
from tests.grading.entries import Entries

QUESTION = all_checkpoints()["s.tokens.app"]


@pytest.fixture(scope="module")
def answer() -> str:
    """Return the answer's file."""
    space: dict[str, str] = {}
    exec(AnswerKey.read().answers[QUESTION.id], space)
    return space["app_text"].strip() + "\n"


COLLECTED = """
        found = [token async for token in engine.stream(ask.prompt, ask.max_tokens)]
        for token in found:
"""


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("", "", ""),
        ("app = FastAPI()", "app = FastApi()", "ended"),
        ('"/generate"', '"/tokens"', "no route"),
        ('media_type="text/event-stream"', 'media_type="text/plain"', "not events"),
        ("})}\\n\\n", "})}\\n", "form"),
        ("        async for token in engine.stream(ask.prompt, ask.max_tokens):\n", COLLECTED.lstrip("\n"), "at once"),
        ('        yield "data: [DONE]\\n\\n"\n', "", "no end"),
        ("prompt: str", 'prompt: str = ""', "no check"),
        (", le=256", "", "no limit"),
    ],
    ids=lambda value: value[:24],
)
def test_an_app_is_judged_by_what_it_does(answer, old, new, mistake, tmp_path):
    """The stub of a mistake is the answer with one line changed."""
    path = tmp_path / "app.py"
    path.write_text(answer.replace(old, new) if old else answer)
    found = QUESTION.verdict(Entries().observed(SUBJECT + QUESTION.id, QUESTION.asks.inspect(path)))
    assert found.mistake == mistake, found
    assert found.ok == (not mistake)
