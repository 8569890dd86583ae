"""The files as they are published become Food-11's folders, the course's own model, and a checked ONNX file."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from labs.assets import IntegrityError, UnsafeFileError
from labs.assets.food11 import install_dataset, install_weights, place_of
from labs.assets.hashes import digest
from labs.dataset import SPLITS, iterate
from labs.labels import NUM_CLASSES
from labs.models import load_mobilenet_v2

JPEG = b"\xff\xd8\xff" + b"a picture" * 10


@pytest.mark.parametrize(
    ("published", "place"),
    [
        ("training/3_17.jpg", "training/class_03/3_17.jpg"),
        ("Food-11/evaluation/10_2.jpg", "evaluation/class_10/10_2.jpg"),
        ("a/b/Validation/0_0.JPG", "validation/class_00/0_0.JPG"),
        ("training/class_07/picture.png", "training/class_07/picture.png"),
        ("training/Noodles-Pasta/12.jpg", "training/class_06/12.jpg"),
        ("training/Dairy product/12.jpg", "training/class_01/12.jpg"),
        ("evaluation/Vegetable-Fruit/5.jpg", "evaluation/class_10/5.jpg"),
    ],
)
def test_every_published_layout_finds_its_place(published: str, place: str) -> None:
    """Flat, in class folders, in named folders, with folders around it."""
    assert place_of(PurePosixPath(published)) == PurePosixPath(place)


@pytest.mark.parametrize("name", ["__MACOSX/training/._3_17.jpg", "training/._3_17.jpg", "training/.hidden.jpg"])
def test_what_a_system_added_is_left_out(name: str) -> None:
    """Finder's shadows look like pictures and are none."""
    assert place_of(PurePosixPath(name)) is None


@pytest.mark.parametrize(
    "name",
    ["3_17.jpg", "test/3_17.jpg", "training/11_0.jpg", "training/cat.jpg", "training/Cats/1.jpg", "training/3_1\n.jpg"],
)
def test_what_has_no_split_or_class_is_another_data_set(name: str) -> None:
    """Guessing would put pictures into wrong classes."""
    with pytest.raises(IntegrityError, match="another data set"):
        place_of(PurePosixPath(name))


def food11_zip(path: Path, leave_out: str = "") -> Path:
    """Write a small Food-11 in its published flat form."""
    with zipfile.ZipFile(path, "w") as archive:
        for split in SPLITS:
            for label in range(NUM_CLASSES):
                for index in range(2):
                    name = f"Food-11/{split}/{label}_{index}.jpg"
                    if not leave_out or leave_out not in name:
                        archive.writestr(name, JPEG + name.encode())
    return path


def test_an_archive_becomes_a_data_set(tmp_path: Path) -> None:
    """`labs.dataset` reads the result, with every picture in its class."""
    published = food11_zip(tmp_path / "Food-11.archive")
    install_dataset(published, digest(published), tmp_path / "food11", None)
    for split in SPLITS:
        found = list(iterate(tmp_path / "food11", split))
        assert [label for _, label in found] == sorted([*range(NUM_CLASSES)] * 2)
        assert all(path.read_bytes() == JPEG + f"Food-11/{split}/{path.name}".encode() for path, _ in found)


@pytest.mark.parametrize(("leave_out", "words"), [("/validation/", "0 of 11"), ("/training/4_", "10 of 11")])
def test_an_incomplete_archive_is_refused(tmp_path: Path, leave_out: str, words: str) -> None:
    """A missing split and a missing class are named."""
    published = food11_zip(tmp_path / "Food-11.archive", leave_out)
    with pytest.raises(IntegrityError, match=words):
        install_dataset(published, digest(published), tmp_path / "food11", None)


@pytest.fixture
def trained() -> nn.Module:
    """Return a MobileNetV2 as the course publishes it: torchvision's, with its own last layer."""
    torch.manual_seed(0)
    model = mobilenet_v2()
    model.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(1280, NUM_CLASSES))
    return model.eval()


@pytest.mark.parametrize("whole", [True, False], ids=["whole module", "state dict"])
def test_a_published_model_becomes_the_courses_own(tmp_path: Path, trained: nn.Module, whole: bool) -> None:
    """The safetensors file gives the same logits, bit for bit, and says what it was made from."""
    published = tmp_path / "food11.pth"
    torch.save(trained if whole else trained.state_dict(), published)
    install_weights(published, digest(published), tmp_path / "made", None)
    made = tmp_path / "made" / "food11-mobilenetv2.safetensors"
    images = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(load_mobilenet_v2(made)(images), trained(images))
    assert digest(published).sha256.encode() in made.read_bytes()[:100_000]


def test_methods_of_a_published_model_are_not_called(tmp_path: Path, trained: nn.Module) -> None:
    """A module that brings another `state_dict` in its attributes changes nothing: only tensors are read."""
    trained.state_dict = OrderedDict
    trained.__setstate__ = OrderedDict
    published = tmp_path / "food11.pth"
    torch.save(trained, published)
    install_weights(published, digest(published), tmp_path / "made", None)
    made = load_mobilenet_v2(tmp_path / "made" / "food11-mobilenetv2.safetensors")
    assert torch.equal(made.classifier[1].weight, trained.classifier[1].weight)


def test_a_model_of_another_shape_is_refused(tmp_path: Path) -> None:
    """ImageNet's thousand classes are the likeliest mistake."""
    published = tmp_path / "food11.pth"
    torch.save(mobilenet_v2(), published)
    with pytest.raises(
        IntegrityError, match=r"not a MobileNetV2 with 11 classes; 2 tensors differ, such as classifier"
    ):
        install_weights(published, digest(published), tmp_path / "made", None)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, trained: nn.Module) -> None:
    """One of them would make every answer nothing."""
    trained.classifier[1].bias.data[3] = float("nan")
    published = tmp_path / "food11.pth"
    torch.save(trained, published)
    with pytest.raises(IntegrityError, match="not numbers"):
        install_weights(published, digest(published), tmp_path / "made", None)


def test_a_model_of_other_parts_is_refused(tmp_path: Path) -> None:
    """A module that is not on the list is not read, harmless as it may be."""
    published = tmp_path / "food11.pth"
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU()), published)
    with pytest.raises(UnsafeFileError, match=r"torch\.nn\.modules\.activation\.GELU"):
        install_weights(published, digest(published), tmp_path / "made", None)
