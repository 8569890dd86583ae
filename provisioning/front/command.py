"""``msl``: the course from a terminal. Each sub-command calls the room that does the work.

Exit codes: 0, done; 1, something is wrong, and the sentence on the screen says what to do; 2, the
command was not understood.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from labs.course.lessons import lessons
from labs.course.points import sums
from labs.shell import belongs_elsewhere, msl, other_course
from labs.sites.spec import NUMBERS
from labs.terminal import PART, VERSION, InSentences, id_of
from provisioning.classroom.cli import app as classroom
from provisioning.cli import app as provisioned
from provisioning.cli import pull
from provisioning.front.lab import LabError
from provisioning.front.standing import LeaseLeft, LessonStanding, points, standing
from provisioning.lab.rehearsal import app as rehearsal

app = typer.Typer(
    name="msl",
    cls=InSentences,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Model serving labs: where you stand, what comes next, and the way to it.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _titles() -> dict[str, str]:
    return {lesson.id: lesson.title for lesson in lessons()}


def _lesson(text: str) -> str:
    titles = _titles()
    return id_of("lesson", text, titles, f"There are {', '.join(titles)}.")


def _completions(incomplete: str) -> list[tuple[str, str]]:
    """Return the lessons whose id begins like that, each with its title."""
    return [(id, title) for id, title in _titles().items() if id.startswith(incomplete)]


@app.callback()
def options(version: VERSION = False) -> None:
    """Take the options before a sub-command, and refuse to work on another folder's results."""
    # Where the reader is, and where the program is that was called: an old one names the Python of
    # the first folder.
    starts = {"Your terminal": Path.cwd(), "This `msl`": Path(sys.argv[0])}
    for what, start in starts.items():
        other = other_course(start)
        if other:
            raise LabError(belongs_elsewhere(what, other))


_JSON = Annotated[
    bool,
    typer.Option("--json", help="For a program: JSON, points as numbers, times with their zone."),
]


def _echo_json(facts: object) -> None:
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def _step_facts(step: LessonStanding) -> dict[str, Any]:
    lesson = step.lesson
    return {
        "id": lesson.id,
        "title": lesson.title,
        "part": step.part,
        "state": step.word,
        **points([step]),
        "minutes": lesson.minutes,
        "machine_minutes": lesson.machine_minutes,
        "where": lesson.where,
        "notebook": f"notebooks/{lesson.link}",
    }


def _lease_facts(lease: LeaseLeft) -> dict[str, Any]:
    return {
        "part": lease.part,
        "name": lease.name,
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
        "left_s": lease.left.total_seconds(),
    }


@app.command()
def status(as_json: _JSON = False) -> None:
    """Show all lessons with their points, minutes and places."""
    from provisioning.front.words import text_of

    stands = standing()
    if as_json:
        facts: dict[str, Any] = {**points(stands.steps), "unread_lines": len(stands.unread)}
        facts["next"] = stands.next.lesson.id if stands.next else None
        facts["lessons"] = [_step_facts(step) for step in stands.steps]
        facts["leases"] = [_lease_facts(lease) for lease in stands.leases]
        _echo_json(facts)
    else:
        typer.echo(text_of(stands))


@app.command("next")
def next_(as_json: _JSON = False) -> None:
    """Say what comes next, with the command that opens it."""
    from provisioning.front.words import how_to_open, next_text

    stands = standing()
    if as_json:
        _echo_json(_step_facts(stands.next) if stands.next else None)
        return
    typer.echo(next_text(stands))
    if stands.next:
        typer.echo(how_to_open(stands.next))
    for lease in stands.leases:
        typer.echo(lease.text)


@app.command(context_settings={"ignore_unknown_options": True})
def lab(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="LESSON", autocompletion=_completions),
    ] = None,
) -> None:
    """Open the course in JupyterLab. `msl lab compile` opens a lesson; JupyterLab's own options may
    follow.
    """
    from labs.course.lessons import lesson
    from provisioning.front.lab import start

    options = list(arguments or ())
    wanted = None
    if options and not options[0].startswith("-"):
        wanted = lesson(_lesson(options.pop(0)))
    start(options, wanted)


