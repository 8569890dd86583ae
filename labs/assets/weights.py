"""Weights out of a published `.pth` file, be it a state dict or a whole pickled MobileNetV2.

A `.pth` file is a zip of a pickle and of the tensors' bytes. The pickle is read as data (`labs.assets.pickles`), the
bytes are taken as they are, and every size that the file states is compared with what is really there.
"""

from __future__ import annotations

import math
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labs.assets.errors import UnsafeFileError
from labs.assets.pickles import MAX_PICKLE_BYTES, Call, Name, Reference, read_pickle

#: Largest file that is opened, and largest sum of its tensors; a MobileNetV2 in float32 has 9 MB.
MAX_FILE_BYTES = 64 << 20
_MAX_MEMBERS = 10_000
_MAX_ENTRIES = 10_000
_MAX_NAME_LENGTH = 200
_MAX_DIMENSIONS = 8

#: How each kind of storage lies in the file; torch writes the machine's order, and the file says which.
_STORAGES = {
    "torch.FloatStorage": "<f4",
    "torch.DoubleStorage": "<f8",
    "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
}

_REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2"
_REBUILD_PARAMETER = "torch._utils._rebuild_parameter"

#: Classes that a MobileNetV2 was made of in the torchvision releases since 0.3; some are gone from newer ones.
_MODULES = frozenset(
    {
        "torch.nn.modules.activation.ReLU6",
        "torch.nn.modules.batchnorm.BatchNorm2d",
        "torch.nn.modules.container.Sequential",
        "torch.nn.modules.conv.Conv2d",
        "torch.nn.modules.dropout.Dropout",
        "torch.nn.modules.linear.Linear",
        "torchvision.models.mobilenet.ConvBNReLU",
        "torchvision.models.mobilenet.InvertedResidual",
        "torchvision.models.mobilenet.MobileNetV2",
        "torchvision.models.mobilenetv2.ConvBNActivation",
        "torchvision.models.mobilenetv2.ConvBNReLU",
        "torchvision.models.mobilenetv2.InvertedResidual",
        "torchvision.models.mobilenetv2.MobileNetV2",
        "torchvision.ops.misc.Conv2dNormActivation",
        "torchvision.ops.misc.ConvNormActivation",
    }
)

