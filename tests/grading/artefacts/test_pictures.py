"""Hidden pictures: a seed draws the same ones again, another seed others, and views are not the
pictures themselves.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from grading.grade.artefacts import child
from grading.grade.artefacts.pictures import Pictures, at_hand
from labs.data.dataset import iterate
from labs.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, crop, load_image
from labs.workspace import PROJECT_DIR


def test_batches_are_the_courses_tensors_bit_by_bit():
    """Worked out in one place, batch after batch, and the last one may be smaller."""
    pixels = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), np.uint8)
    mean, std = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)
    wanted = ((pixels.astype(np.float32) / 255.0 - mean) / std).transpose(0, 3, 1, 2)
    batches = [batch.copy() for batch in child._batches(pixels, 2)]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert np.array_equal(np.concatenate(batches), wanted)


def test_a_file_of_pictures_is_read_once_until_it_changes(tmp_path: Path):
    """A class's workers read it for each submission."""
    path = tmp_path / "pictures.npz"
    Pictures.draw("a", count=2).save(path)
    first, sha256 = at_hand(path)
    assert at_hand(path)[0] is first
    Pictures.draw("b", count=2).save(path)
    os.utime(path, ns=(1, 1))  # a clock that stands still must not hide the change
    assert not np.array_equal(at_hand(path)[0].pixels, first.pixels)
    assert at_hand(path)[1] == hashlib.sha256(path.read_bytes()).hexdigest() != sha256


def test_places_are_the_order_of_a_record_and_views_are_new():
    """The first half is found in the split at its place; the second half is nowhere in it."""
    drawn = Pictures.draw("a", count=4)
    items = list(iterate(PROJECT_DIR / "assets" / "food11-mini", "evaluation"))
    for index, place in enumerate(drawn.places):
        path, label = items[place]
        assert drawn.labels[index] == label
        assert np.array_equal(drawn.pixels[index], np.asarray(crop(load_image(path))))
    known = {
        np.asarray(crop(load_image(path))).tobytes()
        for path, label in items
        if label in drawn.labels[4:]
    }
    assert all(view.tobytes() not in known for view in drawn.pixels[4:])
