"""Chameleon rehearsed, with the software of this course's machines and the leases of its parts.

The rehearsal itself is a package, `chameleon_rehearsal`, in the folder `provisioning/rehearsal`. A
notebook's first cell: `from provisioning.lab import rehearsal; print(rehearsal.use())`.
"""

import os
from typing import Annotated

import typer

import chameleon_rehearsal
from chameleon_rehearsal import (
    RehearsalDownError,
    Software,
    advance,
    advance_to,
    arm,
    export_lines,
    on_chameleon,
    rehearses_at_chameleon,
    start,
)
from labs.errors import CourseError
from labs.shell import rehearse
from labs.sites import images
from labs.sites.spec import Part, load_spec
from provisioning.testbed.silent import Silent

__all__ = [
    "advance",
    "advance_to",
    "app",
    "arm",
    "require_real_at_chameleon",
    "software",
    "use",
]

RehearsalDownError.way_out = f"`{rehearse()}` starts it, with everything that was in it."


def use(speed: float = 120.0, user: str | None = None, *, always: bool = False) -> str:
    """Rehearse, unless this is Chameleon: start the rehearsal if none runs, and use it here.

    Args:
        speed: Factor by which waits are shorter than on Chameleon, if a rehearsal starts now.
        user: The student's name; the name of this computer's user by default.
        always: Rehearse in Chameleon's Jupyter as well; only this process is turned, and nothing
            real is touched.

    Returns:
        One sentence for a notebook that names which of the two it is. On Chameleon, it also names
        the site's present fault, which the lesson's own calls would show as a traceback.

    Raises:
        NotSignedInError: This is Chameleon, and the token has expired.
    """
    sentence = chameleon_rehearsal.use(speed, user, always=always, software=software())
    return f"{sentence}{_trouble()}" if on_chameleon() else sentence


class NotRealError(CourseError):
    """A lease that is meant to be real would be rehearsed."""

    likely = "The first cell rehearses here too, because it says `always=True`."
    way_out = (
        "Remove `always=True` from the first cell, restart the kernel, run the cells up to *Who "
        "you are*, then go on from here."
    )


def require_real_at_chameleon() -> None:
    """See that Chameleon's Jupyter makes a real lease from here on; elsewhere nothing happens.

    Raises:
        NotRealError: this is Chameleon's Jupyter, and the kernel rehearses.
    """
    if rehearses_at_chameleon():
        raise NotRealError("This is Chameleon's Jupyter, and a lease from here would be rehearsed.")


def _trouble() -> str:
    # It imports chi, and a rehearsal has to be chosen before that.
    from provisioning.chameleon.adapter import ChameleonTestbed

    site = os.environ.get("OS_REGION_NAME", "CHI@TACC")
    silent = Silent()
    with silent.at(site):
        ChameleonTestbed(site).leases()
    return "".join(f"\n{error}" for error in silent.values())


def software() -> Software:
    """Return what machines have: the images of ``sites/images.toml``, less what a proof missed."""
    return Software(
        images={name: {"commands": sorted(images.commands(name))} for name in images.names()},
        packages=images.packages(),
        # Asks a machine for an environment from its own pins.
        variables=["REHEARSAL_PINNED"],
    )


app = typer.Typer(no_args_is_help=True, help="A local testbed that python-chi takes for Chameleon.")
#: Commands that know the course; they take the place of the rehearsal's own.
_ours = typer.Typer()
_USER = typer.Option("--user", help="The student; this computer's user by default.")


@_ours.command()
def up(
    speed: Annotated[
        float, typer.Option(help="How many times shorter waits are than on Chameleon.")
    ] = 120.0,
    user: Annotated[str | None, _USER] = None,
) -> None:
    """Start the rehearsal, or find it. `eval "$(… rehearsal up)"` turns a shell to it."""
    home = start(speed=speed, software=software())
    typer.echo(export_lines(home, user))


@_ours.command()
def lease(
    name: Annotated[str, typer.Argument(help="The lease's name.")],
    part: Annotated[
        Part | None,
        typer.Option(help="Part of the course: the lease holds what that runs on first."),
    ] = None,
    type_name: Annotated[
        str | None, typer.Option("--type", help="Or a type of node, device or virtual machine.")
    ] = None,
    user: Annotated[str | None, _USER] = None,
) -> None:
    """Make an active lease, as Horizon would have. It lasts a part's block, or three hours."""
    site, hours = None, 3
    if part is not None and type_name is None:
        spec = load_spec(part)
        first = spec.options[0]
        site, type_name, hours = first.site, first.type, spec.hours
    elif part is not None or type_name is None:
        raise ValueError(
            "say what the lease is to hold: --part model, edge or system, or --type of a machine"
        )
    owner = user or chameleon_rehearsal.variables()["OS_USERNAME"]
    answer = chameleon_rehearsal.lease(name, type_name, owner, hours=hours, site=site)
    typer.echo(f"{name} is active at {answer['site']}, with one {type_name}, until {answer['end']}")


app.add_typer(chameleon_rehearsal.command_line())
app.add_typer(_ours)
