"""Authors' commands: ``build | rehearse | minutes | mutants | site``. They need sources and
answers, which students do not have.
"""

import dataclasses
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from grading.builder.clock import recorded
from grading.builder.compiled import compiled, require_whole
from grading.builder.glossary import GLOSSARY_PATH, glossary_page
from grading.builder.notebook import is_stale, write
from grading.builder.notebook import minutes as minutes_of_lesson
from grading.builder.pages import MAP_PATH, QUESTIONS_PATH, course_map, questions_page
from grading.builder.rehearse import rehearse as rehearse_lessons
from grading.builder.sources import guides, left_behind, sources
from labs.course.assignment import SHIPPED, assignment
from labs.course.lessons import LESSON_NAME, NOTEBOOKS_DIR, Lesson
from labs.course.question import QUESTIONS_PATH as CHECKS_PATH
from labs.shell import python
from labs.terminal import id_of
from labs.workspace import PROJECT_DIR

if TYPE_CHECKING:
    from grading.builder.mutants.examine import QuestionMutants

console = Console()

Part = Annotated[int | None, typer.Option(help="Only this part of the course: 0, 1, 2 or 3.")]
Only = Annotated[
    list[str] | None,
    typer.Option("--lesson", help="Only this lesson, by its id or title. May be repeated."),
]
Check = Annotated[
    bool, typer.Option("--check", help="Change nothing; fail when something is out of date.")
]


def build(check: Check = False) -> None:
    """Build the notebooks, their questions and the course's pages."""
    require_whole(sources())
    for sentence in left_behind():
        console.print(sentence)
    # One after the other, the notebooks first: the pages are derived from them.
    changes = refresh_notebooks(NOTEBOOKS_DIR, check)
    pages = {
        CHECKS_PATH: lambda: compiled(sources()),
        MAP_PATH: course_map,
        QUESTIONS_PATH: questions_page,
        GLOSSARY_PATH: glossary_page,
    }
    for path, content in pages.items():
        text = content()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            changes.append(_built(path, check))
            if not check:
                path.write_text(text, encoding="utf-8")
    for sentence in changes:
        console.print(sentence)
    if check and changes:
        console.print(f"Run: {python('grading build')}")
        raise typer.Exit(1)


def rehearse(
    part: Part = None,
    lesson: Only = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep executed notebooks and their ledger in this folder.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write down each lesson's seconds, for its minutes")
    ] = False,
) -> None:
    """Run the lessons solved, in order, and print the scoreboard."""
    wanted = _chosen(part, lesson)
    require_whole(wanted)
    done = rehearse_lessons(wanted, keep, console, recorded=record)
    if record:
        console.print(f"Recorded; the minutes follow with: {python('grading build')}")
    if not done:
        raise typer.Exit(1)


def site(
    outputs: Annotated[
        Path | None, typer.Option(help="What `rehearse --keep` left; else all lessons run now.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Receives html/; what it holds is replaced.")
    ] = PROJECT_DIR / "build/site",
) -> None:
    """Build the course's site: lessons, guide, library, cards."""
    from grading.builder.site import build_site

    with tempfile.TemporaryDirectory() as folder:
        if outputs is None:
            outputs = Path(folder)
            rehearse_lessons(sources(), outputs, console)
        bare = build_site(outputs, out)
    if bare:
        titles = ", ".join(lesson.title for lesson in bare)
        console.print(
            f"Shown without outputs, since no run of them as they are now was kept: {titles}"
        )
    console.print(f"The site's first page is {out / 'html' / 'index.html'}")


def minutes() -> None:
    """Print each lesson's minutes, and each assignment's."""
    import pandas as pd

    course = sources()
    table = pd.DataFrame({lesson.id: minutes_of_lesson(lesson) for lesson in course}).T
    table.insert(0, "total", table.drop(columns="setup").sum(axis=1))
    whole_minutes = table.round().astype(int).replace(0, "")
    print(whole_minutes.rename(columns={"setup": "set-up, apart"}).to_string())
    unrecorded = [lesson.id for lesson in course if lesson.id not in recorded(lesson)]
    if unrecorded:
        print(f"Never recorded, so that its machine counts 0: {', '.join(unrecorded)}")
    for path in SHIPPED:
        asked = [lesson.id for lesson in assignment(path).lessons()]
        sums = table.loc[asked].sum()
        print(
            f"{path.name}: {sums['total']:.0f} minutes, {sums['lease']:.0f} of them on leases, and "
            f"{sums['setup']:.0f} of set-up"
        )


def mutants(
    lesson: Annotated[
        str | None, typer.Argument(help="Only this lesson, such as 'quantize'.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything about them as JSON.")
    ] = False,
) -> None:
    """Print which edits of a solution its public cases let pass."""
    from grading.builder.mutants.examine import examine, functions

    wanted = _chosen(None, [lesson] if lesson else None)
    examined = [examine(each, id) for each in wanted for id in functions(each)]
    if as_json:
        rows = [dataclasses.asdict(question) for question in examined]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        _print_mutants(examined)
    if any(question.survivors or question.needless for question in examined):
        raise typer.Exit(1)


def _print_mutants(examined: Iterable["QuestionMutants"]) -> None:
    for question in examined:
        excused, survivors = len(question.excused), len(question.survivors)
        print(
            f"{question.question:24} {question.mutants:4} mutants: {question.refused:4} refused, "
            f"{question.same:3} the same function, {excused} excused, {survivors} survive"
        )
        for survivor in question.survivors:
            print(f"    {survivor.label}: {survivor.change}")
        for call in question.missing:
            print(f"    a case that is missing: {call}")
        for change in question.needless:
            print(f"    an excuse that no mutant needs: {change}")


def refresh_notebooks(root: Path, check: bool) -> list[str]:
    """Build what is out of date below a folder, remove what has no source any more; return a
    sentence about each.
    """
    wanted = [*sources(root), *guides(root)]
    changes = []
    for lesson in wanted:
        if is_stale(lesson):
            changes.append(_built(lesson.notebook, check))
            if not check:
                write(lesson)
    known = {lesson.notebook for lesson in wanted}
    for path in sorted([*root.glob("*/*.ipynb"), *root.glob("*/deeper/*.ipynb")]):
        if path not in known and LESSON_NAME.fullmatch(path.stem):
            change = "has no source" if check else "removed, it has no source"
            changes.append(f"{change}: {path.name}")
            if not check:
                path.unlink()
    return changes


def _built(path: Path, check: bool) -> str:
    change = "out of date" if check else "built"
    return f"{change}: {path.name}"


def _chosen(part: int | None, names: list[str] | None) -> list[Lesson]:
    """Return the lessons of a part, or those with these ids or titles.

    Raises:
        typer.BadParameter: One of them is none, or the part is.
    """
    course = [lesson for lesson in sources() if part in (None, lesson.part)]
    if not course:
        raise typer.BadParameter(f"there is no part {part}. It may be 0, 1, 2 or 3.")
    titles = {lesson.id: lesson.title for lesson in course}
    known = f"There are {', '.join(titles)}."
    ids = [id_of("lesson", name, titles, known) for name in names or ()]
    return [lesson for lesson in course if not ids or lesson.id in ids]
