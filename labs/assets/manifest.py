"""The small data set and the models of the checkout, each file with its SHA-256."""

import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

#: The checkout's data: the small data set, the models, and the manifest with their hashes.
ASSETS_DIR = Path(__file__).resolve().parents[2] / "assets"

_RESTORE = "Restore it with `git checkout -- assets`, or get the course again"


class AssetError(RuntimeError):
    """A model or data set could not be handed over; the message names mistake and way out."""


@dataclass(frozen=True)
class Carried:
    """A data set or model that comes with the checkout."""

    name: str
    #: `dataset` or `model`.
    kind: str
    #: The returned path: the folder of a data set, the file of a model.
    path: Path
    #: SHA-256 by file, relative to the data set's or the model's folder.
    files: dict[str, str]
    #: Drawing that each picture of a data set shows, by the same names; empty if it is unknown.
    drawings: dict[str, str] = field(default_factory=dict)

    # two thousand pictures take a quarter of a second, and a lesson asks several times
    @functools.cached_property
    def checked(self) -> Path:
        """Its path, when its files are the recorded ones.

        Raises:
            AssetError: Files are missing, changed or too many; the message names the first three.
        """
        root = self.path if self.kind == "dataset" else self.path.parent
        wrong = []
        for name, sha256 in self.files.items():
            path = root / name
            if not path.is_file() or sha256_of(path) != sha256:
                wrong.append(name)
        if self.kind == "dataset":
            # One picture more changes the accuracy.
            wrong += sorted(_pictures_below(root) - self.files.keys())
        if wrong:
            names = ", ".join(wrong[:3])
            if len(wrong) > 3:
                names += " …"
            raise AssetError(
                f"{root} is not as it was recorded ({len(wrong)} files: {names}). {_RESTORE}"
            )
        return self.path


def _pictures_below(root: Path) -> set[str]:
    """Return the paths of all pictures below a folder, relative to it."""
    # Brings Pillow, which Chameleon's Jupyter need not have.
    from labs.data.dataset import IMAGE_SUFFIXES

    pictures = set()
    for path in root.rglob("[!.]*"):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            pictures.add(path.relative_to(root).as_posix())
    return pictures


def carried() -> dict[str, Carried]:
    """Return what the manifest lists, by name; data sets first, then models.

    Raises:
        AssetError: The manifest is missing: the checkout is incomplete, or the package was copied
            without its data.
    """
    return _read(ASSETS_DIR)


@functools.cache
def _read(folder: Path) -> dict[str, Carried]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise AssetError(f"{path} is missing or damaged ({error}). {_RESTORE}") from error
    by_name = {}
    for name, entry in manifest.get("datasets", {}).items():
        hashes = {}
        drawings = {}
        for file, record in entry["files"].items():
            hashes[file] = record["sha256"]
            if "glyph" in record:
                drawings[file] = f"{record['pack']}:{record['glyph']}"
        by_name[name] = Carried(name, "dataset", folder / entry["path"], hashes, drawings)
    for name, entry in manifest.get("models", {}).items():
        file = folder / entry["path"]
        by_name[name] = Carried(name, "model", file, {file.name: entry["sha256"]})
    return by_name


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
