"""``python -m grading assignment check|show``: is a file as it has to be, and what will a class see?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labs.course.assignment import PATH, assignment, in_hours, warnings
from labs.course.lessons import PART_TITLES, lesson
from labs.course.question import of_lesson
from labs.course.tables import Assignment, AssignmentError

console = Console()
app = typer.Typer(
    no_args_is_help=True, help="The assignment file: check it, show what a class will see."
)

_FILE = typer.Argument(help="The file; the course's own unless named.")


@app.command()
def check(file: Annotated[Path, _FILE] = PATH) -> None:
    """Name line and reason of every fault; exit 1 when there is one."""
    from grading.grade.hidden import RECOMMENDATIONS

    found = _read(file)
    told = warnings(found, datetime.now(UTC))
    for part in found.parts.values():
        if part.leaderboard and not {one.partition(".")[0] for one in RECOMMENDATIONS} & set(
            part.lessons
        ):
            told.append(f"part {part.number} recommends no file, so its leaderboard stays empty")
        if not any(
            asked.opened or asked.again for lesson in part.asked() for asked in of_lesson(lesson.id)
        ):
            told.append(
                f"part {part.number} asks for nothing that the grader can open, so nobody can earn anything in it; "
                "add a lesson that asks for a function or a file"
            )
    for sentence in told:
        console.print(
            f"{file.name}: {sentence}",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    points = sum(one.points for one in found.parts.values())
    count = f"{len(found.lessons())} lessons in {len(found.parts)} parts"
    console.print(f"{count}, {points:g} points: as it has to be.", highlight=False)
    console.print(f"It takes {in_hours(found)}", highlight=False, soft_wrap=True)


@app.command()
def show(file: Annotated[Path, _FILE] = PATH) -> None:
    """Print what a class will see."""
    console.print("\n".join(shown(_read(file))), markup=False, highlight=False, soft_wrap=True)


def shown(found: Assignment) -> list[str]:
    """Return an assignment as students meet it, line by line."""
    lines = [found.course.title]
    lines.append(
        f"Hours are {found.course.time_zone.key}'s. AI assistants: {found.course.assistants}."
    )
    lines.append(f"Students upload their zips {found.course.hand_in_where}")
    lines.append(f"It takes {in_hours(found)}")
    for part in found.parts.values():
        due = f", due {part.due:%a %d %b %Y %H:%M}" if part.due else ", no deadline"
        lines += ["", f"{PART_TITLES[part.number]}: {part.points:g} points{due}"]
        lines += [f"  {one}" for one in part.terms(found.course.late)]
        for id in part.lessons:
            lines.append(f"  {lesson(id).minutes:3} min  {lesson(id).title}")
        if part.choices:
            lines.append(f"  and {part.at_least} of these, the best of which count:")
            lines += [f"  {lesson(id).minutes:3} min  {lesson(id).title}" for id in part.choices]
    return lines


def _read(file: Path) -> Assignment:
    try:
        return assignment(file.resolve())
    except AssignmentError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