#: Everything that the pickle may name.
ALLOWED = _MODULES | frozenset(_STORAGES) | {_REBUILD_TENSOR, _REBUILD_PARAMETER}
ALLOWED |= {"collections.OrderedDict", "__builtin__.set", "builtins.set"}


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a file made by `torch.save`, by the names that a state dict gives them.

    Args:
        path: A `.pth` file with a MobileNetV2 or its state dict.

    Returns:
        Arrays of their own, each in the shape and dtype stored.

    Raises:
        UnsafeFileError: The file names something that weights have no need of, states sizes that do not fit, or
            is not such a file.
    """
    path = Path(path)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnsafeFileError(f"{path.name} is larger than {MAX_FILE_BYTES >> 20} MiB; a MobileNetV2 has 9 MB")
    try:
        with zipfile.ZipFile(path) as archive:
            return _Weights(archive).read()
    except UnsafeFileError as error:
        raise UnsafeFileError(f"{path.name} was refused: {error}") from error
    except (zipfile.BadZipFile, struct.error, ValueError, RuntimeError, EOFError, OSError) as error:
        raise UnsafeFileError(
            f"{path.name} is not a complete file of torch.save ({error}). Files from before torch 1.6 have another "
            "form: save such a model anew as a state dict, on a machine where it is trusted"
        ) from error


class _Weights:
    """One `.pth` file while it is read."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.members = _plain_members(archive)
        pickles = [name for name in self.members if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise UnsafeFileError(f"it holds {len(pickles)} files NAME/data.pkl; torch.save writes one")
        self.folder = pickles[0].removesuffix("data.pkl")
        self.left_bytes = MAX_FILE_BYTES

    def read(self) -> dict[str, np.ndarray]:
        """Return all tensors by name."""
        order = self.content(self.folder + "byteorder") if self.folder + "byteorder" in self.members else b"little"
        if order.strip() != b"little":
            raise UnsafeFileError("its numbers are stored in big-endian order, which is not read here")
        top = read_pickle(self.content(self.folder + "data.pkl", MAX_PICKLE_BYTES), ALLOWED)
        found = dict(_entries_of_dict(top) if isinstance(top, dict) else _entries_of_module(top))
        if not found:
            raise UnsafeFileError("it holds no tensors")
        return {name: self.tensor(name, description) for name, description in found.items()}

    def content(self, member: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Return a member's bytes; zipfile compares them with their checksum."""
        if member not in self.members:
            raise UnsafeFileError(f"{member} is missing from it")
        if self.members[member].file_size > max_bytes:
            raise UnsafeFileError(f"{member} in it is larger than {max_bytes} bytes")
        return self.archive.read(self.members[member])

    def tensor(self, name: str, description: object) -> np.ndarray:
        """Return a tensor as an array of its own."""
        if _is_call(description, _REBUILD_PARAMETER):
            description = description.args[0] if description.args else None
        if not _is_call(description, _REBUILD_TENSOR) or len(description.args) < 4:
            raise UnsafeFileError(f"{name} is not a plain tensor")
        storage, offset, shape, strides = description.args[:4]
        values = self.storage(name, storage)
        if not (_are_sizes((offset,)) and _are_sizes(shape) and _are_sizes(strides) and len(shape) == len(strides)):
            raise UnsafeFileError(f"the shape of {name} is not made of whole numbers")
        count = math.prod(shape)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        # The same few bytes may not be used over and over: 'count' elements need as many in the storage.
        if count > len(values) or (count and last >= len(values)):
            raise UnsafeFileError(f"{name} claims {count} elements up to place {last} of a storage of {len(values)}")
        self.left_bytes -= count * values.itemsize
        if self.left_bytes < 0:
            raise UnsafeFileError(f"its tensors together are larger than {MAX_FILE_BYTES >> 20} MiB")
        if not count:
            return np.zeros(shape, values.dtype)
        byte_strides = [stride * values.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(values[offset:], shape, byte_strides, writeable=False).copy()

    def storage(self, name: str, reference: object) -> np.ndarray:
        """Return a storage's elements as they lie in the file."""
        match reference.id if isinstance(reference, Reference) else None:
            case ("storage", Name() as kind, str() as key, str(), int() as count) if kind.dotted in _STORAGES:
                pass
            case _:
                raise UnsafeFileError(f"{name} lies in a kind of storage that is not read here")
        if not re.fullmatch(r"\d{1,6}", key):
            raise UnsafeFileError(f"{name} lies in a storage with an odd name")
        content = self.content(f"{self.folder}data/{key}")
        dtype = np.dtype(_STORAGES[kind.dotted])
        if count * dtype.itemsize != len(content):
            raise UnsafeFileError(f"{name} claims a storage of {count} elements, and {len(content)} bytes are there")
        return np.frombuffer(content, dtype)


def _plain_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name, when they are stored as torch stores them: once each, and not compressed."""
    infos = archive.infolist()
    names = {info.filename: info for info in infos}
    if len(infos) > _MAX_MEMBERS or len(names) != len(infos):
        raise UnsafeFileError("it holds too many files, or two of one name")
    if any(info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size for info in infos):
        raise UnsafeFileError("it holds compressed files; torch.save stores tensors as they are")
    return names


def _entries_of_dict(state: dict[object, object]) -> Iterator[tuple[str, object]]:
    """Yield the entries of a state dict."""
    if len(state) > _MAX_ENTRIES:
        raise UnsafeFileError("it holds more entries than any model")
    for name, value in state.items():
        yield _checked_name("", name), value


def _entries_of_module(top: object) -> Iterator[tuple[str, object]]:
    """Yield the tensors of a described module and of the modules in it, under their state dict names."""
    queue: list[tuple[str, object]] = [("", top)]
    seen = 0
    while queue:
        prefix, module = queue.pop()
        if not (isinstance(module, Call) and module.name.dotted in _MODULES and isinstance(module.state, dict)):
            raise UnsafeFileError(f"{prefix or 'what it holds'} is neither a state dict nor a module of a MobileNetV2")
        for kind in ("_parameters", "_buffers", "_modules"):
            held = module.state.get(kind)
            if not isinstance(held, dict):
                raise UnsafeFileError(f"{prefix or 'the model'} has no {kind}")
            seen += len(held)
            if seen > _MAX_ENTRIES:  # also the end of a module that holds itself
                raise UnsafeFileError("it nests modules without end")
            entries = [(_checked_name(prefix, name), value) for name, value in held.items() if value is not None]
            if kind == "_modules":
                queue += [(f"{name}.", value) for name, value in entries]
            else:
                yield from entries


def _checked_name(prefix: str, name: object) -> str:
    """Return the full name of an entry, when it is text of a sensible length."""
    if not isinstance(name, str) or len(prefix) + len(name) > _MAX_NAME_LENGTH:
        raise UnsafeFileError("it gives a tensor a name that is no text or too long")
    return prefix + name


def _is_call(value: object, dotted: str) -> bool:
    return isinstance(value, Call) and value.name.dotted == dotted


def _are_sizes(values: object) -> bool:
    """Whether these are at most eight whole numbers, none negative."""
    return (
        isinstance(values, tuple)
        and len(values) <= _MAX_DIMENSIONS
        and all(type(value) is int and value >= 0 for value in values)
    )
