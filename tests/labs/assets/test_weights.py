"""A published `.pth` gives exactly its tensors, or is refused: sizes that lie, structures without end, odd storages."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import mobilenet_v2

from labs.assets import UnsafeFileError
from labs.assets.weights import read_weights

SIX = np.arange(6, dtype="<f4")


def text(value: str) -> bytes:
    """Push text."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    """Push a whole number of any size."""
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def tuple_of(*items: bytes) -> bytes:
    """Push a tuple."""
    return b"(" + b"".join(items) + b"t"


def dict_of(**items: bytes) -> bytes:
    """Push a dict."""
    return b"}(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def tensor(count=6, offset=0, shape=(2, 3), strides=(3, 1), key="0", kind="FloatStorage") -> bytes:
    """Describe a tensor in storage `key`, honestly or not."""
    storage = tuple_of(text("storage"), f"ctorch\n{kind}\n".encode(), text(key), text("cpu"), number(count)) + b"Q"
    sizes = (tuple_of(*map(number, shape)), tuple_of(*map(number, strides)))
    arguments = tuple_of(storage, number(offset), *sizes, b"\x89", b"ccollections\nOrderedDict\n)R")
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def module_of(state: bytes) -> bytes:
    """Describe a Sequential with this state."""
    return b"ctorch.nn.modules.container\nSequential\n)\x81" + state + b"b"


@pytest.fixture
def pth(tmp_path: Path):
    """Return a writer of one file in the layout of `torch.save`: instructions for its object, bytes by storage."""

    def write(top: bytes, content: bytes = SIX.tobytes(), **options: int) -> Path:
        with zipfile.ZipFile(tmp_path / "food11.pth", "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02" + top + b".", **options)
            archive.writestr("archive/version", b"3\n")
            archive.writestr("archive/byteorder", b"little")
            archive.writestr("archive/data/0", content, **options)
        return tmp_path / "food11.pth"

    return write


def refused(path: Path, words: str) -> None:
    """Check that a file is refused for this reason."""
    with pytest.raises(UnsafeFileError, match=words):
        read_weights(path)


@pytest.mark.parametrize("whole", [True, False], ids=["whole module", "state dict"])
def test_what_torch_saves_comes_out_tensor_by_tensor(tmp_path: Path, whole: bool) -> None:
    """Names, shapes, dtypes and every value are those of the model's own state dict."""
    model = mobilenet_v2(num_classes=11)
    torch.save(model if whole else model.state_dict(), tmp_path / "food11.pth")
    found = read_weights(tmp_path / "food11.pth")
    wanted = model.state_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value.numpy(), strict=True)


def test_layouts_and_shared_storages_come_out_right(tmp_path: Path) -> None:
    """Strides, offsets into one storage, empty tensors, scalars and half precision are understood."""
    base = torch.arange(24, dtype=torch.float16)
    tensors = {
        "transposed": base.reshape(4, 6).T,
        "part": base[5:11],
        "channels last": torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }
    torch.save(tensors, tmp_path / "food11.pth")
    found = read_weights(tmp_path / "food11.pth")
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value.numpy(), strict=True)


def test_modules_that_torchvision_no_longer_has_are_read(pth) -> None:
    """The classes of old releases are names on a list, so the installed torchvision need not know them."""
    old = b"ctorchvision.models.mobilenet\nConvBNReLU\n)\x81"
    inner = old + dict_of(_parameters=dict_of(weight=tensor()), _buffers=b"}", _modules=b"}") + b"b"
    found = read_weights(pth(module_of(dict_of(_parameters=b"}", _buffers=b"}", _modules=dict_of(features=inner)))))
    np.testing.assert_array_equal(found["features.weight"], SIX.reshape(2, 3))


@pytest.mark.parametrize(
    "lie",
    [
        {"shape": (2, 3), "strides": (10**9, 1)},
        {"shape": (2, 3), "strides": (10**30, 1)},  # F24
        {"shape": (2**62, 2**62), "strides": (0, 0)},
        {"shape": (2, 3), "strides": (3, 2)},
        {"offset": 1},
        {"offset": -1},
        {"offset": 10**30},
        {"shape": (-2, -3)},
        {"strides": (-3, 1)},
        {"shape": (6,)},
        {"count": 10**12},
        {"count": 10**30},
        {"count": -6},
        {"key": "../../../etc/passwd"},
        {"key": "1"},
    ],
)
def test_sizes_that_lie_are_refused(pth, lie: dict) -> None:
    """Nothing is allocated for what a file claims and does not hold, and nothing but a refusal comes out (F24)."""
    refused(pth(dict_of(weight=tensor(**lie))), "was refused|not a complete file")


