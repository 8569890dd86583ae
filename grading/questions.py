"""The page of questions with points, generated from the checkpoints so that it cannot disagree with them."""

from __future__ import annotations

from grading.checkpoints import Checkpoint, all_checkpoints
from grading.grade.result.page import points_in_words
from grading.submission.by_hand import questions_of
from labs.course import NOTEBOOKS_DIR, Lesson, lessons

#: The committed page.
QUESTIONS_PATH = NOTEBOOKS_DIR / "QUESTIONS.md"


def questions_page() -> str:
    """Return the page as Markdown: one section a lesson, one row a checkpoint."""
    public = list(all_checkpoints())
    total = sum(one.points for one in public)
    lines = [
        "# Questions and points",
        "",
        f"{len(public)} checkpoints, {total} points in all. Each is answered in its lesson's notebook and judged by "
        "`check(…)` there,",
        "as often as you like. A prediction earns its point once what it is about is measured, right or wrong.",
        "",
        "Points come on top for what the grader does itself: it measures handed-in models again, and calls your "
        "functions on",
        "cases that nobody has seen.",
        "",
        "Generated from the checkpoints by `python -m grading build`.",
    ]
    for lesson in lessons():
        order = lesson.questions()
        of_lesson = sorted((one for one in public if one.id in order), key=lambda one: order.index(one.id))
        if of_lesson:
            lines += _section(lesson, of_lesson)
        if lesson == lessons(part=lesson.part)[-1]:
            lines += _by_hand(lesson.part)
    return "\n".join(lines) + "\n"


#: What is handed over, by kind of question.
_KINDS = {"prediction": "prediction", "function": "function", "artefact": "file", "answer": "answer"}


def _by_hand(part: int) -> list[str]:
    """Return the section on a part's questions that are answered in words, with what points are given for."""
    asked = questions_of(part)
    if not asked:
        return []
    points = sum(one.points for one in asked)
    lines = [
        "",
        f"## Part {part}, read by a person ({points_in_words(points)})",
        "",
        "Answered in words where the zip is handed in (`msl submit`); no check can judge a sentence.",
        "",
    ]
    for one in asked:
        lines += [f"- {one.text} ({points_in_words(one.points)})", *(f"  - {line}" for line in one.rubric)]
    return lines


def _section(lesson: Lesson, checkpoints: list[Checkpoint]) -> list[str]:
    points = sum(one.points for one in checkpoints)
    rows = [f"| `{one.id}` | {one.title} | {_KINDS[one.kind]} | {one.points} |" for one in checkpoints]
    return [
        "",
        f"## [{lesson.number} {lesson.title}]({lesson.link}) ({points_in_words(points)})",
        "",
        "| checkpoint | asks for | as | points |",
        "|---|---|---|---:|",
        *rows,
    ]
