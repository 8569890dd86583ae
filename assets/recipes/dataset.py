"""Building Food-11 mini, byte for byte."""

import hashlib
import zlib
from collections.abc import Collection
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from assets.recipes.compose import compose
from assets.recipes.drawings import SOURCES, Drawing, drawings_of, render, sources_of
from assets.recipes.manifest import DATASET_NAME
from labs.data.dataset import SPLITS
from labs.data.labels import CLASS_NAMES, NUM_CLASSES, class_folder

#: Side of the shipped pictures: above 224, so that resizing and cropping have something to do.
SIZE_PX = 256
#: Pictures per class in each split: every class counts the same in the accuracy, and a point of it
#: means something.
PICTURES_PER_CLASS: dict[str, int] = {"training": 100, "validation": 30, "evaluation": 60}
#: JPEG settings, written out because Pillow's defaults may change.
JPEG_OPTIONS: dict[str, object] = {
    "quality": 85,
    "subsampling": 2,
    "optimize": False,
    "progressive": False,
}


def _draw_evenly(drawings: list[Drawing], count: int, rng: np.random.Generator) -> list[Drawing]:
    """Return drawings in random order, each used as often as any other, within one."""
    order: list[Drawing] = []
    while len(order) < count:
        order += [drawings[i] for i in rng.permutation(len(drawings))]
    return order[:count]


def build(
    root: Path, cache: Path, labels: Collection[int] = range(NUM_CLASSES)
) -> dict[str, dict[str, object]]:
    """Write the data set and return what was written.

    Args:
        root: Folder that will hold `training`, `validation` and `evaluation`.
        labels: Classes to build; a class's pictures do not depend on the other classes.

    Returns:
        For each file, by its path under `root`: sha256, size_bytes, pack and glyph.

    Raises:
        SourceError: A pack cannot be fetched or is not the pinned one.
    """
    files: dict[str, dict[str, object]] = {}
    for split in SPLITS:
        of_split: list[Drawing] = []
        for source in sources_of(split):
            of_split += drawings_of(source, cache)
        for label in labels:
            foods = [drawing for drawing in of_split if drawing.label == label]
            # crc32 is a stable number for a name; Python's own hash is not.
            rng = np.random.default_rng((zlib.crc32(split.encode()), label))
            folder = root / split / class_folder(label)
            folder.mkdir(parents=True, exist_ok=True)
            for index, drawing in enumerate(_draw_evenly(foods, PICTURES_PER_CLASS[split], rng)):
                picture = compose(render(drawing, SIZE_PX), rng, SIZE_PX)
                path = folder / f"{label}_{index}.jpg"
                picture.save(path, "JPEG", **JPEG_OPTIONS)
                content = path.read_bytes()
                name = path.relative_to(root).as_posix()
                files[name] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size_bytes": len(content),
                    "pack": drawing.pack,
                    "glyph": drawing.glyph,
                }
    return files


def versions() -> dict[str, str]:
    """Return this computer's versions of the renderer, JPEG encoder and random numbers, which
    decide a picture's bytes.
    """
    return {package: version(package) for package in ("resvg-py", "pillow", "numpy")}


def dataset_entry(files: dict[str, dict[str, object]]) -> dict[str, Any]:
    """Return the data set's part of the manifest: how it is made, its sources with licences, and
    every file.
    """
    pictures = {split: PICTURES_PER_CLASS[split] * len(CLASS_NAMES) for split in SPLITS}
    sizes_bytes = [int(str(entry["size_bytes"])) for entry in files.values()]
    sources = [asdict(source) for source in SOURCES]
    return {
        "path": DATASET_NAME,
        "recipe": "python -m assets.recipes dataset",
        "made_with": versions(),
        "size_px": SIZE_PX,
        "class_names": list(CLASS_NAMES),
        "pictures": pictures,
        "size_bytes": sum(sizes_bytes),
        "sources": sources,
        "files": files,
    }


def difference(entry: dict[str, Any], files: dict[str, dict[str, object]]) -> str:
    """Return, in words, how a rebuilt data set differs from the manifest; empty if they agree."""
    recorded = entry["files"]
    names = sorted(recorded.keys() | files.keys())
    changed = [name for name in names if recorded.get(name) != files.get(name)]
    if not changed:
        return ""
    counted = f"{len(changed)} of {len(recorded)} pictures"
    made_with = entry["made_with"]
    return (
        f"{counted} differ, are missing or are new, such as {changed[0]}. Renderers and "
        f"encoders change their bytes between versions: made with {made_with}, rebuilt with "
        f"{versions()}"
    )
