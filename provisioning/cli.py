"""``python -m provisioning plan|reserve|up|forward|release|sweep …``: the notebooks' steps, from a
terminal.
"""

from contextlib import suppress
from typing import Annotated
from zoneinfo import available_timezones

import typer

from labs.course.roster import owner_name
from labs.shell import msl
from labs.sites.spec import PARTS, Part, load_spec, resource_name
from labs.terminal import PART
from provisioning import lab
from provisioning.lab.proof import prove, recorded
from provisioning.own.look import inspect, name_machine
from provisioning.planning.blocks import local_span
from provisioning.planning.chooser import PAGES, Chooser
from provisioning.planning.zones import find_zone
from provisioning.setup import release as held
from provisioning.setup.reach import Tunnel
from provisioning.testbed import Way
from provisioning.testbed.silent import Silent
from provisioning.testbed.surroundings import site_clock

app = typer.Typer(no_args_is_help=True)


def _zones(incomplete: str) -> list[str]:
    return [zone for zone in sorted(available_timezones()) if zone.startswith(incomplete)]


def _types(context: typer.Context, incomplete: str) -> list[str]:
    """Return the machines of the part named earlier on the line; without a part, those of all
    parts.
    """
    part = context.params.get("part")
    parts = [part] if part in PARTS else PARTS
    names = [option.type for name in parts for option in load_spec(name).options]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


ZONE = typer.Option(
    "--zone",
    help="Time zone, such as America/Chicago; the planner's last one when left out.",
    autocompletion=_zones,
)
_ADDRESS = Annotated[
    str | None,
    typer.Option(
        "--address", help="Floating IP of the machine, for a computer without credentials."
    ),
]
_KEY = Annotated[
    str | None,
    typer.Option(
        "--key", envvar="OS_KEYPAIR_PRIVATE_KEY", help="File of the private key, with --address."
    ),
]
_WEEK = typer.Option(
    "--week", min=1, max=PAGES, help="Which week, 1 for the one that begins today."
)
_TYPE = typer.Option(
    "--type",
    help="Node type or device, such as gpu_mi100; the first that is free when left out.",
    autocompletion=_types,
)


def _chooser(part: str, week: int, zone: str | None, type_name: str | None) -> Chooser:
    spec = load_spec(part)
    if type_name is not None:
        spec = spec.only(type_name)
    chooser = Chooser(spec, lab.open_testbed, find_zone(zone), site_clock())
    chooser.read()
    if not chooser.options:
        chooser.unread.check("nobody knows what is free")
    chooser.turn_to(week - 1)
    return chooser


@app.command()
def plan(
    part: PART,
    week: Annotated[int, _WEEK] = 1,
    zone: Annotated[str | None, ZONE] = None,
    type_name: Annotated[str | None, _TYPE] = None,
) -> None:
    """Number the free blocks of a part's machines, in your time zone."""
    chooser = _chooser(part, week, zone, type_name)
    typer.echo(chooser.text(rehearsed=lab.rehearsing()))
    for number, slot in enumerate(chooser.table().free[:10], start=1):
        when = slot.text(chooser.zone)
        typer.echo(f"{number:>3}  {when}, on {slot.free[0]}")


@app.command()
def reserve(
    part: PART,
    number: Annotated[int, typer.Option(help="Which block of `plan`'s list.")] = 1,
    week: Annotated[int, _WEEK] = 1,
    zone: Annotated[str | None, ZONE] = None,
    type_name: Annotated[str | None, _TYPE] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Though a site cannot say if you have one there.")
    ] = False,
) -> None:
    """Reserve a block of the planner's list."""
    chooser = _chooser(part, week, zone, type_name)
    free = chooser.table().free
    if not 1 <= number <= len(free):
        raise ValueError(f"there is no block {number}; the list has {len(free)}")
    chooser.choose(start=free[number - 1].start)
    lease = chooser.reserve(anyway=anyway)
    option = chooser.lease_option
    where = f"{lease.node or option.name} at {option.site}" if option else lease.node
    when = local_span(lease.start, lease.end, chooser.zone)
    typer.echo(f"{lease.name} is {lease.status} on {where}, {when}")


@app.command()
def up(
    part: PART,
    record: Annotated[
        bool, typer.Option("--record", help="Keep in what forms the site answers, without values.")
    ] = False,
    node: Annotated[
        str | None,
        typer.Option(help="A machine of your own: user@host or user@host:port. It needs no lease."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="File of the private key, with --node.")
    ] = None,
) -> None:
    """Bring the part's machine up. Run it again to resume."""
    if node is not None:
        _name_own(part, node, key or "")
    if not record:
        return _bring_up(part)
    with recorded(part) as path:
        typer.echo(f"The forms of the site's answers will be in {path}.")
        return _bring_up(part)


def _name_own(part: Part, node: str, key: str) -> None:
    """Look at a machine of one's own, say what will be made there, and take it for the part."""
    inspection = inspect(part, node, key)
    typer.echo(inspection.text())
    if inspection.lacking():
        typer.echo("Nothing was changed on it.")
        raise typer.Exit(1)
    name_machine(inspection, key)


