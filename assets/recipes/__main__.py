"""`python -m assets.recipes`: rebuild the shipped drawings, and train the shipped models again."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assets.recipes import manifest as manifests
from assets.recipes.dataset import build
from assets.recipes.drawings import SourceError
from labs.assets.places import ASSETS_DIR, cache_dir
from labs.models import ARCHITECTURES

app = typer.Typer(help="How the assets that come with the checkout were made.", no_args_is_help=True)


def _packs() -> Path:
    return cache_dir() / "recipes" / "packs"


@app.command()
def dataset(
    write: Annotated[bool, typer.Option(help="Replace the shipped pictures and their manifest.")] = False,
) -> None:
    """Rebuild Food-11 mini from its sources and compare every byte with the manifest."""
    manifest = manifests.read_manifest()
    target = ASSETS_DIR / manifests.DATASET_NAME
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = build(Path(folder), _packs())
        except SourceError as error:
            typer.secho(str(error), err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
        if write:
            for split in sorted({Path(name).parts[0] for name in files}):
                shutil.rmtree(target / split, ignore_errors=True)
                shutil.copytree(Path(folder) / split, target / split)
            manifest["datasets"][manifests.DATASET_NAME] = manifests.dataset_entry(files)
            manifests.write_manifest(manifest)
    found = manifests.differences(manifest["datasets"][manifests.DATASET_NAME], files)
    for difference in found:
        typer.secho(difference, err=True, fg=typer.colors.RED)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{len(files)} pictures, all as the manifest says")


@app.command()
def train(
    model: Annotated[
        list[str] | None, typer.Option(help="A name of labs.models.ARCHITECTURES; may be repeated.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All but mobilenetv2, in turn.")] = False,
    work: Annotated[Path | None, typer.Option(help="Folder for pools and checkpoints (7 GB).")] = None,
    accept: Annotated[bool, typer.Option(help="Put the result in place of the shipped model.")] = False,
) -> None:
    """Train models again, and first the teacher; an interrupted training continues where it was."""
    from assets.recipes.train import train_model

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in model or [name for name in ARCHITECTURES if (name != "mobilenetv2") == every]:
        if name not in ARCHITECTURES:
            raise typer.BadParameter(f"{name} is none of {', '.join(ARCHITECTURES)}")
        train_model(name, work or cache_dir() / "recipes" / "training", _packs(), accept=accept)


if __name__ == "__main__":
    app()
