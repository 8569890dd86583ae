"""Reading a data set in Food-11's form: the course's small one and the real one look the same from
here.

Two layouts are understood, since the real Food-11 is published flat and sorted by most courses:

- `evaluation/class_03/anything.jpg`: the folder names the class;
- `evaluation/3_17.jpg`: the number before the underscore names the class.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labs.data.labels import NUM_CLASSES
from labs.data.preprocess import INPUT_SIZE_PX, load_batch

#: The three parts of Food-11, under the names of its folders.
SPLITS: tuple[str, ...] = ("training", "validation", "evaluation")

#: File name endings that count as pictures; anything else in a folder is left alone.
IMAGE_SUFFIXES: frozenset[str] = frozenset({".jpg", ".jpeg", ".png"})

_CLASS_FOLDER = re.compile(r"class_(\d{2})")
_FLAT_NAME = re.compile(r"(\d{1,2})_\d+")


class DatasetError(ValueError):
    """A folder does not hold a data set in Food-11's form."""


def label_of(path: Path) -> int | None:
    """Return the class, 0 to 10, that a picture's folder or file name states, or None when neither
    does.
    """
    match = _CLASS_FOLDER.fullmatch(path.parent.name) or _FLAT_NAME.fullmatch(path.stem)
    if match is None or int(match.group(1)) >= NUM_CLASSES:
        return None
    return int(match.group(1))


def iterate(root: str | Path, split: str) -> Iterator[tuple[Path, int]]:
    """Yield every picture of a split with its class, ordered by class and then by file name.

    Args:
        root: Folder that holds `training`, `validation` and `evaluation`.

    Yields:
        Path of a picture and its class index, 0 to 10.

    Raises:
        DatasetError: The split is missing or empty (often the path points one folder too high or
            too low), or a picture states no class.
    """
    if split not in SPLITS:
        raise DatasetError(f"no split {split!r}: Food-11 has {', '.join(SPLITS)}")
    folder = Path(root) / split
    if not folder.is_dir():
        raise DatasetError(
            f"{folder} is missing; the path must be the folder that holds {', '.join(SPLITS)}"
        )
    pictures = []
    for path in folder.rglob("*"):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        label = label_of(path)
        if label is None:
            raise DatasetError(
                f"{path} states no class: expected class_00..class_10/ or CLASS_NUMBER.jpg"
            )
        pictures.append((path, label))
    if not pictures:
        raise DatasetError(
            f"{folder} holds no pictures; is the download or the unpacking unfinished?"
        )

    def order(picture: tuple[Path, int]) -> tuple[int, str]:
        path, label = picture
        return label, path.name

    yield from sorted(pictures, key=order)


def load_split(
    root: str | Path, split: str, limit: int | None = None, *, size_px: int = INPUT_SIZE_PX
) -> tuple[np.ndarray, np.ndarray]:
    """Return a split as model inputs and labels.

    Args:
        limit: Take this many pictures at most, spread evenly over the ordered split (so over the
            classes).

    Returns:
        float32 inputs of shape (N, 3, size_px, size_px) and int64 labels of shape (N,).

    Raises:
        DatasetError: As for `iterate`.
    """
    pictures = list(iterate(root, split))
    if limit is not None and limit < len(pictures):
        places = [number * len(pictures) // limit for number in range(limit)]
        pictures = [pictures[place] for place in places]
    labels = np.array([label for _, label in pictures], np.int64)
    return load_batch((path for path, _ in pictures), size_px=size_px), labels
