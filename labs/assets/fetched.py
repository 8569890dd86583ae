"""What is fetched from the address that an instructor sets: the real Food-11 and the course's published model.

pooch downloads into the cache and compares hashes; what came is made usable beside its final place and moved there in
one step, so that a broken attempt is simply made again.
"""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from labs.assets.manifest import sha256_of
from labs.assets.places import Address, AssetError, address
from labs.data.dataset import IMAGE_SUFFIXES, SPLITS, iterate, label_of
from labs.data.labels import NUM_CLASSES, class_folder
from labs.workspace import cache_dir

logger = logging.getLogger(__name__)

_SAFE_NAME = re.compile(r"[\w\-. ()]{1,100}")


@dataclass(frozen=True)
class Published:
    """A data set or model as it is published, and what the course makes of it."""

    #: Name under which it is asked for.
    name: str
    #: `dataset` or `model`.
    kind: str
    #: Name of the published file.
    file: str
    #: Makes the usable files: the published file, and the folder that receives them.
    install: Callable[[Path, Path], None]
    #: Git blob id of the published file, where it is known.
    git_blob: str | None = None

    def home(self, where: Address) -> Path:
        """Return its folder in the cache, another one for each version that is asked for."""
        version = self.git_blob or where.sha256 or hashlib.sha256(where.of(self.file).encode()).hexdigest()
        return cache_dir() / "assets" / f"{self.name}-{version[:12]}"


def place_of(path: PurePosixPath) -> PurePosixPath | None:
    """Return where a picture of a published Food-11 archive belongs: `split/class_XX/name`.

    Args:
        path: Path in the archive; folders above the split do not matter.

    Returns:
        A path of three parts, none of them the archive's to choose but the name; None for what is no picture.

    Raises:
        AssetError: The path names no split or no class.
    """
    if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith(".") or "__MACOSX" in path.parts:
        return None
    folders = [part.lower() for part in path.parts[:-1]]
    split = next((name for name in SPLITS if name in folders), None)
    label = label_of(Path(path))
    if split is None or label is None or not _SAFE_NAME.fullmatch(path.name):
        raise AssetError(
            f"{str(path)!r} names no split or no class: Food-11 has {', '.join(SPLITS)} with pictures named "
            "CLASS_NUMBER.jpg or in folders class_00 to class_10. Is this another data set?"
        )
    return PurePosixPath(split, class_folder(label), path.name)


