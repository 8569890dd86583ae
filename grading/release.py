"""``python -m grading release build``: the whole course for instructors, grader, sources and tests included."""

import hashlib
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labs.workspace import PROJECT_DIR

console = Console()
app = typer.Typer(no_args_is_help=True, help="The archive for instructors; students get `provisioning trovi build`.")


@app.callback()
def instructors() -> None:
    """Keep ``build`` a word of its own, as its twin for students has it."""


@app.command()
def build(
    target: Annotated[Path, typer.Argument(help="The archive to write.")] = PROJECT_DIR
    / "dist"
    / "model-serving-labs-instructors.tar.gz",
) -> None:
    """Write what is committed, answers included: for instructors' hands alone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["git", "-C", str(PROJECT_DIR), "archive", "--prefix", "model-serving-labs/", "--output"]
    done = subprocess.run([*command, str(target.resolve()), "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode:
        console.print(f"git archive: {done.stderr.strip()}", style="red", markup=False, highlight=False)
        raise typer.Exit(1)
    target.chmod(0o600)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    console.print(f"{target}: {target.stat().st_size / 1e6:.1f} MB\nsha256 {digest}", highlight=False, soft_wrap=True)
