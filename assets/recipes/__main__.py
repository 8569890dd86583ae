"""`python -m assets.recipes`: rebuild the shipped drawings, and train the shipped models again."""

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assets.recipes import dataset as recipe
from assets.recipes.drawings import SourceError
from assets.recipes.manifest import DATASET_NAME, read_manifest, write_manifest
from labs.assets.manifest import ASSETS_DIR
from labs.workspace import cache_dir

app = typer.Typer(
    help="How the assets that come with the checkout were made.", no_args_is_help=True
)


def _packs() -> Path:
    return cache_dir() / "recipes" / "packs"


@app.command()
def dataset(
    write: Annotated[
        bool, typer.Option(help="Replace the shipped pictures and their manifest.")
    ] = False,
) -> None:
    """Rebuild Food-11 mini from its sources and compare every byte with the manifest."""
    manifest = read_manifest()
    target = ASSETS_DIR / DATASET_NAME
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = recipe.build(Path(folder), _packs())
        except SourceError as error:
            typer.secho(str(error), err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
        if write:
            splits = {Path(name).parts[0] for name in files}
            for split in sorted(splits):
                shutil.rmtree(target / split, ignore_errors=True)
                shutil.copytree(Path(folder) / split, target / split)
            manifest["datasets"][DATASET_NAME] = recipe.dataset_entry(files)
            write_manifest(manifest)
    difference = recipe.difference(manifest["datasets"][DATASET_NAME], files)
    if difference:
        typer.secho(difference, err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    typer.echo(f"{len(files)} pictures, all as the manifest says")


@app.command()
def train(
    model: Annotated[
        str, typer.Option(help="A name of assets.recipes.models.TRAINED.")
    ] = "mobilenetv2",
    work: Annotated[
        Path | None, typer.Option(help="Folder for what finished phases leave.")
    ] = None,
    accept: Annotated[
        bool, typer.Option(help="Put the result in place of the shipped model.")
    ] = False,
) -> None:
    """Train a model again; an interrupted training continues after its last finished phase."""
    from assets.recipes.models import TRAINED, train_model

    if model not in TRAINED:
        raise typer.BadParameter(f"{model} is none of {', '.join(TRAINED)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder = work or cache_dir() / "recipes" / "training"
    train_model(model, folder, _packs(), accept=accept)


if __name__ == "__main__":
    app()
