"""One picture gives the same input everywhere, and torchvision agrees."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labs.data.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ImageDecodeError,
    ImageTooLargeError,
    crop,
    load_batch,
    load_image,
    softmax,
    to_input,
)


def _picture(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return coarse coloured noise, so that resizing and cropping matter."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 11, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def _encoded(image: Image.Image, kind: str) -> bytes:
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize("size", [(256, 256), (640, 480), (333, 500), (224, 224), (100, 37), (225, 1001)])
def test_the_recipe_is_torchvisions(size: tuple[int, int]) -> None:
    """Resize, CenterCrop, ToTensor and Normalize of torchvision give the same input to float precision."""
    from torchvision import transforms

    oracle = transforms.Compose(
        [
            transforms.Resize(224, transforms.InterpolationMode.BILINEAR),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    image = _picture(*size)
    np.testing.assert_allclose(to_input(image), oracle(image).numpy(), atol=2e-6)


def test_an_input_has_the_stated_form() -> None:
    """Inputs are float32, channels first, contiguous, and red comes first."""
    red = to_input(Image.new("RGB", (300, 224), (255, 0, 0)))
    assert red.dtype == np.float32
    assert red.shape == (3, 224, 224)
    assert red.flags.c_contiguous
    expected = [(value - mean) / std for value, mean, std in zip((1, 0, 0), IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    np.testing.assert_allclose(red[:, 5, 7], expected, rtol=1e-6)


def test_looking_levels_up_gives_the_bits_that_computing_gives() -> None:
    """The table is a shortcut and not another recipe; written into a batch's row it is the same again."""
    image = _picture(300, 260)
    computed = np.asarray(crop(image), np.float32) / 255.0
    computed = (computed - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    batch = np.zeros((2, 3, 224, 224), np.float32)
    to_input(image, out=batch[1])
    np.testing.assert_array_equal(to_input(image), computed.transpose(2, 0, 1))
    np.testing.assert_array_equal(batch[1], to_input(image))
    assert not batch[0].any()


def test_a_picture_of_too_many_pixels_is_refused_undecoded() -> None:
    """The limit is judged from the file's header, and a format that is not listed is not tried."""
    content = _encoded(_picture(300, 200), "PNG")
    assert load_image(content, max_pixels=60_000).size == (300, 200)
    with pytest.raises(ImageTooLargeError, match="300 × 200"):
        load_image(content, max_pixels=59_999)
    with pytest.raises(ImageDecodeError):
        load_image(content, formats=("JPEG",))


@pytest.mark.parametrize("size", [(1, 1_000_000), (1_000_000, 1), (3, 200)])
def test_a_line_of_pixels_does_not_become_gigapixels(size: tuple[int, int]) -> None:
    """Of a picture much longer than wide the middle is looked at; resized whole, a megapixel would be fifty billion."""
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


def test_a_file_and_its_bytes_are_the_same_picture(tmp_path: Path) -> None:
    """A server that has bytes and a script that has a path agree."""
    path = tmp_path / "picture.png"
    path.write_bytes(_encoded(_picture(240, 300), "PNG"))
    np.testing.assert_array_equal(to_input(load_image(path)), to_input(load_image(path.read_bytes())))
    np.testing.assert_array_equal(to_input(load_image(str(path))), load_batch([path])[0])


def test_a_batch_keeps_the_order(tmp_path: Path) -> None:
    """Row i of a batch is picture i, and no pictures are an empty batch, not an error."""
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        path.write_bytes(_encoded(_picture(230, 230, seed=index), "PNG"))
    batch = load_batch(reversed(paths))
    np.testing.assert_array_equal(batch[0], to_input(load_image(paths[2])))
    assert load_batch([]).shape == (0, 3, 224, 224)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        base64.b64encode(_encoded(_picture(64, 64), "JPEG")),
        _encoded(_picture(64, 64), "JPEG")[:200],
        _encoded(_picture(64, 64), "PNG")[:-30],
        _encoded(_picture(64, 64), "PNG").replace(b"IDAT", b"IDAX"),
    ],
    ids=["empty", "text", "base64", "cut jpeg", "cut png", "damaged png"],
)
def test_what_is_not_a_picture_is_a_typed_error(content: bytes) -> None:
    """Broken content is ImageDecodeError with a way out, whatever Pillow raised inside."""
    with pytest.raises(ImageDecodeError, match="base64") as raised:
        load_image(content)
    assert " object at 0x" not in str(raised.value), "an address of this process's memory is in the message"


def test_a_missing_file_is_not_called_a_broken_picture(tmp_path: Path) -> None:
    """A wrong path keeps its own error."""
    with pytest.raises(FileNotFoundError):
        load_image(tmp_path / "nowhere.jpg")


def test_softmax_is_the_textbooks_and_survives_large_logits() -> None:
    """Known values, rows that sum to 1, and no overflow."""
    np.testing.assert_allclose(softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]], rtol=1e-6)
    large = softmax(np.array([[1000.0, 999.0], [-1000.0, 0.0]], np.float32))
    assert large.dtype == np.float32
    np.testing.assert_allclose(large.sum(-1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(large[0, 0], 1 / (1 + np.exp(-1.0)), rtol=1e-6)
