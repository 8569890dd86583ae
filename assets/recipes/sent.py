"""Building the photos as people send them: large, not square, some of them stored lying.

They show drawings of the evaluation split, one photo per drawing, each composed anew. So no model
of the course has seen any of them in training.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from assets.recipes.compose import compose_framed
from assets.recipes.dataset import versions
from assets.recipes.drawings import Drawing, drawings_of, render, sources_of
from assets.recipes.manifest import DATASET_NAME, SENT_NAME, read_manifest
from labs.data.labels import CLASS_NAMES, NUM_CLASSES, class_folder

#: How many photos there are, each of another drawing.
PHOTOS = 100

#: Begins the random numbers of every photo.
SEED = 2026

#: Widths in pixels, upright, and the most pixels on a side.
NARROWEST_PX, WIDEST_PX = 1_000, 3_000

#: JPEG qualities of phones, cameras and messengers.
QUALITIES = (60, 70, 80, 88)

#: Shares of the photos that are upright (3:4), and of upright and wide ones that a camera stored
#: lying on a side or upside down.
_UPRIGHT, _UPRIGHT_LYING, _WIDE_TURNED = 0.5, 0.7, 0.25

#: How a photo is stored, by the value of EXIF's Orientation: the opposite of the turn that a viewer
#: has to make. Source: Exif 3.0, tag 0x0112.
STORED = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def build(root: Path, cache: Path, count: int = PHOTOS) -> dict[str, dict[str, object]]:
    """Write the photos into the folder form of an evaluation split, and return what was written.

    Args:
        root: Folder that will hold `evaluation`.
        count: How many photos; the first ones do not depend on it.

    Returns:
        For each file, by its path under `root`: sha256, size_bytes, pack, glyph, its upright width
        and height, quality, and orientation (1 if it is stored upright).

    Raises:
        SourceError: A pack cannot be fetched or is not the pinned one.
    """
    files: dict[str, dict[str, object]] = {}
    of_label = dict.fromkeys(range(NUM_CLASSES), 0)
    for number, drawing in enumerate(_chosen(cache)):
        if number == count:
            break
        label = drawing.label
        assert label is not None
        content, facts = _photo(drawing, np.random.default_rng((SEED, number)))
        path = root / "evaluation" / class_folder(label) / f"{label}_{of_label[label]}.jpg"
        of_label[label] += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files[path.relative_to(root).as_posix()] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            "pack": drawing.pack,
            "glyph": drawing.glyph,
            **facts,
        }
    return files


def _chosen(cache: Path) -> Iterator[Drawing]:
    """Yield the drawings that Food-11 mini's evaluation split shows, one of each class in turn,
    until a class has no more.
    """
    in_split = set()
    for name, record in read_manifest()["datasets"][DATASET_NAME]["files"].items():
        if name.startswith("evaluation/"):
            in_split.add((record["pack"], record["glyph"]))
    drawings: list[Drawing] = []
    for source in sources_of("evaluation"):
        of_pack = drawings_of(source, cache)
        drawings += [drawing for drawing in of_pack if (drawing.pack, drawing.glyph) in in_split]
    rng = np.random.default_rng(SEED)
    waiting = []
    for label in range(NUM_CLASSES):
        foods = [drawing for drawing in drawings if drawing.label == label]
        waiting.append([foods[place] for place in rng.permutation(len(foods))])
    while any(waiting):
        for foods in waiting:
            if foods:
                yield foods.pop()


def _photo(drawing: Drawing, rng: np.random.Generator) -> tuple[bytes, dict[str, object]]:
    """Return a photo's file, and the facts of how it was stored."""
    width, height = _size_px(rng)
    orientation = _orientation(rng, height > width)
    quality = int(rng.choice(QUALITIES))
    is_progressive = bool(rng.random() < 0.2)
    picture = compose_framed(render(drawing, min(width, height)), rng, width, height)
    exif = Image.Exif()
    if orientation in STORED:
        picture = picture.transpose(STORED[orientation])
        exif[ExifTags.Base.Orientation] = orientation
    content = io.BytesIO()
    picture.save(
        content,
        "JPEG",
        quality=quality,
        subsampling=2,
        optimize=False,
        progressive=is_progressive,
        exif=exif,
    )
    facts: dict[str, object] = {"width_px": width, "height_px": height}
    facts |= {"quality": quality, "orientation": orientation}
    return content.getvalue(), facts


def _size_px(rng: np.random.Generator) -> tuple[int, int]:
    """Return an upright photo's width and height, 4:3 or 3:4, of at most ``WIDEST_PX``."""
    is_upright = rng.random() < _UPRIGHT
    widest = WIDEST_PX * 3 / 4 if is_upright else WIDEST_PX
    width = int(np.exp(rng.uniform(np.log(NARROWEST_PX), np.log(widest))))
    ratio = 4 / 3 if is_upright else 3 / 4
    return width, round(width * ratio)


def _orientation(rng: np.random.Generator, is_upright: bool) -> int:
    """Return a value of EXIF's Orientation: phones held upright store their rows lying."""
    toss, side = rng.random(2)
    if not is_upright:
        return 3 if toss < _WIDE_TURNED else 1
    if toss >= _UPRIGHT_LYING:
        return 1
    return 6 if side < 0.75 else 8


def photos_entry(files: dict[str, dict[str, object]]) -> dict[str, Any]:
    """Return the photos' part of the manifest: how they are made, their sources with licences, and
    every file.
    """
    sizes_bytes = [int(str(entry["size_bytes"])) for entry in files.values()]
    return {
        "path": SENT_NAME,
        "recipe": "python -m assets.recipes dataset",
        "made_with": versions(),
        "class_names": list(CLASS_NAMES),
        "pictures": {"evaluation": len(files)},
        "size_bytes": sum(sizes_bytes),
        "sources": [asdict(source) for source in sources_of("evaluation")],
        "files": files,
    }
