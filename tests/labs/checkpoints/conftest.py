"""The toy lesson's questions in place of the course's, and an empty ledger."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.course import question
from labs.course.question import Question, all_questions
from tests.entries import Entries
from tests.labs.checkpoints.toys import QUESTIONS


@pytest.fixture
def entries() -> Entries:
    """Return an empty ledger."""
    return Entries()


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Question]]:
    """Return the toy lesson's questions, which are all that there are during this test."""
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(QUESTIONS), encoding="utf-8")
    monkeypatch.setattr(question, "QUESTIONS_PATH", path)
    all_questions.cache_clear()
    yield all_questions()
    all_questions.cache_clear()
