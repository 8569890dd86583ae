"""The course's lessons, found by their names: ``notebooks/source/<part>/NN_verb_phrase.py``.

A lesson too long for one sitting continues under the same number: ``14_…``, ``14b_…``, ``14c_…``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from labs.workspace import PROJECT_DIR

#: Where the lessons live.
NOTEBOOKS_DIR = PROJECT_DIR / "notebooks"

_LESSON_NAME = re.compile(r"(\d{2})[a-z]?_[a-z0-9_]+\.py")


@dataclass(frozen=True)
class Lesson:
    """One lesson: a py:percent source, and the notebook that is built from it."""

    #: The reviewed source.
    source: Path

    @property
    def number(self) -> int:
        """Place in the course, from the file's name."""
        return int(self.source.name[:2])

    @property
    def label(self) -> str:
        """Number as it is written, such as '11' or '14b'."""
        return self.name.partition("_")[0]

    @property
    def part(self) -> int:
        """Part of the course, from the folder's name: 0 is the start."""
        return int(self.source.parent.name.partition("_")[0])

    @property
    def name(self) -> str:
        """File name without its ending, such as '11_measure_the_torch_model'."""
        return self.source.stem

    @property
    def notebook(self) -> Path:
        """What students open: same name, no outputs, in the part's own folder."""
        return self.source.parents[2] / self.source.parent.name / f"{self.name}.ipynb"


def lessons(*, part: int | None = None, root: Path = NOTEBOOKS_DIR) -> list[Lesson]:
    """Return the lessons in the order in which they are taken.

    Args:
        part: Only this part; all when None.
        root: Folder that holds the parts.
    """
    found = [Lesson(path) for path in (root / "source").glob("[0-9]_*/*.py") if _LESSON_NAME.fullmatch(path.name)]
    found.sort(key=lambda lesson: lesson.name)
    return [lesson for lesson in found if part is None or lesson.part == part]


def guides(root: Path = NOTEBOOKS_DIR) -> list[Lesson]:
    """Return the instructors' notebooks, which are built like lessons, are no part of the course and are not graded."""
    return [
        Lesson(path)
        for path in sorted((root / "source" / "instructor").glob("*.py"))
        if _LESSON_NAME.fullmatch(path.name)
    ]
