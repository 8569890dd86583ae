"""The grid of images: all of it is said in words too, and a wrong guess is told from a right one without colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labs.widgets import image_grid


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Return two small images."""
    made = [tmp_path / f"{name}.jpg" for name in ("a", "b")]
    for path in made:
        Image.new("RGB", (300, 200), "orange").save(path)
    return made


def test_a_guess_is_said_in_words_with_its_certainty(paths):
    """Image 1 is right and image 2 is wrong, in the text as well as in the HTML."""
    probs = np.full((2, 11), 0.01)
    probs[:, 3] = 0.9
    grid = image_grid(paths, [3, 9], probs, title="Food")
    assert grid.text == "Food\n1. Egg: ✓ right, 90.0 % sure\n2. Soup: ✗ Egg, 90.0 % sure"
    assert 'alt="Soup. ✗ Egg, 90.0 % sure"' in grid.html
    assert grid.html.count("data:image/jpeg;base64,") == 2


def test_without_probabilities_nothing_looks_like_an_answer(paths):
    """Only the classes are named; text/plain stays the same when the model changes; each image needs its label."""
    grid = image_grid(paths, [0, 10])
    assert grid.text == "Images\n1. Bread\n2. Vegetable/Fruit"
    assert "sure" not in grid.html
    assert repr(image_grid(paths, [0, 1], np.eye(11)[:2], title="Food")) == "Food: 2 images"
    with pytest.raises(ValueError, match="one label"):
        image_grid(paths, [1])