def _bring_up(part: Part) -> None:
    option = lab.find_option(lab.open_testbed, part, resource_name(part))
    run = lab.prepare(part, option)
    typer.echo(run.plan.text())
    for event in run.events():
        if event.text or event.kind in ("started", "done"):
            what = event.text or event.kind
            typer.echo(f"{event.elapsed_s:7.1f} s  {event.step:<12}{what}")
    typer.echo(run.text())
    if run.failures:
        typer.echo(f"`{msl(f'lease proof {part}')}` writes down how far it came, and names nobody.")
        raise typer.Exit(1)
    if not option.seen_s and option.resource != "own":
        typer.echo(
            f"Nobody has sent a proof of such a machine: {msl(f'lease proof {part}')} writes one."
        )


@app.command()
def forward(part: PART, address: _ADDRESS = None, key: _KEY = None) -> None:
    """Bring the ports that its lessons use to this computer. Ctrl+C ends it."""
    reached = lab.forward(part, way=_way(address, key))
    typer.echo(repr(reached))
    if not isinstance(reached, Tunnel):
        typer.echo("Its ports are open at its own address: nothing has to be forwarded.")
        return
    typer.echo(
        "A link works once its lesson has started what it leads to. Ctrl+C closes the tunnel."
    )
    with suppress(KeyboardInterrupt):
        reached.wait()
    reached.stop()


@app.command()
def push(part: PART, address: _ADDRESS = None, key: _KEY = None) -> None:
    """Bring your answers and models to the part's machine. `up` does it too."""
    typer.echo(f"sent: {lab.push(part, way=_way(address, key))}")


@app.command()
def pull(part: PART, address: _ADDRESS = None, key: _KEY = None) -> None:
    """Bring home what the part's machine measured. Run it as often as you like."""
    typer.echo(f"home: {lab.pull(part, way=_way(address, key))}")


@app.command()
def proof(part: PART) -> None:
    """Write down what a part's machine is and how set-up went.

    It also works for a set-up that failed. It contains no names of people.
    """
    path, seen = prove(part)
    for name, step in seen["steps"].items():
        if step["state"] == "failed":
            first_line = step["error"].partition("\n")[0]
            typer.echo(f"failed: {name}: {first_line}")
    if seen["silent"]:
        typer.echo(f"The machine could not be asked: {seen['silent']}")
    for deviation in seen["deviations"]:
        typer.echo(f"differs: {deviation}")
    for name in seen["lacks"]:
        typer.echo(f"differs: no command {name}")
    use = "of a rehearsal, to look at" if seen["rehearsed"] else "send it by the form 'First lease'"
    typer.echo(f"{path}: {use}")


def _way(address: str | None, key: str | None) -> Way | None:
    return Way(address, key or "") if address else None


@app.command()
def release(
    part: PART,
    keep_lease: Annotated[
        bool, typer.Option("--keep-lease", help="To boot again on the same reservation.")
    ] = False,
    pull_first: Annotated[
        bool, typer.Option("--pull", help="Bring home what is only there, then delete.")
    ] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Delete results that are nowhere else.")
    ] = False,
) -> None:
    """Give a part's machine, addresses and lease back. It refuses while results are only there."""
    if pull_first:
        typer.echo(f"home: {lab.pull(part)}")
    silent = Silent()
    for site in lab.places_of(part):
        with silent.at(site):
            testbed = lab.open_testbed(site)
            for line in lab.give_back(part, testbed, keep_lease=keep_lease, discard=discard):
                typer.echo(line)
    silent.check("not everything was given back")


@app.command()
def sweep(
    mine: Annotated[bool, typer.Option("--mine", help="Only what carries your own name.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the orphans; what is in use stays.")
    ] = False,
) -> None:
    """List the labs' resources at all sites, with their age. --delete first deletes orphans."""
    now = site_clock().now()
    owner = owner_name() if mine else None
    silent = Silent()
    leftovers: list[held.Leftover] = []
    lines: list[str] = []
    for site in dict.fromkeys(site for part in PARTS for site in lab.places_of(part)):
        with silent.at(site):
            testbed = lab.open_testbed(site)
            site_leftovers = held.survey(testbed, now, owner)
            swept = held.sweep(testbed, site_leftovers, now) if delete else []
            # The count below is of present resources, not earlier ones.
            leftovers += held.survey(testbed, now, owner) if swept else site_leftovers
            lines += swept
    for line in lines:
        typer.echo(line)
    if delete:
        not_deleted = sum(line.startswith("kept") for line in lines)
        summary = f"{len(lines) - not_deleted} deleted"
        typer.echo(f"{summary}, {not_deleted} could not be" if not_deleted else summary)
    if leftovers or not silent:
        typer.echo(held.table(leftovers))
    silent.check("nobody knows what else is left")
