"""One way to a model or data set by name: `labs.assets.model("food11-mini-mobilenetv2")`.

Without a name, `dataset()` and `model()` give the course's pair. If an address is set (see
`labs/assets/published.py`), this is the real Food-11 with its published model. Otherwise it is the
small pair of the checkout.

Files of the checkout are compared with the manifest once in each process. Other files are
downloaded, checked, unpacked without running their content, and stored in a cache
(`$SERVING_LABS_CACHE`).
"""

from pathlib import Path

from labs.assets.manifest import AssetError, Carried, carried
from labs.assets.published import PUBLISHED, Published, address, fetch

__all__ = ["AssetError", "dataset", "default", "drawings", "model"]

#: Data set and model of the course: the real ones where an address is set, otherwise those of the
#: checkout. Always as a pair: a model that is asked about images of another kind gives an accuracy
#: that means nothing.
_REAL = {"dataset": "food11", "model": "food11-mobilenetv2"}
_CARRIED = {"dataset": "food11-mini", "model": "food11-mini-mobilenetv2"}


def default(kind: str) -> str:
    """Return the name of the 'dataset' or 'model' of the lessons: real where an address is set.

    Raises:
        AssetError: A setting is there but is not an address.
    """
    return (_REAL if address() else _CARRIED)[kind]


def dataset(name: str | None = None) -> Path:
    """Return the folder of a data set in Food-11's form, checked; fetch the data set first if it is
    missing.

    Args:
        name: `food11-mini` (comes with the checkout) or `food11` (fetched); the course's when None.

    Returns:
        A folder that holds `training`, `validation` and `evaluation`; `labs.data.dataset` reads it.

    Raises:
        AssetError: No data set has this name, no address is set, or the server, the disk or a file
            is at fault.
    """
    return _obtain(name or default("dataset"), "dataset")


def drawings(split: str, *names: str) -> list[int]:
    """Return which drawing each picture of a split shows, in the order of ``labs.data.dataset``.

    Several pictures show one drawing and stand or fall together. If the drawings are unknown, as
    for the real Food-11, the list is empty.

    Args:
        names: Data sets, one after the other; the course's without any. A drawing has the same
            number in all of them.
    """
    shown: list[str] = []
    for name in names or (default("dataset"),):
        if name not in carried():
            return []
        known = carried()[name].drawings
        pictures = [picture for picture in known if picture.startswith(f"{split}/")]
        pictures.sort(key=lambda picture: picture.split("/")[1:])
        shown += [known[picture] for picture in pictures]
    numbers: dict[str, int] = {}
    for drawing in shown:
        numbers.setdefault(drawing, len(numbers))
    return [numbers[drawing] for drawing in shown]


def model(name: str | None = None) -> Path:
    """Return the file of a model, checked, and fetched first where it has to be.

    Args:
        name: `food11-mini-mobilenetv2` or another that comes with the checkout,
            `food11-mobilenetv2` or `food11-mobilenetv2-onnx` (fetched); the course's when None.

    Returns:
        A `.safetensors` file for `labs.data.models.load_mobilenet_v2`, or an `.onnx` file.

    Raises:
        AssetError: No model has this name, no address is set, or the server, the disk or a file is
            at fault.
    """
    return _obtain(name or default("model"), "model")


def _obtain(name: str, kind: str) -> Path:
    known: dict[str, Published | Carried] = {**PUBLISHED, **carried()}
    if name not in known:
        raise AssetError(f"no data set or model is called {name!r}; there are {', '.join(known)}")
    its_kind = known[name].kind
    if kind != its_kind:
        raise AssetError(f"{name!r} is a {its_kind}: ask labs.assets.{its_kind}({name!r}) for it")
    return carried()[name].checked if name in carried() else fetch(name)
