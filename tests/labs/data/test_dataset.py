"""The small data set and the real Food-11 look the same from here."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from PIL import Image

from labs.data.dataset import DatasetError, iterate, load_split
from labs.data.intake import IMAGENET_MEAN, IMAGENET_STD, PhotoError, crop, open_photo, to_input
from labs.data.models import load_mobilenet_v2
from labs.data.preprocess import load_batch, load_image, softmax


def _save(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (230, 230), (shade, shade, shade)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a tiny data set: validation in class folders, evaluation flat as the real one is
    published.
    """
    for label in (2, 0, 10):
        for index in (1, 0):
            _save(
                tmp_path / "validation" / f"class_{label:02d}" / f"{label}_{index}.png",
                20 * label + index,
            )
            _save(tmp_path / "evaluation" / f"{label}_{index}.png", 20 * label + index)
    return tmp_path


@pytest.mark.parametrize("split", ["validation", "evaluation"])
def test_both_layouts_give_the_same_pictures(root: Path, split: str) -> None:
    """Class folders and CLASS_NUMBER files yield the same names and labels, ordered by class, then
    name.
    """
    pictures = [(path.name, label) for path, label in iterate(root, split)]
    names = ["0_0.png", "0_1.png", "2_0.png", "2_1.png", "10_0.png", "10_1.png"]
    assert pictures == list(zip(names, [0, 0, 2, 2, 10, 10], strict=True))


def test_a_split_loads_as_inputs_and_labels(root: Path) -> None:
    """Inputs and labels have the same order; a limit takes pictures from all classes, not only from
    the first.
    """
    (root / "validation" / "README.md").write_text("card")
    (root / "validation" / "class_00" / "._0_0.png").write_bytes(b"")
    inputs, labels = load_split(root, "validation")
    assert inputs.shape == (6, 3, 224, 224)
    assert labels.tolist() == [0, 0, 2, 2, 10, 10]
    assert labels.dtype == np.int64
    # Brighter pictures were saved for higher classes.
    assert (np.diff(inputs.mean((1, 2, 3))) > 0).all()
    assert load_split(root, "validation", limit=3)[1].tolist() == [0, 2, 10]
    assert len(load_split(root, "validation", limit=99)[1]) == 6


def test_mistakes_are_named(root: Path) -> None:
    """A wrong split name, a folder one level off, an empty split and a nameless picture each get a
    message.
    """
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


ASSETS = Path(__file__).resolve().parents[3] / "assets"


@pytest.mark.slow
def test_the_shipped_model_has_its_stated_accuracy() -> None:
    """On the artists it has never seen, the shipped weights score what the manifest records, and at
    least 80 %.
    """
    import torch

    manifest = json.loads((ASSETS / "manifest.json").read_text("utf-8"))
    entry = manifest["models"]["food11-mini-mobilenetv2"]
    model = load_mobilenet_v2(ASSETS / entry["path"])
    inputs, labels = load_split(ASSETS / "food11-mini", "evaluation")
    with torch.inference_mode():
        logits = torch.cat([model(batch) for batch in torch.from_numpy(inputs).split(32)])
    accuracy = float((logits.argmax(1).numpy() == labels).mean())
    # Kernels differ between machines in the last digits, which may turn a close call or two.
    assert accuracy == pytest.approx(entry["evaluation"]["accuracy"], abs=0.005)
    assert accuracy >= 0.80
    assert np.isfinite(logits.numpy()).all()


def _picture(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return coarse coloured noise, so that resizing and cropping matter."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 11, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


@pytest.mark.parametrize(
    "size", [(256, 256), (640, 480), (333, 500), (224, 224), (100, 37), (225, 1001)]
)
def test_the_recipe_is_torchvisions(size: tuple[int, int]) -> None:
    """CenterCrop of the whole shorter side, Resize, ToTensor and Normalize of torchvision give the
    same input to float precision.
    """
    from torchvision import transforms

    oracle = transforms.Compose(
        [
            transforms.CenterCrop(min(size)),
            transforms.Resize((224, 224), transforms.InterpolationMode.BILINEAR),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    image = _picture(*size)
    assert (to_input(image).dtype, to_input(image).flags.c_contiguous) == (np.float32, True)
    np.testing.assert_allclose(to_input(image), oracle(image).numpy(), atol=2e-6)


def test_looking_levels_up_gives_the_bits_that_computing_gives() -> None:
    """The table is a shortcut and not another recipe; written into a batch's row it is the same
    again.
    """
    image = _picture(300, 260)
    computed = np.asarray(crop(image), np.float32) / 255.0
    computed = (computed - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    batch = np.zeros((2, 3, 224, 224), np.float32)
    to_input(image, out=batch[1])
    np.testing.assert_array_equal(to_input(image), computed.transpose(2, 0, 1))
    np.testing.assert_array_equal(batch[1], to_input(image))
    assert not batch[0].any()


@pytest.mark.parametrize("size", [(1, 1_000_000), (1_000_000, 1), (3, 200)])
def test_a_line_of_pixels_does_not_become_gigapixels(size: tuple[int, int]) -> None:
    """Only the middle is resized; resized whole, a megapixel would be fifty billion."""
    line = Image.new("RGB", size, "red")
    middle = size[0] // 2, size[1] // 2
    line.putpixel(middle, (0, 0, 255))
    seen = np.asarray(crop(line))
    assert seen.shape == (224, 224, 3)
    assert {tuple(seen[112, 112]), tuple(seen[111, 111])} != {(255, 0, 0)}, "this is not the middle"
    assert to_input(line).shape == (3, 224, 224)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_colour_mode_becomes_rgb(mode: str) -> None:
    """Grey, transparent, palette and print pictures are accepted."""
    assert crop(_picture(300, 260, mode)).mode == "RGB"


def test_a_file_its_bytes_and_a_batch_are_the_same_pictures(tmp_path: Path) -> None:
    """A server that has bytes and a script that has a path agree; row i of a batch is picture i; a
    bad one is named.
    """
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        _picture(240, 300, seed=index).save(path)
        np.testing.assert_array_equal(
            to_input(load_image(path)), to_input(open_photo(path.read_bytes()))
        )
    batch = load_batch(reversed(paths))
    np.testing.assert_array_equal(batch[0], to_input(load_image(str(paths[2]))))
    np.testing.assert_array_equal(load_batch(paths[:1])[0], batch[2])
    assert load_batch([]).shape == (0, 3, 224, 224)
    with pytest.raises(FileNotFoundError):
        load_image(tmp_path / "nowhere.jpg")
    (tmp_path / "half.png").write_bytes(paths[0].read_bytes()[:-30])
    with pytest.raises(PhotoError, match=r"half\.png: these \d+ bytes"):
        load_image(tmp_path / "half.png")


def test_softmax_is_the_textbooks_and_survives_large_logits() -> None:
    """The rows sum to 1, without overflow."""
    large = softmax(np.array([[1000.0, 999.0], [-1000.0, 0.0]], np.float32))
    assert large.dtype == np.float32
    np.testing.assert_allclose(
        large, scipy.special.softmax([[1000.0, 999.0], [-1000.0, 0.0]], axis=-1), rtol=1e-6
    )
