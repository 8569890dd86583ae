"""``python -m labs edge …``: imitate the device."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from labs import assets
from labs.workspace import models_dir

app = typer.Typer(help="Serving on a Raspberry Pi: imitate the device.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `emulate` a command of its own while it is the only one."""


@app.command()
def emulate(
    pictures: Annotated[int, typer.Option(help="Evaluation pictures to classify; a few seconds each.")] = 11,
    all_packages: Annotated[bool, typer.Option("--all", help="Import every package that lessons use.")] = True,
) -> None:
    """Run the device's pinned environment as an ARM Cortex-A76 here, and compare its labels with this computer's.

    It shows that packages, files and code work on that processor. It says nothing about how fast they are.
    """
    from labs.edge.emulation import EmulationUnavailableError, prepare, prove
    from labs.edge.making import PART_1_FILES, make_part_1_files
    from labs.edge.proof import MODULES

    try:
        emulated = prepare(on_progress=lambda fraction, text: typer.echo(f"{fraction:4.0%}  {text}"))
    except EmulationUnavailableError as error:
        typer.echo(f"not possible here: {error}")
        raise typer.Exit(1) from None
    make_part_1_files(models_dir())
    models = {option: models_dir() / name for option, name in PART_1_FILES.items()}
    job = {
        "dataset": str(assets.dataset("food11-mini")),
        "pictures": pictures,
        "models": {option: str(path) for option, path in models.items() if path.is_file()},
    }
    with tempfile.TemporaryDirectory() as folder:
        more = {
            "modules": MODULES if all_packages else (),
            "time": "edge-int8-s8s8",
            "ledger": f"{folder}/ledger.jsonl",
        }
        there = prove(emulated, {**job, **more})
    here = prove_here(job)
    typer.echo(f"{there['label']}, Python {there['machine']['python']}")
    typer.echo("imported: " + ", ".join(f"{name} {version}".strip() for name, version in there["versions"].items()))
    same = there["pictures_sha256"] == here["pictures_sha256"]
    typer.echo(f"pictures decoded to the same numbers: {'yes' if same else 'no'}")
    for option, found in there["results"].items():
        equal = sum(a == b for a, b in zip(found["predicted"], here["results"][option]["predicted"], strict=True))
        typer.echo(f"{option}: {equal} of {len(found['predicted'])} labels as on this computer")
    typer.echo(f"a timing was offered to the ledger and refused: {there['timed']['refused']}")


def prove_here(job: dict) -> dict:
    """Return what ``labs.edge.proof`` finds out on this computer, in a process of its own.

    Args:
        job: As for the emulated device.
    """
    command = [sys.executable, "-m", "labs.edge.proof"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True, cwd=Path.cwd())
    return json.loads(done.stdout.splitlines()[-1])
