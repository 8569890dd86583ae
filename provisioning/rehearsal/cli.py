"""`python -m provisioning rehearsal …`: start, look into, disturb and stop the rehearsal."""

import json
from typing import Annotated, Any

import typer

from provisioning.rehearsal import control, drills, environment, place
from provisioning.rehearsal.faults import FAULTS
from provisioning.sites.spec import Part, load_spec

app = typer.Typer(no_args_is_help=True, help="A local testbed that python-chi takes for Chameleon.")

_USER = typer.Option("--user", help="The student; this computer's user by default.")


@app.command()
def up(
    speed: Annotated[
        float, typer.Option(help="How many times shorter waits are than on Chameleon.")
    ] = 120.0,
    user: Annotated[str | None, _USER] = None,
) -> None:
    """Start the rehearsal, or find it. `eval "$(… rehearsal up)"` turns a shell to it."""
    home = control.start(speed=speed)
    typer.echo(environment.export_lines(home, user))


@app.command()
def lease(
    name: Annotated[str, typer.Argument(help="The lease's name.")],
    part: Annotated[
        Part | None,
        typer.Option(help="Part of the course: the lease holds what that runs on first."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Or a type of node, device or virtual machine.")
    ] = None,
    user: Annotated[str | None, _USER] = None,
) -> None:
    """Make an active lease, as Horizon would have. It lasts a part's block, or three hours."""
    if (part is None) == (kind is None):
        raise ValueError(
            "say what the lease is to hold: --part model, edge or system, or --type of a machine"
        )
    asked: dict[str, Any] = {"name": name, "user": user or environment.variables()["OS_USERNAME"]}
    asked |= {"site": None, "type": kind, "hours": 3}
    if part is not None:
        spec = load_spec(part)
        asked |= {"site": spec.options[0].site, "type": spec.options[0].type, "hours": spec.hours}
    answer = _ask("POST", "/leases", asked)
    typer.echo(
        f"{name} is active at {answer['site']}, with one {asked['type']}, until {answer['end']}"
    )


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the clock, what exists and which faults are armed."""
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
        typer.echo("\n".join(f"{name:16} {one.what}" for name, one in FAULTS.items()))


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


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return place.ask(place.folder(), method, path, body)
