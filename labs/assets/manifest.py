"""What the checkout itself carries: the small data set and the models, each file with its size and SHA-256."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from labs.assets.errors import IntegrityError
from labs.assets.places import ASSETS_DIR
from labs.assets.verify import FileRecord

#: File in `assets/` that lists everything else there.
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class Embedded:
    """A data set or model that comes with the checkout."""

    #: Name under which it is asked for.
    name: str
    #: `dataset` or `model`.
    kind: str
    #: Folder that holds its files.
    root: Path
    #: Its files by path relative to `root`.
    files: dict[str, FileRecord]

    @property
    def path(self) -> Path:
        """What is handed over: the folder of a data set, the file of a model."""
        return self.root if self.kind == "dataset" else self.root / next(iter(self.files))


def embedded() -> dict[str, Embedded]:
    """Return what the manifest lists, by name.

    Returns:
        Data sets first, then models.

    Raises:
        IntegrityError: The manifest is missing or not in its form; the checkout is incomplete, or the package was
            copied without its data.
    """
    path = ASSETS_DIR / MANIFEST_NAME
    try:
        manifest = json.loads(path.read_text("utf-8"))
        datasets = [_dataset(name, entry) for name, entry in manifest.get("datasets", {}).items()]
        models = [_model(name, entry) for name, entry in manifest.get("models", {}).items()]
    except FileNotFoundError:
        raise IntegrityError(
            f"{path} is missing, so this checkout is incomplete; clone the repository again and install it from there "
            "with `make setup` (the data is not part of a wheel)"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path} is damaged ({error!r}); restore it with `git checkout -- assets`") from error
    return {item.name: item for item in (*datasets, *models)}


def _dataset(name: str, entry: dict[str, Any]) -> Embedded:
    files = {
        _inside(file): FileRecord(record["size_bytes"], record["sha256"]) for file, record in entry["files"].items()
    }
    return Embedded(name, "dataset", ASSETS_DIR / _inside(entry.get("path", name)), files)


def _model(name: str, entry: dict[str, Any]) -> Embedded:
    path = ASSETS_DIR / _inside(entry["path"])
    return Embedded(name, "model", path.parent, {path.name: FileRecord(entry["size_bytes"], entry["sha256"])})


def _inside(path: str) -> str:
    """Return a path that stays in its folder."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"the path {path!r} leads out of the folder")
    return path
