"""``msl``: the course from a terminal. Each sub-command calls the room that does the work.

Exit codes: 0, done; 1, something is wrong, and the sentence on the screen says what to do; 2, the command was not
understood.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labs.course.lessons import lessons
from labs.shell import msl
from provisioning.classroom.cli import app as classroom
from provisioning.cli import app as provisioned
from provisioning.lab.terminal import InSentences
from provisioning.rehearsal.cli import app as rehearsal

app = typer.Typer(
    name="msl",
    cls=InSentences,
    no_args_is_help=True,
    help="Model serving labs: where you stand, what comes next, and the way to it.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: Parts as they may be typed.
_PARTS = {"0": 0, "1": 1, "2": 2, "3": 3, "start": 0, "model": 1, "edge": 2, "system": 3}


def _parts(incomplete: str) -> list[str]:
    return [one for one in _PARTS if one.startswith(incomplete)]


def _ids(incomplete: str) -> list[tuple[str, str]]:
    return [(one.id, one.title) for one in lessons() if one.id.startswith(incomplete)]


def _part(text: str) -> int:
    if text not in _PARTS:
        raise typer.BadParameter(f"there is no part {text!r}; the parts are 1 (model), 2 (edge) and 3 (system)")
    return _PARTS[text]


_PART = Annotated[int, typer.Argument(parser=_part, metavar="PART", help="0, 1, 2 or 3.", autocompletion=_parts)]


@app.command()
def status() -> None:
    """Show all lessons with points, minutes and where they run; the front page in words."""
    from provisioning.front.page import front_page
    from provisioning.front.standing import standing

    typer.echo(front_page(standing()).text)


@app.command("next")
def next_() -> None:
    """Say what comes next."""
    from provisioning.front.page import next_text
    from provisioning.front.standing import standing

    found = standing()
    typer.echo(next_text(found))
    for one in found.leases:
        typer.echo(one.text)


#: What JupyterLab does not get wrong by itself is handed on to it.
_HANDED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=_HANDED_ON)
def lab(context: typer.Context) -> None:
    """Open the course in JupyterLab: `msl lab`, `msl lab compile`, `msl lab --port 9000`, as JupyterLab's."""
    from labs.course.lessons import lesson
    from provisioning.front.lab import start

    given = list(context.args)
    wanted = lesson(given.pop(0)) if given and not given[0].startswith("-") else None
    start(given, wanted)


@app.command()
def check(
    lesson: Annotated[str, typer.Argument(help="A lesson's id, such as 'compile'.", autocompletion=_ids)],
) -> None:
    """Judge a lesson's questions from your ledger, as its own checks do, and say what is left."""
    from provisioning.front.hand_in import says
    from provisioning.front.standing import standing

    step = standing().step(lesson)
    for row in step.rows:
        typer.echo(f"{row.points}/{row.possible}  {says(row)}")
    typer.echo(f"{step.lesson.title}: {step.earned} of {step.possible} points")
    if not step.done:
        raise typer.Exit(1)


@app.command()
def pull(
    part: _PART,
    address: Annotated[
        str | None, typer.Option(help="Floating IP of the machine, for a computer without credentials.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="File of the private key, with --address.")] = None,
) -> None:
    """Bring home what was measured and made on a part's machine; run it as often as you like."""
    from provisioning.cli import pull as bring_home
    from provisioning.front.standing import PROVISIONED

    if part not in PROVISIONED:
        raise ValueError(f"Part {part} leases no machine, so there is nothing to bring home.")
    bring_home(PROVISIONED[part], address=address, key=key)


@app.command()
def submit(
    part: _PART,
    out: Annotated[Path | None, typer.Option(help="The zip; in your workspace unless named.")] = None,
    workspace: Annotated[
        Path | None, typer.Option(help="Folder with ledger and models; your own unless named.")
    ] = None,
) -> None:
    """Collect a part of your work, check it as the grader will, and write one zip to hand in."""
    from provisioning.front.hand_in import submit as hand_in

    hand_in(part, Console(), target=out, workspace=workspace)


@app.command()
def update() -> None:
    """Bring the course's next version; what you changed, measured and answered is kept."""
    from provisioning.front.update import update as bring

    bring(typer.echo)


@app.command()
def doctor() -> None:
    """Look for what is wrong with the course on this computer; each finding is a sentence with the way out."""
    from provisioning.front.doctor import findings

    found = findings()
    for one in found:
        typer.secho(str(one), fg=None if one.ok else "red")
    if not all(one.ok for one in found):
        raise typer.Exit(1)


leases = typer.Typer(invoke_without_command=True, help="Leases: what is left of yours; plan, reserve, up, release, …")
leases.add_typer(provisioned)
app.add_typer(leases, name="lease")
app.add_typer(rehearsal, name="rehearsal")
app.add_typer(classroom, name="class", help="For instructors: plan a class, make its leases, watch it.")


@leases.callback()
def left(context: typer.Context) -> None:
    """Say what is left of your leases, as far as this computer knows; the sub-commands ask Chameleon."""
    from provisioning.front.standing import standing

    if context.invoked_subcommand is None:
        known = standing().leases
        for one in known:
            typer.echo(one.text)
        if not known:
            typer.echo(f"This computer knows of no lease that runs. `{msl('lease plan model')}` shows what is free.")


if __name__ == "__main__":
    app(prog_name="msl")
