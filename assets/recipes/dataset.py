"""Building Food-11 mini: a fixed number of pictures a class, from each split's own artists, byte for byte."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from assets.recipes.compose import compose
from assets.recipes.drawings import Drawing, drawings_of, render
from assets.recipes.sources import sources_of
from labs.dataset import SPLITS
from labs.labels import NUM_CLASSES, class_folder

#: Side of the shipped pictures: above 224, so that resizing and cropping have something to do.
SIZE_PX = 256
#: Pictures a class in each split: every class counts the same in the accuracy, and a point of it means something.
PICTURES_PER_CLASS: dict[str, int] = {"training": 100, "validation": 30, "evaluation": 60}
#: JPEG settings, written out because Pillow's defaults may change.
JPEG_OPTIONS: dict[str, object] = {"quality": 85, "subsampling": 2, "optimize": False, "progressive": False}


def foods_of(split: str, cache: Path) -> list[list[Drawing]]:
    """Return the food drawings that may enter a split, by class.

    Args:
        split: `training`, `validation` or `evaluation`.
        cache: Folder that keeps tarballs.

    Returns:
        Eleven lists, in the order of the packs and of their glyph names.
    """
    by_class: list[list[Drawing]] = [[] for _ in range(NUM_CLASSES)]
    for source in sources_of(split):
        for drawing in drawings_of(source, cache):
            if drawing.label is not None:
                by_class[drawing.label].append(drawing)
    return by_class


def _draw_evenly(drawings: list[Drawing], count: int, rng: np.random.Generator) -> list[Drawing]:
    """Return drawings in random order, each used as often as any other, within one."""
    order: list[Drawing] = []
    while len(order) < count:
        order += [drawings[i] for i in rng.permutation(len(drawings))]
    return order[:count]


def build(root: Path, cache: Path, labels: Collection[int] = range(NUM_CLASSES)) -> dict[str, dict[str, object]]:
    """Write the data set and return what was written.

    Args:
        root: Folder that will hold `training`, `validation` and `evaluation`.
        cache: Folder that keeps tarballs.
        labels: Classes to build; a class is the same picture by picture with and without the others.

    Returns:
        For each file, by its path under `root`: sha256, size_bytes, pack and glyph.

    Raises:
        SourceError: A pack cannot be fetched or is not the pinned one.
    """
    files: dict[str, dict[str, object]] = {}
    for split in SPLITS:
        for label, drawings in enumerate(foods_of(split, cache)):
            if label not in labels:
                continue
            # crc32 is a stable number for a name; Python's own hash is not.
            rng = np.random.default_rng((zlib.crc32(split.encode()), label))
            folder = root / split / class_folder(label)
            folder.mkdir(parents=True, exist_ok=True)
            for index, drawing in enumerate(_draw_evenly(drawings, PICTURES_PER_CLASS[split], rng)):
                picture = compose(render(drawing, SIZE_PX), rng, SIZE_PX)
                path = folder / f"{label}_{index}.jpg"
                picture.save(path, "JPEG", **JPEG_OPTIONS)
                content = path.read_bytes()
                files[path.relative_to(root).as_posix()] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size_bytes": len(content),
                    "pack": drawing.pack,
                    "glyph": drawing.glyph,
                }
    return files
