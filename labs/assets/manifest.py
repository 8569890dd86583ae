"""What the checkout itself carries: the small data set and the models, each file with its SHA-256."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from labs.assets import places
from labs.assets.places import AssetError

_RESTORE = "Restore it with `git checkout -- assets`, or get the course again"

#: Files that an error names.
_SHOWN = 3


@dataclass(frozen=True)
class Carried:
    """A data set or model that comes with the checkout."""

    #: Name under which it is asked for.
    name: str
    #: `dataset` or `model`.
    kind: str
    #: What is handed over: the folder of a data set, the file of a model.
    path: Path
    #: SHA-256 by file, relative to the data set's or the model's folder.
    files: dict[str, str]
    #: Drawing that each picture of a data set shows, by the same names; empty where nobody wrote it down.
    drawings: dict[str, str] = field(default_factory=dict)

    @functools.cached_property  # two thousand pictures take a quarter of a second, and a lesson asks several times
    def checked(self) -> Path:
        """Its path, when its files are the recorded ones.

        Raises:
            AssetError: Files are missing, changed or too many; the message names the first few.
        """
        root = self.path if self.kind == "dataset" else self.path.parent
        wrong = []
        for name, sha256 in self.files.items():
            if not (root / name).is_file():
                wrong.append(f"{name} is missing")
            elif sha256_of(root / name) != sha256:
                wrong.append(f"{name} has other content")
        if self.kind == "dataset":
            from labs.data.dataset import IMAGE_SUFFIXES  # brings Pillow, which Chameleon's Jupyter need not have

            # One picture more changes the accuracy.
            seen = {
                path.relative_to(root).as_posix()
                for path in root.rglob("[!.]*")
                if path.suffix.lower() in IMAGE_SUFFIXES
            }
            wrong += [f"{name} does not belong there" for name in sorted(seen - self.files.keys())]
        if wrong:
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            raise AssetError(f"{root} is not as it was recorded: {'; '.join(wrong[:_SHOWN])}{more}. {_RESTORE}")
        return self.path


def carried() -> dict[str, Carried]:
    """Return what the manifest lists, by name; data sets first, then models.

    Raises:
        AssetError: The manifest is missing: the checkout is incomplete, or the package was copied without its data.
    """
    return _read(places.ASSETS_DIR)


@functools.cache
def _read(folder: Path) -> dict[str, Carried]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise AssetError(f"{path} is missing or damaged ({error}). {_RESTORE}") from error
    found = {}
    for name, entry in manifest.get("datasets", {}).items():
        files = {file: record["sha256"] for file, record in entry["files"].items()}
        drawings = {file: f"{one['pack']}:{one['glyph']}" for file, one in entry["files"].items() if "glyph" in one}
        found[name] = Carried(name, "dataset", folder / entry["path"], files, drawings)
    for name, entry in manifest.get("models", {}).items():
        file = folder / entry["path"]
        found[name] = Carried(name, "model", file, {file.name: entry["sha256"]})
    return found


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
