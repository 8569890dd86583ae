"""Lessons as their sources describe them, for authors; others ask ``labs.course.lessons``, which
reads notebooks.
"""

import copy
import functools
import re
from pathlib import Path

from nbformat import NotebookNode

from labs.course.lessons import (
    DERIVED,
    LESSON_NAME,
    NOTEBOOKS_DIR,
    OPTIONAL,
    Lesson,
    LessonError,
    in_order,
)

#: Text that a student replaces, and its possible replacements.
SOLUTION = re.compile(
    r"^( *)### BEGIN SOLUTION\n(.*?)(?:^ *### STUB\n(.*?))?^ *### END SOLUTION\n?",
    re.MULTILINE | re.DOTALL,
)


def sources(root: Path = NOTEBOOKS_DIR) -> list[Lesson]:
    """Return the lessons as their sources below ``root/source`` describe them, built or not, in the
    course's order.

    Raises:
        LessonError: A source has no front matter, or a fault in it.
    """
    return _described(root, "[0-9]_*", "[0-9]_*/deeper")


def guides(root: Path = NOTEBOOKS_DIR) -> list[Lesson]:
    """Return the instructors' notebooks, which are built like lessons but are outside the graded
    course.
    """
    return _described(root, "instructor")


def left_behind() -> list[str]:
    """Return a sentence for each lesson that needs one, or takes something of one, that the course
    does not have.
    """
    course = sources()
    known = {lesson.id for lesson in course}
    notes = []
    for lesson in course:
        gone = sorted({*lesson.needs, *lesson.takes} - known)
        if gone:
            names = ", ".join(gone)
            notes.append(
                f"note: {lesson.name} names {names}, which is no lesson here: mend its 'needs' "
                "and 'takes', and its text"
            )
    return notes


def _described(root: Path, *folders: str) -> list[Lesson]:
    lessons = []
    for folder in folders:
        paths = (root / "source").glob(f"{folder}/*/lesson.py")
        named = [path for path in paths if LESSON_NAME.fullmatch(path.parent.name)]
        lessons += [_of_source(path, path.stat().st_mtime_ns) for path in named]
    return sorted(lessons, key=in_order)


@functools.lru_cache(maxsize=256)
def _of_source(path: Path, changed_ns: int) -> Lesson:
    """Return a source's lesson; ``changed_ns`` distinguishes an edited file from its earlier
    version.
    """
    import jupytext

    text = path.read_text(encoding="utf-8")
    begin = "# ---\n"
    end = "\n# ---\n"
    if not text.startswith(begin) or end not in text:
        raise LessonError(
            f"{path.parent.name}: it begins with no front matter ('# ---'); copy a neighbour's "
            "and fill it in"
        )
    header = text[: text.index(end) + len(end)]
    facts = jupytext.reads(header, fmt="py:percent").metadata.get("lesson")
    if not isinstance(facts, dict):
        raise LessonError(
            f"{path.parent.name}: its front matter holds no 'lesson:' below 'jupyter:'"
        )
    if stated := sorted(DERIVED & set(facts)):
        raise LessonError(
            f"{path.parent.name}: leave out {', '.join(stated)}: the builder derives minutes"
        )
    source = next(folder for folder in path.parents if folder.name == "source")
    notebook = source.parent / path.parent.relative_to(source).with_suffix(".ipynb")
    return Lesson.from_facts(facts, notebook, optional=OPTIONAL | DERIVED)


def read_source(path: Path) -> NotebookNode:
    """Return a py:percent file as a notebook, as jupytext reads it."""
    return copy.deepcopy(_read_text(path.read_text(encoding="utf-8")))


@functools.lru_cache(maxsize=256)
def _read_text(text: str) -> NotebookNode:
    """Return a py:percent text as a notebook, read once; callers must not change it."""
    import jupytext

    return jupytext.reads(text, fmt="py:percent")
