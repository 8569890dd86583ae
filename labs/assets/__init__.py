"""One way to a model or data set by name: `labs.assets.dataset("food11-mini")`, `labs.assets.model(…)`.

What comes with the checkout is checked against the manifest. What does not is fetched from an address that you set
(`labs/assets/addresses.py` says how), checked, made usable without running anything in it, and kept in a cache
(`$SERVING_LABS_CACHE`).
"""

from labs.assets.catalog import DEFAULT_DATASET, DEFAULT_MODEL, dataset, model
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
    "DEFAULT_DATASET",
    "DEFAULT_MODEL",
    "AssetError",
    "DownloadError",
    "IntegrityError",
    "NotConfiguredError",
    "SpaceError",
    "UnknownAssetError",
    "UnsafeFileError",
    "dataset",
    "model",
]
