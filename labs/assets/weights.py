"""Weights out of a published `.pth` file, be it a state dict or a whole pickled MobileNetV2.

``torch.load(weights_only=True)`` reads it: an unpickler that makes tensors, plain containers and the classes on a list,
and refuses everything else. Limits on sizes are ours, and whatever comes out leaves as plain arrays.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labs.assets.errors import UnsafeFileError

#: Largest file that is opened, and largest sum of its tensors; a MobileNetV2 in float32 has 9 MB.
MAX_FILE_BYTES = 64 << 20
_MAX_ENTRIES = 10_000
_MAX_NAME_LENGTH = 200

#: What a file that somebody made by hand can bring torch's readers to; none of it is a model.
_STUMBLES = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, ArithmeticError),
    *(MemoryError, AssertionError),
)

#: Names that classes of today's torchvision had in releases since 0.3, by the class.
_FORMER_NAMES = {
    "MobileNetV2": ("torchvision.models.mobilenet.MobileNetV2",),
    "InvertedResidual": ("torchvision.models.mobilenet.InvertedResidual",),
    "Conv2dNormActivation": (
        "torchvision.models.mobilenet.ConvBNReLU",
        "torchvision.models.mobilenetv2.ConvBNReLU",
        "torchvision.models.mobilenetv2.ConvBNActivation",
        "torchvision.ops.misc.ConvNormActivation",
    ),
}


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a file made by `torch.save`, by the names that a state dict gives them.

    Args:
        path: A `.pth` file with a MobileNetV2 or its state dict.

    Returns:
        Arrays of their own, each in the shape and dtype stored.

    Raises:
        UnsafeFileError: The file names something that weights have no need of, states sizes that do not fit, or
            is not such a file.

    Source: PyTorch documentation, 'torch.load with weights_only=True'.
    """
    import torch

    path = Path(path)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnsafeFileError(f"{path.name} is larger than {MAX_FILE_BYTES >> 20} MiB; a MobileNetV2 has 9 MB")
    _require_plain_members(path)
    try:
        with torch.serialization.safe_globals(_classes()):
            found = torch.load(path, map_location="cpu", weights_only=True)
        return _arrays(dict(_entries(found)) if isinstance(found, torch.nn.Module) else found)
    except UnsafeFileError as error:
        raise UnsafeFileError(f"{path.name} was refused: {error}") from error
    except pickle.UnpicklingError as error:
        # The rest of torch's message is advice to trust the file, which is what nobody should do here.
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        wants = f"it names {named[1]}, which weights have no need of" if named else "it is not a pickle of weights"
        raise UnsafeFileError(f"{path.name} was refused: {wants}") from error
    except _STUMBLES as error:
        raise UnsafeFileError(f"{path.name} is not a complete file of torch.save ({error})") from error


def _require_plain_members(path: Path) -> None:
    """Refuse what torch.save never writes: compressed members, two of one name, or no zip at all."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos, broken = archive.infolist(), archive.testzip()
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, OSError) as error:
        raise UnsafeFileError(
            f"{path.name} is not a complete file of torch.save ({error}). Files from before torch 1.6 have another "
            "form: save such a model anew as a state dict, on a machine where it is trusted"
        ) from error
    if broken is not None:
        raise UnsafeFileError(f"{path.name} is not a complete file of torch.save (bad checksum of {broken})")
    if len({info.filename for info in infos}) != len(infos):
        raise UnsafeFileError(f"{path.name} was refused: it holds two of one name")
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise UnsafeFileError(f"{path.name} was refused: it holds compressed files; torch.save compresses nothing")


def _classes() -> list:
    """Return the classes that a MobileNetV2 is made of, under today's names and former ones."""
    from torch import nn
    from torchvision.models import mobilenetv2
    from torchvision.ops.misc import Conv2dNormActivation

    theirs = [mobilenetv2.MobileNetV2, mobilenetv2.InvertedResidual, Conv2dNormActivation]
    former = [(one, name) for one in theirs for name in _FORMER_NAMES[one.__name__]]
    layers = [nn.ReLU6, nn.BatchNorm2d, nn.Sequential, nn.Conv2d, nn.Dropout, nn.Linear]
    return [*theirs, *layers, set, *former]


def _entries(model) -> Iterator[tuple[str, object]]:
    """Yield a module's parameters and buffers under their state dict names.

    Without ``state_dict()``, which runs hooks that a file may have set, and visits a module again wherever it hangs:
    forty lines of pickle can describe a million million of them.
    """
    seen, queue = set(), [("", model)]
    while queue:
        prefix, module = queue.pop()
        if id(module) in seen or len(seen) > _MAX_ENTRIES:
            raise UnsafeFileError("one of its modules hangs in several places, as no MobileNetV2's does")
        seen.add(id(module))
        for held in (module._parameters, module._buffers):
            yield from ((prefix + name, value) for name, value in held.items() if value is not None)
        queue += [(f"{prefix}{name}.", child) for name, child in module._modules.items()]


def _arrays(state: object) -> dict[str, np.ndarray]:
    """Return a state dict's tensors as arrays of their own.

    Raises:
        UnsafeFileError: It is none, or its tensors together are larger than any model's.
    """
    import torch

    if not isinstance(state, dict):
        raise UnsafeFileError("it holds neither a state dict nor a module of a MobileNetV2")
    if not state or len(state) > _MAX_ENTRIES:
        raise UnsafeFileError("it holds no tensors" if not state else "it holds more entries than any model")
    for name, value in state.items():
        if not isinstance(name, str) or len(name) > _MAX_NAME_LENGTH:
            raise UnsafeFileError("it gives a tensor a name that is no text or too long")
        if not isinstance(value, torch.Tensor):
            raise UnsafeFileError(f"{name} is not a plain tensor")
    # Counted before anything is copied: a thousand views of one megabyte would be a gigabyte.
    if sum(value.numel() * value.element_size() for value in state.values()) > MAX_FILE_BYTES:
        raise UnsafeFileError(f"its tensors together are larger than {MAX_FILE_BYTES >> 20} MiB")
    return {name: value.detach().numpy().copy() for name, value in state.items()}
