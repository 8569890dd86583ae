"""Builders of ledger entries, as plain JSON, and of a tiny course in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grading.checkpoints import Verdict, all_checkpoints
from grading.course import Lesson

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Entries(list):
    """A ledger's entries, each a minute after the one before."""

    def _stamp(self) -> str:
        return (_EPOCH + timedelta(minutes=len(self))).isoformat()

    def measured(self, kind: str, option: str, samples: Sequence[float], **fields: object) -> Entries:
        """Append a measurement."""
        self.append(
            {
                "type": "measurement",
                "kind": kind,
                "option": option,
                "samples": list(samples),
                "batch_size": 1,
                "started_at": self._stamp(),
                "machine": {"cpu_count": 2},
                "details": {},
                **fields,
            }
        )
        return self

    def answered(self, question: str, value: object) -> Entries:
        """Append an answer."""
        self.append({"type": "answer", "question": question, "value": value, "made_at": self._stamp()})
        return self

    def observed(self, subject: str, seen: dict) -> Entries:
        """Append an observation."""
        self.append({"type": "observation", "subject": subject, "seen": seen, "made_at": self._stamp()})
        return self

    def predicted(self, question: str, value: float | str) -> Entries:
        """Append a prediction."""
        self.append({"type": "prediction", "question": question, "value": value, "made_at": self._stamp()})
        return self


@pytest.fixture
def entries() -> Entries:
    """Return an empty ledger."""
    return Entries()


@pytest.fixture
def judge() -> Callable[[str, list[dict]], Verdict]:
    """Return a function that judges a course's checkpoint by its id."""
    return lambda id, entries: all_checkpoints()[id].verdict(entries)


SOURCE = """# %% [markdown]
# # A lesson
#
# A story.

# %%
from grading.checkpoints import answer, check

# %% checkpoint="start.processors"
answer("start.processors", ...)

# %%
check("start.processors")
"""

ANSWERS = '''"""Answers."""

# %% checkpoint="start.processors"
answer("start.processors", 2)
'''


@pytest.fixture
def write_lesson(tmp_path: Path) -> Callable[..., Lesson]:
    """Return a function that writes a lesson's source, a tiny one unless told otherwise, and returns the lesson."""

    def write(source: str = SOURCE, name: str = "00_a_lesson") -> Lesson:
        path = tmp_path / "course" / "source" / "0_start" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return Lesson(path)

    return write


@pytest.fixture
def write_answers(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a file of answers and returns its folder."""

    def write(text: str = ANSWERS) -> Path:
        folder = tmp_path / "answers"
        folder.mkdir(exist_ok=True)
        (folder / "start_00.py").write_text(text, encoding="utf-8")
        return folder

    return write
