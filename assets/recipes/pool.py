"""A large pool of composed training pictures, made once and kept as one array on disk.

Composing takes about 5 ms a picture and a training step on two cores about 15, so pictures are made once and
varied again, more cheaply, when a batch is drawn (`augment`).
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from assets.recipes.compose import compose
from assets.recipes.drawings import Drawing, drawings_of, render
from assets.recipes.restyle import restyle
from assets.recipes.sources import sources_of
from labs.labels import NUM_CLASSES

#: Side of the pool's pictures: larger than the model's 224, so that crops can move.
POOL_SIZE_PX = 256
#: Side at which drawings are rendered before they are placed.
RENDER_SIZE_PX = 256

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pool:
    """Pictures and their labels."""

    #: uint8 array of shape (N, 256, 256, 3), read from disk as needed.
    images: np.ndarray
    #: int64 array of shape (N,): class index, or -1 for a drawing that is not food.
    labels: np.ndarray


def training_drawings(cache: Path) -> list[Drawing]:
    """Return every drawing of the training artists, foods and others.

    Args:
        cache: Folder that keeps tarballs.

    Returns:
        Drawings by training artists only; skin-tone variants, which repeat one drawing five times, are left out.
    """
    drawings = [drawing for source in sources_of("training") for drawing in drawings_of(source, cache)]
    return [drawing for drawing in drawings if "skin-tone" not in drawing.glyph]


def _plan(drawings: list[Drawing], count: int, food_only: bool, rng: np.random.Generator) -> np.ndarray:
    """Return which drawing each picture shows: foods balanced over classes, others uniform."""
    if not food_only:
        return rng.integers(0, len(drawings), count)
    of_class = [[i for i, drawing in enumerate(drawings) if drawing.label == c] for c in range(NUM_CLASSES)]
    return np.array([rng.choice(of_class[i % NUM_CLASSES]) for i in range(count)])


@lru_cache(maxsize=6000)
def _rendered(drawing: Drawing) -> Image.Image:
    return render(drawing, RENDER_SIZE_PX)


def _fill(path: Path, shape: tuple[int, ...], start: int, drawings: list[Drawing], seed: int) -> int:
    """Compose consecutive pictures into the array on disk; run in a worker process."""
    images = np.lib.format.open_memmap(path, mode="r+")
    assert images.shape == shape
    for index, drawing in enumerate(drawings, start):
        rng = np.random.default_rng((seed, index))
        picture = _rendered(drawing)
        # A fifth stays as the artist drew it, since that is what the model will be shown.
        if rng.random() < 0.8:
            picture = restyle(picture, rng)
        images[index] = np.asarray(compose(picture, rng, POOL_SIZE_PX))
    return len(drawings)


def open_pool(work: Path, cache: Path, name: str, count: int, food_only: bool, seed: int) -> Pool:
    """Return a pool of composed pictures by the training artists, made on first use.

    Args:
        work: Folder for intermediate files.
        cache: Folder that keeps tarballs.
        name: File name without ending.
        count: Number of pictures.
        food_only: Foods only, balanced over classes; otherwise all drawings, each as often as any other.
        seed: Seed of every choice.

    Returns:
        The pool, its pictures mapped from disk.
    """
    path, done = work / f"{name}.npy", work / f"{name}.json"
    shape = (count, POOL_SIZE_PX, POOL_SIZE_PX, 3)
    if not done.is_file():
        work.mkdir(parents=True, exist_ok=True)
        drawings = training_drawings(cache)
        plan = _plan(drawings, count, food_only, np.random.default_rng((seed, 2**31)))
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
        labels = [-1 if drawings[i].label is None else drawings[i].label for i in plan]
        with ProcessPoolExecutor() as workers:
            jobs = [
                workers.submit(_fill, path, shape, start, [drawings[i] for i in plan[start : start + 500]], seed)
                for start in range(0, count, 500)
            ]
            finished = 0
            for job in jobs:
                finished += job.result()
                _log.info("%s: %d of %d pictures composed", name, finished, count)
        done.write_text(json.dumps(labels))
    return Pool(np.load(path, mmap_mode="r"), np.array(json.loads(done.read_text()), np.int64))
