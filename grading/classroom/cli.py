"""``python -m grading class``: a folder of submissions in, tables and a page out."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from labs.display.format import printable

if TYPE_CHECKING:
    from grading.classroom.engines import Engine
    from grading.grade.result import Result

console = Console()


def grade_folder(
    submissions: Annotated[
        Path, typer.Argument(help="Folder with one folder or zip for each student.")
    ],
    out: Annotated[
        Path, typer.Option(help="Receives report.html, CSVs, results and pages for students.")
    ],
    part: Annotated[int, typer.Option(help="Part of the course: 1, 2 or 3.")] = 1,
    pictures: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="The hidden pictures; public ones unless named."
        ),
    ] = None,
    rerun: Annotated[
        bool, typer.Option(help="Call functions again in the sandbox: the slow step.")
    ] = True,
    workers: Annotated[
        int, typer.Option(help="Submissions at the same time; all cores by default.")
    ] = 0,
    earlier: Annotated[
        list[Path] | None,
        typer.Option(help="What `class` wrote in another year, to compare with; may be repeated."),
    ] = None,
    scheduler: Annotated[
        str, typer.Option(help="Address of a Dask scheduler, to use a cluster's machines.")
    ] = "",
) -> None:
    """Grade a class. Run it again after a stop, or when more was handed in.

    The seed (GRADING_SEED, or asked for) draws functions' cases, sheets and random looks. With
    another seed, all is graded again.
    """
    from grading.classroom.batch import earlier_results, grade_class
    from grading.classroom.defence import write_sheets
    from grading.classroom.engines import dask, processes
    from grading.classroom.handed_in import handed_in
    from grading.classroom.likeness import alike, reasons_of
    from grading.classroom.report import write_feedback, write_report
    from grading.grade.grader import Setup
    from grading.grade.result import spot_checks
    from grading.grade.sandbox import abilities
    from grading.seed import secret_seed

    if rerun and (refusal := abilities().refusal):
        console.print(refusal, style="yellow", markup=False, highlight=False)
    try:
        hand_ins = handed_in(submissions)
        before = [result for folder in earlier or () for result in earlier_results(folder)]
    except FileNotFoundError as error:
        raise typer.BadParameter(printable(str(error))) from None
    seed = secret_seed(may_be_public=True)
    setup = Setup(pictures=pictures, seed=seed, rerun=rerun)

    def graded(engine: Engine) -> list[Result]:
        bar = partial(track, description="grading", total=len(hand_ins), console=console)
        return grade_class(
            hand_ins, out, part=part, engine=lambda tasks: bar(engine(tasks)), setup=setup
        )

    if scheduler:
        from distributed import Client

        with Client(scheduler) as client:
            results = graded(dask(client))
    else:
        results = graded(processes(workers or os.cpu_count() or 1))
    groups = alike(results, before)
    checks = spot_checks(results, seed=seed, alike=reasons_of(groups))
    sheets = write_sheets(hand_ins, results, seed, out)
    feedback = write_feedback(hand_ins, results, out)
    report = write_report(hand_ins, results, groups, checks, out)
    faults = [result.fault for result in results if result.fault]
    in_groups = sum(len(group.students) for group in groups)
    facts = {
        "submissions": len(results),
        "grader's own faults": len(faults),
        "groups that hold the same": f"{len(groups)}, of {in_groups}",
        "for a person to look at": len(checks),
        "defence sheets": sheets,
        "to hand back": feedback,
        "report": report,
    }
    _say(facts)


def hand_back(
    submissions: Annotated[Path, typer.Argument(help="The folder that was graded.")],
    out: Annotated[Path, typer.Option(help="Where `class` put its results.")],
    hidden: Annotated[
        bool, typer.Option(help="Show and count hidden rows, too: after the grades.")
    ] = False,
) -> None:
    """Write students' pages and feedback.zip from the results. With the points by name and
    e-mail.
    """
    from grading.classroom.batch import kept_results
    from grading.classroom.handed_in import handed_in
    from grading.classroom.report import write_feedback

    try:
        hand_ins = handed_in(submissions)
        path = write_feedback(hand_ins, kept_results(hand_ins, out), out, hidden=hidden)
    except FileNotFoundError as error:
        raise typer.BadParameter(printable(str(error))) from None
    rows = "with hidden rows" if hidden else "public rows alone"
    _say({"to hand back": path, "pages": f"{len(hand_ins)}, {rows}"})


def _say(values: dict[str, object]) -> None:
    for name, value in values.items():
        text = printable(f"{name:24} {value}")
        console.print(text, markup=False, highlight=False, soft_wrap=True)
