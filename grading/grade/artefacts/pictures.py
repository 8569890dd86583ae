"""Pictures for measuring a submitted model again: some from its record, and hidden views.

A student's accuracy record holds the model's class for each evaluation picture. So a few of these
pictures, drawn by a secret seed, show whether the record and the file belong together. Most of them
are pictures that the course's own model gets wrong, because a faked accuracy must differ there.

The *views* are evaluation pictures changed by the seed: turned, cropped, mirrored, and lit unevenly
by coloured light. Only the instructor has the seed, so students cannot predict the views, and a
file that has memorized pictures fails. The recommended INT8 model gets 81 % of all 660 evaluation
pictures right, and 72 % of such views. The nearest of all 2,090 public pictures and their mirror
images, as 8 × 8 thumbnails, has the view's class in 31 % (24 % when each thumbnail's own mean and
contrast are taken off).
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from labs.data.dataset import iterate
from labs.data.preprocess import INPUT_SIZE_PX, crop, load_image
from labs.workspace import PROJECT_DIR

#: The course's small data set, in the checkout.
DATASET = PROJECT_DIR / "assets" / "food11-mini"

#: Evaluation pictures, and views, unless told otherwise: enough to tell a model from its claim, and
#: less than a second of half a processor. Comparing classes one by one needs more of them than an
#: accuracy does.
COUNT, VIEWS = 40, 40

#: Share of the evaluation pictures that is drawn from ``HARD``.
_HARD_SHARE = 0.6

#: Places of the evaluation pictures that the course's float model gets wrong, 124 of 660: an edited
#: record shows here first, since what a model got right needs no edit.
# fmt: off
HARD = (
    1, 4, 17, 18, 28, 32, 37, 39, 49, 50, 54, 55, 60, 69, 84, 89, 125, 131, 146, 153, 163, 165, 171,
    176, 179, 184, 190, 198, 205, 212, 214, 220, 226, 235, 239, 248, 249, 252, 253, 254, 257, 259,
    263, 266, 267, 271, 272, 275, 278, 282, 283, 284, 288, 291, 294, 298, 299, 302, 309, 320, 321,
    322, 323, 333, 335, 351, 353, 389, 392, 395, 399, 482, 485, 487, 489, 498, 509, 511, 519, 526,
    528, 533, 540, 543, 545, 546, 549, 551, 553, 556, 557, 561, 563, 564, 567, 568, 570, 576, 577,
    580, 581, 583, 585, 586, 588, 590, 593, 595, 596, 599, 601, 603, 605, 611, 617, 620, 622, 629,
    635, 638, 641, 646, 650, 651,
)
# fmt: on


@dataclass(frozen=True)
class Pictures:
    """Pictures as the model sees them, before the arithmetic that every model shares."""

    #: uint8 (N + M, 224, 224, 3): N evaluation pictures, then M views.
    pixels: np.ndarray
    #: int64 (N + M,): their classes, 0 to 10.
    labels: np.ndarray
    #: int64 (N,): places of the evaluation pictures in the split's order, which is the order of a
    #: record's classes.
    places: np.ndarray

    @classmethod
    def draw(cls, seed: str, *, count: int = COUNT) -> Pictures:
        """Return the pictures that a seed draws.

        Args:
            count: Evaluation pictures; there are at most this number of views.
        """
        digest = hashlib.sha256(seed.encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        files, classes = zip(*iterate(DATASET, "evaluation"), strict=True)
        places = _places(random, count, len(files))
        viewed = np.sort(random.choice(len(files), size=min(count, VIEWS), replace=False))
        shown = [np.asarray(crop(load_image(files[place])), np.uint8) for place in places]
        views = [_view(load_image(files[place]), random) for place in viewed]
        labels = np.array([classes[place] for place in (*places, *viewed)], np.int64)
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


def at_hand(path: Path) -> tuple[Pictures, str]:
    """Return a file's pictures and its sha256. A class is graded with one file, so it is read once
    a process.
    """
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=1)
def _read(path: Path, *_: int) -> tuple[Pictures, str]:
    return Pictures.load(path), hashlib.sha256(path.read_bytes()).hexdigest()


def _places(random: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Return a number of places out of a split, sorted, most of them hard ones."""
    drawn = random.choice(HARD, size=round(_HARD_SHARE * count), replace=False)
    rest = np.setdiff1d(np.arange(size), drawn)
    return np.sort([*drawn, *random.choice(rest, size=count - len(drawn), replace=False)])


def _view(image: Image.Image, random: np.random.Generator) -> np.ndarray:
    """Return a picture that is turned, cropped at a random place, and lit unevenly by coloured
    lamps.
    """
    image = image.convert("RGB")
    edge = tuple(int(mean) for mean in np.asarray(image)[:4].mean((0, 1)))
    angle = random.uniform(15, 30) * random.choice((-1, 1))
    image = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=edge)
    width, height = image.size
    share = random.uniform(0.65, 0.85)
    left = random.uniform(0, 1 - share)
    top = random.uniform(0, 1 - share)
    box = (left * width, top * height, (left + share) * width, (top + share) * height)
    side = max(INPUT_SIZE_PX, min(width, height))
    image = image.resize((side, side), Image.Resampling.BICUBIC, box=box)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    lamps = Image.fromarray(random.integers(0, 256, (3, 3, 3), np.uint8))
    lamps = lamps.resize(image.size, Image.Resampling.BICUBIC)
    # From -1 to 1 at each pixel.
    unevenness = np.asarray(lamps, np.float32) / 127.5 - 1
    colour = random.uniform(0.8, 1.2, 3)
    light = colour * (1 + 0.4 * unevenness)
    lit = np.clip(np.asarray(image, np.float32) * light, 0, 255).astype(np.uint8)
    return np.asarray(crop(Image.fromarray(lit)), np.uint8)
