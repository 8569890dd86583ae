"""Builders of ledger entries, as plain JSON, of hidden pictures, and of a tiny course in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from grading.checkpoints import Verdict, all_checkpoints

from grading.builder.sources import guides, sources
from grading.grade.artefacts.pictures import Pictures
from labs.course import Lesson
from tests.entries import Entries


@pytest.fixture
def entries() -> Entries:
    """Return an empty ledger."""
    return Entries()


@pytest.fixture
def judge() -> Callable[[str, list[dict]], Verdict]:
    """Return a function that judges a course's checkpoint by its id."""
    return lambda id, entries: all_checkpoints()[id].verdict(entries)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of hidden pictures."""
    path = tmp_path_factory.mktemp("secret") / "pictures.npz"
    Pictures.draw("a test's secret", count=24).save(path)
    return path


HEADER = """# ---
# jupyter:
#   lesson:
#     title: A lesson
#     summary: what happens in it
#     part: {part}
#     number: "{number}"
#     minutes: 10
#     kind: core
#     where: [{where}]
#     needs: []
#     ports: []
# ---

"""

SOURCE = """# %% [markdown]
# # A lesson
#
# A story.

# %%
from grading.checkpoints import answer, check

# %% checkpoint="start.megabytes"
answer("start.megabytes", ...)

# %%
check("start.megabytes")
"""

ANSWERS = '''"""Answers."""

# %% checkpoint="start.megabytes"
answer("start.megabytes", 2)
'''


@pytest.fixture
def write_lesson(tmp_path: Path) -> Callable[..., Lesson]:
    """Return a function that writes a lesson's source, a tiny one unless told otherwise, and returns the lesson.

    Front matter is put before a source that has none.
    """

    def write(
        source: str = SOURCE, name: str = "00_a_lesson", folder: str = "0_start", where: str = "laptop"
    ) -> Lesson:
        root = tmp_path / "course"
        path = root / "source" / folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (root / folder).mkdir(exist_ok=True)
        header = (
            ""
            if source.startswith("# ---")
            else HEADER.format(part=folder[0], number=name.partition("_")[0], where=where)
        )
        path.write_text(header + source, encoding="utf-8")
        return next(one for one in [*sources(root), *guides(root)] if one.source == path)

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
