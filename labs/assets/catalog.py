"""One way to a data set or model by its name, whether it comes with the checkout or is fetched."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from labs.assets.addresses import address_of
from labs.assets.errors import UnknownAssetError
from labs.assets.manifest import Embedded, embedded
from labs.assets.remote import REMOTE, Remote
from labs.assets.verify import verify_files

if TYPE_CHECKING:
    from labs.assets.fetch import Progress

#: Data set and model of the course: the real ones where both have an address, otherwise those of the checkout.
_REAL = ("food11", "food11-mobilenetv2")
_CARRIED = ("food11-mini", "food11-mini-mobilenetv2")

_RESTORE = "Restore it with `git checkout -- assets`, or clone the repository again"


def default_dataset() -> str:
    """Return the name of the data set that lessons use: `food11` where it and its model have an address.

    Raises:
        NotConfiguredError: A setting is there but is not an address.
    """
    return _pair()[0]


def default_model() -> str:
    """Return the name of the model that lessons use: the one that was trained on `default_dataset()`.

    Raises:
        NotConfiguredError: A setting is there but is not an address.
    """
    return _pair()[1]


def _pair() -> tuple[str, str]:
    # Both or neither: a model that is asked about images of another kind gives an accuracy that means nothing.
    return _REAL if all(map(address_of, _REAL)) else _CARRIED


def dataset(name: str | None = None, progress: Progress | None = None) -> Path:
    """Return the folder of a data set in Food-11's form, checked, and fetched first where it has to be.

    Args:
        name: `food11-mini` (comes with the checkout) or `food11` (fetched from a configured address);
            `default_dataset()` when None.
        progress: Told about the bytes of a download so far and in all.

    Returns:
        A folder that holds `training`, `validation` and `evaluation`; `labs.dataset` reads it.

    Raises:
        UnknownAssetError: No data set has this name.
        NotConfiguredError: It has to be fetched, and no address is set.
        AssetError: As `labs.assets.errors` lists: the server, the disk or the file is at fault.
    """
    return _path_of(name or default_dataset(), "dataset", progress)


def model(name: str | None = None) -> Path:
    """Return the file of a model, checked, and fetched first where it has to be.

    Args:
        name: `food11-mini-mobilenetv2` (comes with the checkout), `food11-mobilenetv2` or
            `food11-mobilenetv2-onnx` (fetched from a configured address); `default_model()` when None.

    Returns:
        A `.safetensors` file for `labs.models.load_mobilenet_v2`, or an `.onnx` file.

    Raises:
        UnknownAssetError: No model has this name.
        NotConfiguredError: It has to be fetched, and no address is set.
        AssetError: As `labs.assets.errors` lists: the server, the disk or the file is at fault.
    """
    return _path_of(name or default_model(), "model")


def verify(name: str) -> Path:
    """Read every file of a data set or model, compare all hashes, and return its path; nothing is fetched.

    Args:
        name: Any known name.

    Returns:
        As `dataset` and `model` do.

    Raises:
        UnknownAssetError: Nothing has this name.
        NotConfiguredError: It has not been fetched.
        IntegrityError: A file is missing, changed or too many.
    """
    if name not in REMOTE and (item := embedded().get(name)):
        return _checked(item, thorough=True)
    from labs.assets.store import installed

    return installed(remote_of(name), thorough=True)


def _path_of(name: str, kind: str, progress: Progress | None = None) -> Path:
    """Return the path of an asset of one kind."""
    item = REMOTE.get(name) or embedded().get(name) or remote_of(name)
    if item.kind != kind:
        raise UnknownAssetError(f"{name!r} is a {item.kind}: ask labs.assets.{item.kind}({name!r}) for it")
    if isinstance(item, Remote):
        from labs.assets.store import obtain  # httpx and the rest are needed only here

        return obtain(item, progress)
    return _checked(item)


def _checked(item: Embedded, *, thorough: bool = False) -> Path:
    """Return the path of an embedded asset when its files are the recorded ones."""
    verify_files(item.root, item.files, _RESTORE, thorough=thorough, strangers=item.kind == "dataset")
    return item.path


def remote_of(name: str) -> Remote:
    """Return what can be fetched under a name.

    Args:
        name: A name of `REMOTE`.

    Returns:
        Its description.

    Raises:
        UnknownAssetError: Nothing has this name; the message offers the nearest one that there is.
    """
    if name in REMOTE:
        return REMOTE[name]
    names = [*embedded(), *REMOTE]
    near = difflib.get_close_matches(name, names, 1)
    near += [remote.name for remote in REMOTE.values() if remote.published_name == name]
    hint = f"did you mean {near[-1]!r}?" if near else f"there are {', '.join(names)}"
    raise UnknownAssetError(f"no data set or model is called {name!r}; {hint}")
