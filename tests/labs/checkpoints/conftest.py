"""The toy lesson's questions in place of the course's, and an empty ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.course import question
from labs.course.question import Question, all_questions
from tests.entries import Entries


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Question]]:
    """Return the toy lesson's questions, which are all that there are during this test."""
    monkeypatch.setattr(question, "QUESTIONS_PATH", Path(__file__).with_name("toys.json"))
    all_questions.cache_clear()
    yield all_questions()
    all_questions.cache_clear()
