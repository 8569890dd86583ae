"""``msl``: the course from a terminal. Each sub-command calls the room that does the work.

Exit codes: 0, done; 1, something is wrong, and the sentence on the screen says what to do; 2, the command was not
understood.
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
from provisioning.classroom.cli import app as classroom
from provisioning.cli import app as provisioned
from provisioning.cli import pull
from provisioning.front.lab import LabError
from provisioning.front.standing import LeaseLeft, Step, points, standing
from provisioning.lab.terminal import PART, InSentences, unknown
from provisioning.rehearsal.cli import app as rehearsal
from provisioning.sites.spec import NUMBERS

app = typer.Typer(
    name="msl",
    cls=InSentences,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Model serving labs: where you stand, what comes next, and the way to it.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _titles() -> dict[str, str]:
    return {one.id: one.title for one in lessons()}


def _lesson(text: str) -> str:
    if text not in _titles():
        raise unknown("lesson", text, _titles(), f"There are {', '.join(_titles())}.")
    return text


def _version(wanted: bool) -> None:
    from labs.machine.version import code_version

    if wanted:
        typer.echo(f"Model serving labs {code_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show its version.")
    ] = False,
) -> None:
    """Take what stands before a sub-command, and refuse to work on another folder's results."""
    # Where the reader is, and where the program is that was called: an old one names the Python of the first folder.
    for what, start in (("Your terminal", Path.cwd()), ("This `msl`", Path(sys.argv[0]))):
        other = other_course(start)
        if other:
            raise LabError(belongs_elsewhere(what, other))


_JSON = Annotated[
    bool,
    typer.Option("--json", help="For a program: JSON, points as numbers, times with their zone."),
]


def _echo_json(facts: object) -> None:
    typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def _step_facts(step: Step) -> dict[str, Any]:
    about = {
        "id": step.lesson.id,
        "title": step.lesson.title,
        "part": step.part,
        "state": step.word,
    }
    place = {
        "minutes": step.lesson.minutes,
        "machine_minutes": step.lesson.machine_minutes,
        "where": step.lesson.where,
    }
    return {**about, **points([step]), **place, "notebook": f"notebooks/{step.lesson.link}"}


def _lease_facts(lease: LeaseLeft) -> dict[str, Any]:
    dates = {"start": lease.start.isoformat(), "end": lease.end.isoformat()}
    return {"part": lease.part, "name": lease.name, **dates, "left_s": lease.left.total_seconds()}


@app.command()
def status(as_json: _JSON = False) -> None:
    """Show all lessons with their points, minutes and places."""
    from provisioning.front.words import text_of

    stands = standing()
    if as_json:
        whole = {**points(stands.steps), "unread_lines": len(stands.unread)}
        facts = {
            "lessons": [*map(_step_facts, stands.steps)],
            "leases": [*map(_lease_facts, stands.leases)],
        }
        _echo_json({**whole, "next": stands.next.lesson.id if stands.next else None, **facts})
    else:
        typer.echo(text_of(stands))


@app.command("next")
def next_(as_json: _JSON = False) -> None:
    """Say what comes next."""
    from provisioning.front.words import next_text

    stands = standing()
    if as_json:
        _echo_json(_step_facts(stands.next) if stands.next else None)
        return
    typer.echo(next_text(stands))
    for lease in stands.leases:
        typer.echo(lease.text)


#: What JupyterLab does not get wrong by itself is handed on to it.
_HANDED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=_HANDED_ON)
def lab(context: typer.Context) -> None:
    """Open the course in JupyterLab. `msl lab compile` opens a lesson; JupyterLab's own options may follow."""
    from labs.course.lessons import lesson
    from provisioning.front.lab import start

    given = list(context.args)
    wanted = lesson(_lesson(given.pop(0))) if given and not given[0].startswith("-") else None
    start(given, wanted)


@app.command()
def check(
    lesson: Annotated[
        str,
        typer.Argument(
            parser=_lesson,
            metavar="LESSON",
            help="Its word, such as compile.",
            autocompletion=lambda incomplete: [
                one for one in _titles().items() if one[0].startswith(incomplete)
            ],
        ),
    ],
    as_json: _JSON = False,
) -> None:
    """Judge a lesson's questions from your ledger. Exit code 1 says that something is left."""
    from provisioning.front.hand_in import points_text, says
    from provisioning.front.words import POINTS_NOTE, points_of

    step = next(step for step in standing().steps if step.lesson.id == lesson)
    if as_json:
        about = {
            "id": step.lesson.id,
            "title": step.lesson.title,
            "state": step.word,
            **points([step]),
        }
        rows = ((row, {"id": row.id, "title": row.title, "state": row.state}) for row in step.rows)
        _echo_json(
            {
                **about,
                "questions": [{**one, **sums([row]), "message": says(row)} for row, one in rows],
            }
        )
    else:
        width = max((len(points_text(row)) for row in step.rows), default=0)
        for row in step.rows:
            typer.echo(f"{points_text(row):<{width}}  {says(row)}")
        done = f"{len(step.rows) - len(step.left)} of {len(step.rows)} done (no points)"
        typer.echo(
            f"{step.lesson.title}: {f'{points_of(step)} points. {POINTS_NOTE}' if step.counts else done}"
        )
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
    """Write one zip of a part to hand in. What the grader will find is said before."""
    from provisioning.front.hand_in import submit as hand_in

    hand_in(NUMBERS[part], Console(), target=out, workspace=workspace)


@app.command()
def update() -> None:
    """Bring the course's next version. What you changed, measured and answered is kept."""
    from provisioning.front.update import update as bring

    bring(typer.echo)


@app.command()
def doctor() -> None:
    """Look for what is wrong on this computer. Each finding is a sentence with the way out."""
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
    """Say what is left of your leases, as far as this computer knows. The sub-commands ask Chameleon."""
    if context.invoked_subcommand is None:
        known = standing().leases
        for lease in known:
            typer.echo(lease.text)
        if not known:
            typer.echo(
                f"This computer knows of no lease that runs. `{msl('lease plan model')}` shows what is free."
            )


if __name__ == "__main__":
    app(prog_name="msl")
