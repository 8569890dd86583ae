"""Making the real Food-11 and the course's published model usable, out of the files as they are published."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from labs.assets.archives import Limits, unpack_pictures
from labs.assets.errors import IntegrityError
from labs.assets.fetch import Progress
from labs.assets.hashes import Digest
from labs.dataset import SPLITS, iterate, label_of
from labs.labels import CLASS_NAMES, NUM_CLASSES, class_folder

_SAFE_NAME = re.compile(r"[\w\-. ()]{1,100}")

#: Spellings under which a folder may carry a class's name, since a slash cannot stand in a folder's name.
_LABEL_OF_NAME = {re.sub(r"\W+", "", name).lower(): label for label, name in enumerate(CLASS_NAMES)}

#: Makes the finished files in a folder out of the fetched one.
Install = Callable[[Path, Digest, Path, Progress | None], None]


def place_of(path: PurePosixPath) -> PurePosixPath | None:
    """Return where a picture of a published Food-11 archive belongs: `split/class_XX/name`.

    Args:
        path: Path in the archive; folders above the split do not matter.

    Returns:
        A path of three parts, or None for a file that some system added.

    Raises:
        IntegrityError: The path names no split or no class.
    """
    if path.name.startswith(".") or "__MACOSX" in path.parts:
        return None
    folders = [part.lower() for part in path.parts[:-1]]
    split = next((name for name in SPLITS if name in folders), None)
    label = label_of(Path(path))
    if label is None:
        label = _LABEL_OF_NAME.get(re.sub(r"\W+", "", path.parent.name).lower())
    if split is None or label is None or not _SAFE_NAME.fullmatch(path.name):
        raise IntegrityError(
            f"{str(path)!r} names no split or no class: a Food-11 archive has {', '.join(SPLITS)} with pictures named "
            "CLASS_NUMBER.jpg or in folders class_00 to class_10. Is this another data set?"
        )
    return PurePosixPath(split, class_folder(label), path.name)


def install_dataset(archive: Path, found: Digest, folder: Path, progress: Progress | None) -> None:
    """Unpack a Food-11 archive into Food-11's folders.

    Args:
        archive: The fetched zip or tar.
        found: Its hashes.
        folder: Folder that will hold the three splits.
        progress: Told about the bytes unpacked.

    Raises:
        UnsafeFileError: The archive holds something other than plain files.
        IntegrityError: The archive is damaged, or a split or a class is missing from it.
    """
    unpack_pictures(archive, folder, place_of, Limits(), progress)
    for split in SPLITS:
        found_labels = {label for _, label in iterate(folder, split)} if (folder / split).is_dir() else set()
        if len(found_labels) != NUM_CLASSES:
            raise IntegrityError(
                f"the {split} split of {archive.name} has {len(found_labels)} of {NUM_CLASSES} classes; it is not the "
                "whole Food-11"
            )


def install_weights(published: Path, found: Digest, folder: Path, progress: Progress | None) -> None:
    """Turn the published `.pth` into safetensors of the course's own model.

    Args:
        published: The fetched file.
        found: Its hashes; they are noted in the result.
        folder: Folder that will hold `food11-mobilenetv2.safetensors`.
        progress: Not used; the work takes a second.

    Raises:
        UnsafeFileError: The file holds anything but weights.
        IntegrityError: The weights are those of another model.
    """
    import numpy as np
    import torch
    from torchvision.models import mobilenet_v2

    from labs.assets.weights import read_weights
    from labs.models import save_weights

    arrays = read_weights(published)
    model = mobilenet_v2(num_classes=NUM_CLASSES)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        odd = sorted(name for name in shapes.keys() | arrays.keys() if shapes.get(name) != _shape(arrays.get(name)))
        raise IntegrityError(
            f"{published.name} is not a MobileNetV2 with {NUM_CLASSES} classes; {len(odd)} tensors differ, "
            f"such as {odd[0]}"
        )
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise IntegrityError(f"{published.name} holds weights that are not numbers; it is damaged")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    metadata = {"made_from": published.name, "made_from_sha256": found.sha256}
    save_weights(model, folder / "food11-mobilenetv2.safetensors", metadata)


def install_onnx(published: Path, found: Digest, folder: Path, progress: Progress | None) -> None:
    """Put the published ONNX file in place after checking it.

    Args:
        published: The fetched file.
        found: Its hashes.
        folder: Folder that will hold `food11-mobilenetv2.onnx`.
        progress: Not used; the work takes a second.

    Raises:
        UnsafeFileError: The model is too large or asks for other files.
        IntegrityError: The file is no valid ONNX model.
    """
    from labs.assets.onnx_file import check_onnx

    folder.mkdir(parents=True, exist_ok=True)
    target = published.replace(folder / "food11-mobilenetv2.onnx")
    check_onnx(target)


def _shape(array: object) -> tuple[int, ...] | None:
    """Return an array's shape, or None when there is no array."""
    return getattr(array, "shape", None)
