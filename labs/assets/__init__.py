"""One way to a model or data set by name: `labs.assets.model("food11-mini-mobilenetv2")`.

Without a name, `dataset()` and `model()` give the course's pair: the real Food-11 with its published model where both
have an address, and the small ones of the checkout elsewhere.

What comes with the checkout is checked against the manifest. What does not is fetched from an address that you set
(`labs/assets/addresses.py` says how), checked, made usable without running anything in it, and kept in a cache
(`$SERVING_LABS_CACHE`).
"""

from labs.assets.catalog import dataset, default_dataset, default_model, model
from labs.assets.errors import (
    AssetError,
    DownloadError,
    IntegrityError,
    NotConfiguredError,
    SpaceError,
    UnknownAssetError,
    UnsafeFileError,
)

__all__ = [
    "AssetError",
    "DownloadError",
    "IntegrityError",
    "NotConfiguredError",
    "SpaceError",
    "UnknownAssetError",
    "UnsafeFileError",
    "dataset",
    "default_dataset",
    "default_model",
    "model",
]
