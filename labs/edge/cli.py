"""``python -m labs.edge measure | vitals | emulate``: what a device does, and how it is imitated here."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from labs import assets
from labs.workspace import models_dir, workspace_dir

app = typer.Typer(
    help="Serving on a Raspberry Pi: measure there, or imitate it here.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def measure(
    job: Annotated[Path, typer.Argument(help="A job, as JSON; a lesson writes it.")],
    records: Annotated[Path, typer.Option(help="Receives the records, one JSON line each.")],
) -> None:
    """Measure what a job asks for. One at a time: a second one waits, since it would disturb the first."""
    import fcntl

    from labs.edge.measuring import run_job

    def tell(fraction: float, text: str) -> None:
        typer.echo(f"progress {fraction:.3f} {text}")

    workspace_dir().mkdir(parents=True, exist_ok=True)
    with (workspace_dir() / "measuring.lock").open("a") as file:
        tell(0.0, "waiting for its turn on this machine")
        fcntl.flock(file, fcntl.LOCK_EX)  # a process that dies lets go
        count = run_job(job, records, tell)
    typer.echo(f"{count} records")


@app.command()
def vitals() -> None:
    """Print one JSON line: which machine this is."""
    from labs.machine import fingerprint

    typer.echo(json.dumps({"machine": fingerprint().to_json()}))


@app.command()
def emulate(
    pictures: Annotated[
        int, typer.Option(help="Evaluation pictures to classify; a few seconds each.")
    ] = 11,
) -> None:
    """Run the device's pinned environment as an ARM Cortex-A76 here, and compare its labels with this computer's.

    It shows that packages, files and code work on that processor. It says nothing about how fast they are.
    """
    from labs.edge.emulation import EmulationUnavailableError, prepare, prove
    from labs.edge.files import part_1_files
    from labs.edge.proof import MODULES

    try:
        emulated = prepare(
            on_progress=lambda fraction, text: typer.echo(f"{fraction:4.0%}  {text}")
        )
    except EmulationUnavailableError as error:
        typer.echo(f"not possible here: {error}")
        raise typer.Exit(1) from None
    models = {option: str(path) for option, path in part_1_files(models_dir()).items()}
    job = {"dataset": str(assets.dataset("food11-mini")), "pictures": pictures, "models": models}
    with tempfile.TemporaryDirectory() as folder:
        more = {"modules": MODULES, "time": "edge-int8-s8s8", "ledger": f"{folder}/ledger.jsonl"}
        there, here = prove({**job, **more}, emulated), prove(job)
    typer.echo(f"{there['label']}, Python {there['machine']['python']}")
    typer.echo(
        "imported: "
        + ", ".join(f"{name} {version}".strip() for name, version in there["versions"].items())
    )
    same = there["pictures_sha256"] == here["pictures_sha256"]
    typer.echo(f"pictures decoded to the same numbers: {'yes' if same else 'no'}")
    for option, found in there["results"].items():
        equal = sum(
            a == b
            for a, b in zip(found["predicted"], here["results"][option]["predicted"], strict=True)
        )
        typer.echo(f"{option}: {equal} of {len(found['predicted'])} labels as on this computer")
    offered = ", ".join(there["timed"]["kinds"])
    typer.echo(
        f"measured as in a lesson and offered to the ledger: {offered}; refused: {there['timed']['refused'][0]}"
    )
