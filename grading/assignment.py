"""``python -m grading assignment check|show``: is a file as it has to be, and what will a class
see?
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labs.course.assignment import PATH, assignment, in_hours, warnings
from labs.course.lessons import PART_TITLES, lesson
from labs.course.question import of_lesson
from labs.course.tables import Assignment, AssignmentError, PartAsked

console = Console()
app = typer.Typer(
    no_args_is_help=True, help="The assignment file: check it, show what a class will see."
)

_FILE = typer.Argument(help="The file; the course's own unless named.")


@app.command()
def check(file: Annotated[Path, _FILE] = PATH) -> None:
    """Name line and reason of every fault; exit 1 when there is one."""
    from grading.grade.hidden import RECOMMENDATIONS

    course = _read(file)
    sentences = warnings(course, datetime.now(UTC))
    recommending = {question_id.partition(".")[0] for question_id in RECOMMENDATIONS}
    for part in course.parts.values():
        if part.leaderboard and recommending.isdisjoint(part.lessons):
            sentences.append(
                f"part {part.number} recommends no file, so its leaderboard stays empty"
            )
        if not _has_anything_to_open(part):
            sentences.append(
                f"part {part.number} asks for nothing that the grader can open, so nobody can "
                "earn anything in it; add a lesson that asks for a function or a file"
            )
    for sentence in sentences:
        text = f"{file.name}: {sentence}"
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
    points = sum(part.points for part in course.parts.values())
    count = f"{len(course.lessons())} lessons in {len(course.parts)} parts"
    console.print(f"{count}, {points:g} points: as it has to be.", highlight=False)
    console.print(f"It takes {in_hours(course)}", highlight=False, soft_wrap=True)


def _has_anything_to_open(part: PartAsked) -> bool:
    for part_lesson in part.asked():
        if any(asked.opened or asked.hidden_points for asked in of_lesson(part_lesson.id)):
            return True
    return False


@app.command()
def show(file: Annotated[Path, _FILE] = PATH) -> None:
    """Print what a class will see."""
    console.print("\n".join(shown(_read(file))), markup=False, highlight=False, soft_wrap=True)


def shown(whole: Assignment) -> list[str]:
    """Return an assignment as students meet it, line by line."""
    course = whole.course
    lines = [course.title]
    lines.append(f"Hours are {course.time_zone.key}'s. AI assistants: {course.assistants}.")
    lines.append(f"Students upload their zips {course.hand_in_where}")
    lines.append(f"It takes {in_hours(whole)}")
    for part in whole.parts.values():
        due = f", due {part.due:%a %d %b %Y %H:%M}" if part.due else ", no deadline"
        lines += ["", f"{PART_TITLES[part.number]}: {part.points:g} points{due}"]
        lines += [f"  {term}" for term in part.terms(course.late)]
        lines += map(_line_of, part.lessons)
        if part.choices:
            lines.append(f"  and {part.at_least} of these, the best of which count:")
            lines += map(_line_of, part.choices)
    return lines


def _line_of(lesson_id: str) -> str:
    asked = lesson(lesson_id)
    return f"  {asked.minutes:3} min  {asked.title}"


def _read(file: Path) -> Assignment:
    try:
        return assignment(file.resolve())
    except AssignmentError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
