"""``python -m labs.edge measure | vitals | emulate``: the device's commands, and its imitation."""

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
    """Carry out the measurements of a job. One at a time: a second one waits, since it would
    disturb the first.
    """
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
    """Run the device's pinned environment as an ARM Cortex-A76 here, and compare its labels with
    this computer's.

    It shows that packages, files and code work on that processor. It gives no information about
    their speed.
    """
    from labs.edge.emulation import EmulationUnavailableError, prepare, prove
    from labs.edge.files import part_1_files
    from labs.edge.proof import MODULES

    def tell(fraction: float, text: str) -> None:
        typer.echo(f"{fraction:4.0%}  {text}")

    try:
        emulated = prepare(on_progress=tell)
    except EmulationUnavailableError as error:
        typer.echo(f"not possible here: {error}")
        raise typer.Exit(1) from None
    files = part_1_files(models_dir())
    job = {
        "dataset": str(assets.dataset("food11-mini")),
        "pictures": pictures,
        "models": {option: str(path) for option, path in files.items()},
    }
    with tempfile.TemporaryDirectory() as folder:
        timing = {"time": "edge-int8-s8s8", "ledger": f"{folder}/ledger.jsonl"}
        device_proof = prove({**job, "modules": MODULES, **timing}, emulated)
        own_proof = prove(job)
    _show_proof(device_proof)
    same = device_proof["pictures_sha256"] == own_proof["pictures_sha256"]
    typer.echo(f"pictures decoded to the same numbers: {'yes' if same else 'no'}")
    for option, result in device_proof["results"].items():
        device_labels = result["predicted"]
        own_labels = own_proof["results"][option]["predicted"]
        pairs = zip(device_labels, own_labels, strict=True)
        equal = sum(device_label == own_label for device_label, own_label in pairs)
        typer.echo(f"{option}: {equal} of {len(device_labels)} labels as on this computer")
    timed = device_proof["timed"]
    offered = ", ".join(timed["kinds"])
    refusal = timed["refused"][0]
    typer.echo(f"measured as in a lesson and offered to the ledger: {offered}; refused: {refusal}")


def _show_proof(proof: dict) -> None:
    version = proof["machine"]["python"]
    typer.echo(f"{proof['label']}, Python {version}")
    modules = [f"{name} {version}".strip() for name, version in proof["versions"].items()]
    typer.echo(f"imported: {', '.join(modules)}")
