"""`python -m assets.recipes`: rebuild the shipped drawings, and train the shipped models again."""

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from assets.recipes import dataset as recipe
from assets.recipes import sent
from assets.recipes.drawings import SourceError
from assets.recipes.manifest import DATASET_NAME, SENT_NAME, read_manifest, write_manifest
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
    """Rebuild Food-11 mini and the photos as people send them from their sources, and compare every
    byte with the manifest.
    """
    sets = {
        DATASET_NAME: (recipe.build, recipe.dataset_entry),
        SENT_NAME: (sent.build, sent.photos_entry),
    }
    for name, (build, entry_of) in sets.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                files = build(Path(folder), _packs())
            except SourceError as error:
                typer.secho(str(error), err=True, fg=typer.colors.RED)
                raise typer.Exit(1) from None
            if write:
                _replace(name, Path(folder), entry_of(files))
        difference = recipe.difference(read_manifest()["datasets"][name], files)
        if difference:
            typer.secho(difference, err=True, fg=typer.colors.RED)
            raise typer.Exit(1)
        typer.echo(f"{name}: {len(files)} pictures, all as the manifest says")


def _replace(name: str, built: Path, entry: dict[str, object]) -> None:
    """Put a data set's built splits and its manifest entry in place of the shipped ones."""
    for split in sorted(path.name for path in built.iterdir()):
        target = ASSETS_DIR / name / split
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(built / split, target)
    manifest = read_manifest()
    manifest["datasets"][name] = entry
    write_manifest(manifest)


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
