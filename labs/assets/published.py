"""The real Food-11 and the course's published model, fetched from the one address that an
instructor sets.

Nothing is fetched until you set an address. Put the published files, `Food-11.zip`, `food11.pth`
and `food11.onnx`, unchanged into one folder of a server or an object store. Set its address,
followed by the SHA-256 of `Food-11.zip` as in pip's links (optional, recommended):

    SERVING_LABS_ASSETS_URL=https://…/folder/#sha256=…

pooch downloads each file into the cache once, compares its hash and unpacks it.
"""

import hashlib
import logging
import os
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from labs.assets.manifest import AssetError, sha256_of
from labs.workspace import cache_dir

#: Environment variable that says where the published files are.
URL_VARIABLE = "SERVING_LABS_ASSETS_URL"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A data set or model as it is published."""

    #: `dataset` or `model`.
    kind: str
    file: str
    #: The id under which git stores the published file, if that is known.
    git_blob: str = ""


#: Everything that can be fetched, by the name under which it is asked for.
_ZIP = Published("dataset", "Food-11.zip")
_PTH = Published("model", "food11.pth", "b550214474f469ca65c2eb6c30f383ef4e7e8c7a")
_ONNX = Published("model", "food11.onnx", "b3dba6529bf29980fa0903871d4de4a4a61bca97")
PUBLISHED = {"food11": _ZIP, "food11-mobilenetv2": _PTH, "food11-mobilenetv2-onnx": _ONNX}


def address() -> SplitResult | None:
    """Return the address of the published files' folder; None if it is not set.

    Raises:
        AssetError: The setting is no address; often it is a share page's short code, a path, or a
            hash cut short by copying.
    """
    setting = os.environ.get(URL_VARIABLE, "").strip()
    parts = urlsplit(setting)
    if not setting:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AssetError(
            f"{URL_VARIABLE} holds {setting!r}, which is not the http(s) address of a folder"
        )
    if parts.fragment and not re.fullmatch("sha256=[0-9a-f]{64}", parts.fragment.lower()):
        raise AssetError(
            f"{URL_VARIABLE} ends in #{parts.fragment}: #sha256= and 64 hexadecimal digits are "
            "needed"
        )
    return parts


def fetch(name: str) -> Path:
    """Return a published data set's folder or a model's file, downloaded on the first call.

    Raises:
        AssetError: No address is set, or the server, the disk or the file is at fault.
    """
    asset = PUBLISHED[name]
    where = address()
    if where is None:
        raise AssetError(
            f"{name} is made of {asset.file}, which is fetched, and no address is set: "
            "labs/assets/published.py says how. Without internet, food11-mini and its model "
            "come with the checkout"
        )
    path = _downloaded(asset, where)
    try:
        if path.suffix == ".onnx":
            return path
        return unpacked(path) if path.suffix == ".zip" else converted(path)
    except AssetError:
        path.unlink()  # it would be found again at the next call
        raise


def _downloaded(asset: Published, where: SplitResult) -> Path:
    """Return the published file in the cache, with the hash that it must have."""
    import pooch  # late: the providers' environments have what is carried, and fetch nothing

    pooch.get_logger().setLevel(logging.WARNING)  # it would print the address, with its token
    sha256 = "" if asset.git_blob else where.fragment.lower().removeprefix("sha256=")
    known_hash = f"sha256:{sha256}" if sha256 else None
    folder = where.path.rstrip("/")
    url = urlunsplit(where._replace(path=f"{folder}/{asset.file}", fragment=""))
    # User name, password and query may be secrets.
    _, _, host = where.netloc.rpartition("@")
    shown = f"{where.scheme}://{host}{where.path}"
    try:
        path = Path(pooch.retrieve(url, known_hash, path=cache_dir() / "assets"))
        if asset.git_blob and _git_blob(path) != asset.git_blob:
            path.unlink()
            raise ValueError
    except ValueError:
        raise AssetError(
            f"{asset.file} from {shown} has another hash than it must have, and was deleted: it "
            "is another file, or was damaged on its way"
        ) from None
    except OSError as error:  # requests' errors too, whose texts hold the address
        raise AssetError(
            f"{asset.file} could not be brought from {shown} to {cache_dir()}: {_reason(error)}. "
            "Check the address and try again; if the disk is full, make room, or set "
            "SERVING_LABS_CACHE to a folder on another one"
        ) from None
    if not (asset.git_blob or sha256):
        logger.warning(
            "%s was trusted as it came; to pin it, end the address in #sha256=%s",
            path,
            sha256_of(path),
        )
    return path


def _reason(error: OSError) -> str:
    """Return why a file did not come, without its address."""
    if error.strerror:
        return error.strerror
    answer = getattr(error, "response", None)
    if answer is None:
        return type(error).__name__
    return f"answer {answer.status_code}"


def unpacked(archive: Path) -> Path:
    """Return the folder with Food-11's three splits, unpacked beside its archive once.

    Raises:
        AssetError: The archive is damaged, holds something else, or is not complete.
    """
    import pooch

    # With Pillow, which Chameleon's Jupyter need not have.
    from labs.data.dataset import SPLITS, DatasetError, iterate
    from labs.data.labels import NUM_CLASSES

    try:
        names = pooch.Unzip()(str(archive), "fetch", None)
    except zipfile.BadZipFile as error:
        raise AssetError(
            f"{archive.name} is damaged or no zip ({error}); some share links answer with a web "
            "page instead of a file"
        ) from error
    root = _folder_above(SPLITS[0], names) or archive.parent
    try:
        for split in SPLITS:
            classes = len({label for _, label in iterate(root, split)})
            if classes != NUM_CLASSES:
                raise AssetError(
                    f"the {split} split of {archive.name} has {classes} of {NUM_CLASSES} classes"
                )
    except DatasetError as error:
        raise AssetError(f"{archive.name}: {error}. Is this another data set?") from error
    return root


def _folder_above(name: str, files: Iterable[str]) -> Path | None:
    """Return the first folder that holds a folder of this name, by the files below; files that a
    Mac adds to a zip are ignored.
    """
    folders: set[Path] = set()
    for file in files:
        folders.update(Path(file).parents)
    for folder in sorted(folders):
        if folder.name == name and "__MACOSX" not in folder.parts:
            return folder.parent
    return None


def converted(published: Path) -> Path:
    """Return the published `.pth`, weights or a whole MobileNetV2, as the course's safetensors.

    Raises:
        AssetError: The file holds something else.
    """
    target = published.with_suffix(".safetensors")
    if target.exists():
        return target
    import torch
    from torch import nn
    from torchvision.models import mobilenetv2
    from torchvision.ops.misc import Conv2dNormActivation

    from labs.data.labels import NUM_CLASSES
    from labs.data.models import save_weights

    parts = [mobilenetv2.MobileNetV2, mobilenetv2.InvertedResidual, Conv2dNormActivation, set]
    parts += [nn.ReLU6, nn.BatchNorm2d, nn.Sequential, nn.Conv2d, nn.Dropout, nn.Linear]
    model = mobilenetv2.mobilenet_v2(num_classes=NUM_CLASSES)
    try:
        with torch.serialization.safe_globals(parts):
            weights = torch.load(published, map_location="cpu", weights_only=True)
        if isinstance(weights, nn.Module):
            weights = weights.state_dict()
        model.load_state_dict(weights)
    except Exception as error:  # torch's own advice would be to trust the file
        raise AssetError(
            f"{published.name} holds no MobileNetV2 with {NUM_CLASSES} classes"
        ) from error
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    save_weights(model, draft, {"made_from_sha256": sha256_of(published)})
    return draft.replace(target)


def _git_blob(path: Path) -> str:
    """Return the id under which git would store a file: SHA-1 over `blob SIZE`, a zero byte and the
    content.
    """
    content = path.read_bytes()
    blob = b"blob %d\0" % len(content) + content
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()
