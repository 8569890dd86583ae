"""`chameleon-rehearsal …`: start, look into, disturb and stop the rehearsal."""

import json
import sys
from typing import Annotated, Any

import typer

from chameleon_rehearsal import control, drills, environment, place
from chameleon_rehearsal.faults import FAULTS

app = typer.Typer(no_args_is_help=True, help="A local testbed that python-chi takes for Chameleon.")

#: Options that another program's `up` and `lease` have as well.
SPEED = typer.Option(help="How many times shorter waits are than on Chameleon.")
USER = typer.Option("--user", help="The student; this computer's user by default.")


@app.command()
def up(speed: Annotated[float, SPEED] = 120.0, user: Annotated[str | None, USER] = None) -> None:
    """Start the rehearsal, or find it. `eval "$(… up)"` turns a shell to it."""
    home = control.start(speed=speed)
    typer.echo(environment.export_lines(home, user))


@app.command()
def lease(
    name: Annotated[str, typer.Argument(help="The lease's name.")],
    type_name: Annotated[
        str, typer.Option("--type", help="A type of node, device or virtual machine.")
    ],
    user: Annotated[str | None, USER] = None,
    hours: Annotated[float, typer.Option(help="How long it lasts.")] = 3,
) -> None:
    """Make an active lease, as Horizon would have."""
    owner = user or environment.variables()["OS_USERNAME"]
    answer = drills.lease(name, type_name, owner, hours=hours)
    typer.echo(f"{name} is active at {answer['site']}, with one {type_name}, until {answer['end']}")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the clock, the existing resources and the armed faults."""
    answer = _ask("GET", "/status")
    typer.echo(json.dumps(answer, indent=2) if as_json else drills.status_text(answer))


@app.command()
def fault(
    name: Annotated[
        str | None, typer.Argument(help="NAME[/SITE][=SECONDS][:TIMES|:always][@USER]")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Disarm it, or all when no name is given.")
    ] = False,
) -> None:
    """Arm or disarm a fault. Without a name, list the faults."""
    if clear:
        _ask("DELETE", f"/faults?name={name}" if name else "/faults")
    elif name:
        _ask("POST", "/faults", {"fault": name})
    else:
        for known, description in FAULTS.items():
            typer.echo(f"{known:16} {description.what}")


@app.command()
def advance(
    hours: Annotated[float, typer.Argument(help="Hours to move the calendar forward.")],
) -> None:
    """Move the calendar forward. Leases start and end as if the time had passed."""
    typer.echo(_ask("POST", "/clock", {"advance_s": hours * 3600})["now"])


@app.command()
def reset() -> None:
    """Forget all leases and machines, and set the calendar to now."""
    typer.echo(f"empty, at {_ask('POST', '/reset', {})['now']}")


@app.command()
def down() -> None:
    """Stop the rehearsal. Leases and files stay for the next `up`."""
    typer.echo("stopped" if control.stop() else "no rehearsal was running")


def main() -> None:
    """Run the command line; an error that a person can act on is its text and exit code 1."""
    try:
        app()
    except (OSError, ValueError) as error:
        typer.secho(str(error), err=True, fg="red")
        sys.exit(1)


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return place.ask(place.folder(), method, path, body)


if __name__ == "__main__":
    main()