@app.command()
def check(
    lesson: Annotated[
        str,
        typer.Argument(
            parser=_lesson,
            metavar="LESSON",
            help="Its id or title, such as compile.",
            autocompletion=_completions,
        ),
    ],
    as_json: _JSON = False,
) -> None:
    """Judge a lesson's questions from your ledger. Exit code 1 says that something is left."""
    from labs.course.points_table import points_text, row_text
    from provisioning.front.words import POINTS_NOTE, points_of

    steps = {step.lesson.id: step for step in standing().steps}
    step = steps[lesson]
    if as_json:
        questions = []
        for row in step.rows:
            facts = {"id": row.id, "title": row.title, "state": row.state}
            questions.append({**facts, **sums([row]), "message": row_text(row)})
        _echo_json(
            {
                "id": step.lesson.id,
                "title": step.lesson.title,
                "state": step.word,
                **points([step]),
                "questions": questions,
            }
        )
    else:
        width = max((len(points_text(row)) for row in step.rows), default=0)
        for row in step.rows:
            typer.echo(f"{points_text(row):<{width}}  {row_text(row)}")
        if step.counts:
            sentence = f"{points_of(step)} points. {POINTS_NOTE}"
        else:
            done = len(step.rows) - len(step.left)
            sentence = f"{done} of {len(step.rows)} done (no points)"
        typer.echo(f"{step.lesson.title}: {sentence}")
    if not step.done:
        raise typer.Exit(1)


app.command()(pull)


@app.command()
def submit(
    part: PART,
    out: Annotated[
        Path | None, typer.Option(help="The zip; in your workspace unless named.")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option(help="Folder with ledger and models; your own unless named.")
    ] = None,
) -> None:
    """Write one zip of a part to hand in. The command first lists what the grader will find."""
    from provisioning.front.hand_in import submit as hand_in

    hand_in(NUMBERS[part], Console(), target=out, workspace=workspace)


@app.command()
def update() -> None:
    """Bring the course's next version. Your changes, measurements and answers are kept."""
    from provisioning.front.update import update as bring

    bring(typer.echo)


@app.command()
def unlock(
    file: Annotated[Path, typer.Argument(exists=True, help="The file from your instructor.")],
) -> None:
    """Put a lesson's results into your workspace."""
    from provisioning.front.unlock import UnlockError
    from provisioning.front.unlock import unlock as put_results

    try:
        put_results(file, typer.echo)
    except UnlockError as error:
        typer.secho(f"{error}", fg="red")
        raise typer.Exit(1) from None


@app.command()
def doctor() -> None:
    """Look for faults of the course on this computer. Each finding is a sentence with the way
    out.
    """
    from provisioning.front.doctor import findings

    looked_at = findings()
    for finding in looked_at:
        typer.secho(str(finding), fg=None if finding.ok else "red")
    if not all(finding.ok for finding in looked_at):
        raise typer.Exit(1)


leases = typer.Typer(
    invoke_without_command=True, help="Your leases: plan, reserve, use and give back a machine."
)
leases.add_typer(provisioned)
app.add_typer(leases, name="lease")
app.add_typer(rehearsal, name="rehearsal")
app.add_typer(
    classroom, name="class", help="For instructors: plan a class, make its leases, watch it."
)


@leases.callback()
def left(context: typer.Context) -> None:
    """Say what is left of your leases, as far as this computer knows. The sub-commands ask
    Chameleon.
    """
    if context.invoked_subcommand is None:
        known = standing().leases
        for lease in known:
            typer.echo(lease.text)
        if not known:
            plan = msl("lease plan model")
            typer.echo(f"This computer knows of no lease that runs. `{plan}` shows what is free.")


if __name__ == "__main__":
    app(prog_name="msl")
