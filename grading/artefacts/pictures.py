"""Pictures for measuring a submitted model again: some that its record names, and views that nobody has seen.

A student's accuracy record holds the class that the model gave each evaluation picture. So a few of those, drawn by a
secret seed, show whether the record and the file belong together. The *views* are evaluation pictures through windows
that only the seed knows (cropped, mirrored, brighter or darker): a file that has learned the answers by heart fails
there. Without the seed, which stays with the instructor, neither can be foreseen.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from labs.dataset import iterate
from labs.preprocess import INPUT_SIZE_PX, crop, load_image
from labs.workspace import PROJECT_DIR

#: The course's small data set, in the checkout.
DATASET = PROJECT_DIR / "assets" / "food11-mini"

#: Evaluation pictures, and views, unless told otherwise: enough to tell a model from its claim, and less than a second
#: of half a processor. Classes are compared one by one and want more of them than an accuracy does.
COUNT, VIEWS = 40, 40


@dataclass(frozen=True)
class Pictures:
    """Pictures as the model sees them, but for the arithmetic that every model shares."""

    #: uint8 (N + M, 224, 224, 3): N evaluation pictures, then M views.
    pixels: np.ndarray
    #: int64 (N + M,): their classes, 0 to 10.
    labels: np.ndarray
    #: int64 (N,): places of the evaluation pictures in the split's order, which is the order of a record's classes.
    places: np.ndarray

    @classmethod
    def draw(cls, seed: str, *, count: int = COUNT, dataset: Path = DATASET) -> Pictures:
        """Return the pictures that a seed draws.

        Args:
            seed: A secret of the instructor's; a public word for trying things out.
            count: Evaluation pictures; there are at most as many views.
            dataset: Folder with the course's data set.
        """
        random = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
        items = list(iterate(dataset, "evaluation"))
        places = np.sort(random.choice(len(items), size=count, replace=False))
        seen = np.sort(random.choice(len(items), size=min(count, VIEWS), replace=False))
        shown = [np.asarray(crop(load_image(items[place][0])), np.uint8) for place in places]
        views = [_view(load_image(items[place][0]), random) for place in seen]
        labels = np.array([items[place][1] for place in (*places, *seen)], np.int64)
        return cls(np.stack([*shown, *views]), labels, places.astype(np.int64))

    def save(self, path: Path) -> None:
        """Write the pictures to one file, without pickles."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez(file, pixels=self.pixels, labels=self.labels, places=self.places)

    @classmethod
    def load(cls, path: Path) -> Pictures:
        """Return the pictures of a file."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(stored["pixels"], stored["labels"], stored["places"])


def at_hand(path: Path) -> Pictures:
    """Return a file's pictures. A class is graded with one file, so it is read once a process, unless it changes."""
    return _read(path, *_state(path))


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file of pictures, as hexadecimal; computed once a process, unless the file changes."""
    return _hash(path, *_state(path))


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


@functools.lru_cache(maxsize=1)
def _read(path: Path, *_: int) -> Pictures:
    return Pictures.load(path)


@functools.lru_cache(maxsize=1)
def _hash(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _view(image: Image.Image, random: np.random.Generator) -> np.ndarray:
    """Return a picture through a window of its own: what a photographer might have done a moment later."""
    image = image.convert("RGB")
    width, height = image.size
    share = random.uniform(0.88, 0.97)
    left, top = random.uniform(0, 1 - share), random.uniform(0, 1 - share)
    box = (left * width, top * height, (left + share) * width, (top + share) * height)
    side = max(INPUT_SIZE_PX, min(width, height))
    image = image.resize((side, side), Image.Resampling.BICUBIC, box=tuple(box))
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = ImageEnhance.Brightness(image).enhance(float(random.uniform(0.9, 1.1)))
    return np.asarray(crop(image), np.uint8)