def test_one_number_stretched_over_a_large_shape_is_bounded(pth) -> None:
    """A stride of zero makes a billion elements of one; they are counted before any is copied."""
    refused(pth(dict_of(weight=tensor(shape=(1 << 15, 1 << 15), strides=(0, 0)))), "together are larger")


def test_many_tensors_of_one_storage_are_bounded(pth) -> None:
    """A thousand views of one megabyte would be a gigabyte."""
    content = bytes(1 << 20)
    one = tensor(count=1 << 18, shape=(1 << 18,), strides=(1,))
    refused(pth(dict_of(**{f"w{i}": one for i in range(1000)}), content), "together are larger")


@pytest.mark.parametrize(
    ("top", "words"),
    [
        (b"N", "neither a state dict nor a module"),
        (b"]", "neither a state dict nor a module"),
        (b"}", "no tensors"),
        (dict_of(weight=number(5)), "not a plain tensor"),
        (dict_of(weight=b"ctorch._utils\n_rebuild_parameter\n)R"), "not a complete file"),
        (dict_of(weight=b"ctorch._utils\n_rebuild_tensor_v2\n)R"), "not a complete file"),
        (b"}" + number(5) + tensor() + b"s", "no text"),
        (dict_of(**{"w" * 300: tensor()}), "too long"),
        (module_of(b"}"), "no tensors|not a complete file"),
        (module_of(dict_of(_parameters=b"]", _buffers=b"}", _modules=b"}")), "not a complete file"),
        (module_of(dict_of(_parameters=b"}", _buffers=b"}", _modules=dict_of(a=number(1)))), "not a complete file"),
        (dict_of(state_dict=b"cos\nsystem\n" + tuple_of(text("true")) + b"R"), r"os\.system"),
    ],
)
def test_things_that_are_no_model_are_refused(pth, top: bytes, words: str) -> None:
    """Each is named for what it is."""
    refused(pth(top), words)


def test_a_module_that_holds_itself_is_refused(pth) -> None:
    """The walk ends."""
    circle = b"ctorch.nn.modules.container\nSequential\n)\x81q\x01"
    state = dict_of(_parameters=b"}", _buffers=b"}", _modules=dict_of(a=b"h\x01"))
    refused(pth(circle + state + b"b"), "hangs in several places")


def test_modules_that_double_at_each_level_are_refused(pth) -> None:
    """Forty lines of pickle describe a million million modules; few of them are looked at."""
    levels = module_of(dict_of(_parameters=b"}", _buffers=b"}", _modules=b"}")) + b"q\x00"
    for level in range(40):
        both = dict_of(a=b"h" + bytes([level]), b=b"h" + bytes([level]))
        levels += module_of(dict_of(_parameters=b"}", _buffers=b"}", _modules=both)) + b"q" + bytes([level + 1])
    refused(pth(levels), "hangs in several places")


def test_a_hook_in_a_module_is_never_run(pth) -> None:
    """A file may hang what it likes into a module; its tensors are taken from where they lie."""
    hooks = dict_of(a=b"ctorch.nn.modules.activation\nReLU6\n")
    held = dict_of(_parameters=dict_of(weight=tensor()), _buffers=b"}", _modules=b"}", _state_dict_hooks=hooks)
    np.testing.assert_array_equal(read_weights(pth(module_of(held)))["weight"], SIX.reshape(2, 3))


def test_compressed_content_is_refused(pth) -> None:
    """Sixty megabytes of zeros in sixty kilobytes: torch stores tensors as they are, and so must the file."""
    count = 15 << 20
    top = dict_of(weight=tensor(count=count, shape=(count,), strides=(1,)))
    path = pth(top, bytes(count * 4), compress_type=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    refused(path, "compressed")


def test_two_members_of_one_name_are_refused(pth) -> None:
    """Otherwise what was checked need not be what is read."""
    path = pth(dict_of(weight=tensor()))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("archive/data/0", bytes(24))
    refused(path, "two of one name")


def test_a_flipped_bit_in_a_tensor_is_found(pth) -> None:
    """The zip's checksum covers the tensors."""
    path = pth(dict_of(weight=tensor()))
    content = bytearray(path.read_bytes())
    content[content.index(SIX.tobytes())] ^= 1
    path.write_bytes(content)
    refused(path, "bad checksum")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """A file that was cut anywhere is not read."""
    torch.save(mobilenet_v2(num_classes=11), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for length in (0, 1, 1000, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        refused(tmp_path / "cut.pth", "not a complete file")


def test_the_form_before_torch_1_6_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """That form is a bare pickle."""
    torch.save({"a": torch.zeros(2)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    refused(tmp_path / "old.pth", "before torch 1.6")


def test_a_large_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    """A hole of a gigabyte costs nothing to make and would cost memory to read."""
    with (tmp_path / "large.pth").open("wb") as file:
        file.truncate(1 << 30)
    refused(tmp_path / "large.pth", "larger than 64 MiB")
