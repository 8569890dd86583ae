"""The small data set and the real Food-11 look the same from here."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labs.data.dataset import DatasetError, iterate, load_split
from labs.data.labels import CLASS_NAMES, NUM_CLASSES, class_folder


def _save(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (230, 230), (shade, shade, shade)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a tiny data set: validation in class folders, evaluation flat as the real one is published."""
    for label in (2, 0, 10):
        for index in (1, 0):
            _save(tmp_path / "validation" / f"class_{label:02d}" / f"{label}_{index}.png", 20 * label + index)
            _save(tmp_path / "evaluation" / f"{label}_{index}.png", 20 * label + index)
    return tmp_path


@pytest.mark.parametrize("split", ["validation", "evaluation"])
def test_both_layouts_give_the_same_pictures(root: Path, split: str) -> None:
    """Class folders and CLASS_NUMBER files yield the same names and labels, ordered by class, then name."""
    found = [(path.name, label) for path, label in iterate(root, split)]
    names = ["0_0.png", "0_1.png", "2_0.png", "2_1.png", "10_0.png", "10_1.png"]
    assert found == list(zip(names, [0, 0, 2, 2, 10, 10], strict=True))


def test_other_files_are_left_alone(root: Path) -> None:
    """A card, a hidden file of some tool and a folder with a picture's name are no pictures."""
    (root / "validation" / "README.md").write_text("card")
    (root / "validation" / "class_00" / "._0_0.png").write_bytes(b"")
    assert len(list(iterate(root, "validation"))) == 6


def test_a_split_loads_as_inputs_and_labels(root: Path) -> None:
    """Inputs and labels stand in the same order."""
    inputs, labels = load_split(root, "validation")
    assert inputs.shape == (6, 3, 224, 224)
    assert labels.tolist() == [0, 0, 2, 2, 10, 10]
    assert labels.dtype == np.int64
    # Brighter pictures were saved for higher classes.
    assert (np.diff(inputs.mean((1, 2, 3))) > 0).all()


def test_a_limit_takes_from_all_classes(root: Path) -> None:
    """Three of six pictures are one of each class, not the first class only."""
    assert load_split(root, "validation", limit=3)[1].tolist() == [0, 2, 10]
    assert len(load_split(root, "validation", limit=99)[1]) == 6


def test_mistakes_are_named(root: Path) -> None:
    """A wrong split name, a folder one level off, an empty split and a nameless picture say what is wrong."""
    with pytest.raises(DatasetError, match="no split 'test'"):
        list(iterate(root, "test"))
    with pytest.raises(DatasetError, match="must be the folder that holds"):
        list(iterate(root / "validation", "validation"))
    (root / "training").mkdir()
    with pytest.raises(DatasetError, match="no pictures"):
        list(iterate(root, "training"))
    _save(root / "training" / "class_11" / "11_0.png", 0)
    with pytest.raises(DatasetError, match="states no class"):
        list(iterate(root, "training"))


def test_the_eleven_classes_stand_in_food11s_order() -> None:
    """Index 0 is Bread and index 10 is Vegetable/Fruit, as in the published folders, whose names sort like them."""
    assert NUM_CLASSES == len(CLASS_NAMES) == len(set(CLASS_NAMES)) == 11
    assert (CLASS_NAMES[0], CLASS_NAMES[6], CLASS_NAMES[10]) == ("Bread", "Noodles/Pasta", "Vegetable/Fruit")
    names = [class_folder(label) for label in range(NUM_CLASSES)]
    assert names == sorted(names)
    assert names[3] == "class_03"