def unpack_pictures(archive: Path, folder: Path) -> None:
    """Unpack a zip of Food-11 into Food-11's folders: its pictures and nothing else, each to a place that we choose.

    Args:
        archive: A zip as it is published.
        folder: Receives the three splits; what is there after an error is unfinished.

    Raises:
        AssetError: The archive is damaged, holds something else, or is not complete.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                if not entry.is_dir() and (place := place_of(PurePosixPath(entry.filename))):
                    (folder / place).parent.mkdir(parents=True, exist_ok=True)
                    (folder / place).write_bytes(opened.read(entry))
    except zipfile.BadZipFile as error:
        raise AssetError(
            f"{archive.name} is damaged or no zip ({error}); some share links answer with a web page instead of a file"
        ) from error
    for split in SPLITS:
        found = {label for _, label in iterate(folder, split)} if (folder / split).is_dir() else set()
        if len(found) != NUM_CLASSES:
            raise AssetError(f"the {split} split of {archive.name} has {len(found)} of {NUM_CLASSES} classes")


def convert_weights(published: Path, folder: Path) -> None:
    """Turn the published `.pth`, a state dict or a whole MobileNetV2, into safetensors of the course's own model.

    Raises:
        AssetError: The file holds something else.
    """
    import torch
    from torch import nn
    from torchvision.models import mobilenetv2
    from torchvision.ops.misc import Conv2dNormActivation

    from labs.data.models import save_weights

    parts = [mobilenetv2.MobileNetV2, mobilenetv2.InvertedResidual, Conv2dNormActivation, set]
    parts += [nn.ReLU6, nn.BatchNorm2d, nn.Sequential, nn.Conv2d, nn.Dropout, nn.Linear]
    model = mobilenetv2.mobilenet_v2(num_classes=NUM_CLASSES)
    try:
        with torch.serialization.safe_globals(parts):
            found = torch.load(published, map_location="cpu", weights_only=True)
        model.load_state_dict(found.state_dict() if isinstance(found, nn.Module) else found)
    except Exception as error:  # torch's own advice would be to trust the file
        raise AssetError(f"{published.name} holds no MobileNetV2 with {NUM_CLASSES} classes") from error
    save_weights(model, folder / "food11-mobilenetv2.safetensors", {"made_from_sha256": sha256_of(published)})


def keep(published: Path, folder: Path) -> None:
    """Move a published file that is usable as it is."""
    folder.mkdir(parents=True)
    published.replace(folder / published.name)


#: Everything that can be fetched, by name.
PUBLISHED: dict[str, Published] = {
    one.name: one
    for one in (
        Published("food11", "dataset", "Food-11.zip", unpack_pictures),
        Published(
            "food11-mobilenetv2", "model", "food11.pth", convert_weights, "b550214474f469ca65c2eb6c30f383ef4e7e8c7a"
        ),
        Published("food11-mobilenetv2-onnx", "model", "food11.onnx", keep, "b3dba6529bf29980fa0903871d4de4a4a61bca97"),
    )
}


def fetch(asset: Published) -> Path:
    """Return an asset from the cache, fetched first when it is not there.

    Args:
        asset: What is wanted.

    Returns:
        Folder of a data set, file of a model.

    Raises:
        AssetError: No address is set, or the server, the disk or the file is at fault.
    """
    if (where := address()) is None:
        raise AssetError(
            f"{asset.name} is made of {asset.file}, which is fetched, and no address is set: labs/assets/places.py "
            "says how. Without internet, food11-mini and its model come with the checkout"
        )
    home = asset.home(where)
    if not home.is_dir():
        try:
            published = _download(asset, where)
            home.parent.mkdir(parents=True, exist_ok=True)
            # Made beside its final place and moved there in one step.
            with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{asset.name}-") as folder:
                try:
                    asset.install(published, Path(folder, "made"))
                finally:
                    published.unlink(missing_ok=True)  # a file that cannot be used is not worth keeping either
                if not home.exists():  # another notebook may have been sooner
                    Path(folder, "made").rename(home)
        except OSError as error:  # requests' own errors are such too; their texts hold the address with its token
            answer = getattr(error, "response", None)
            reason = error.strerror or (type(error).__name__ if answer is None else f"answer {answer.status_code}")
            raise AssetError(
                f"{asset.file} could not be brought from {where.shown} to {cache_dir()}: {reason}. Check the address "
                "and try again; where the disk is full, make room, or set SERVING_LABS_CACHE to a folder on another one"
            ) from None
    return home if asset.kind == "dataset" else next(home.iterdir())


def _download(asset: Published, where: Address) -> Path:
    """Return the published file, downloaded and of the right hash."""
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)  # it would print the address
    sha256 = where.sha256 if asset.git_blob is None else None
    try:
        path = Path(
            pooch.retrieve(
                where.of(asset.file),
                known_hash=f"sha256:{sha256}" if sha256 else None,
                fname=asset.file,
                path=cache_dir() / "downloads",
                downloader=pooch.HTTPDownloader(progressbar=find_spec("tqdm") is not None),
            )
        )
        if asset.git_blob and _git_blob(path) != asset.git_blob:
            path.unlink()
            raise ValueError
    except ValueError:
        raise AssetError(
            f"{asset.file} from {where.shown} has another hash than it must have, and was deleted: it is another file, "
            "or was damaged on its way"
        ) from None
    if not (asset.git_blob or sha256):
        logger.warning("%s was trusted as it came; to pin it, end the address in #sha256=%s", path, sha256_of(path))
    return path


def _git_blob(path: Path) -> str:
    """Return the id under which git would store a file: SHA-1 over `blob SIZE`, a zero byte and the content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
