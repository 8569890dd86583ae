"""Where assets live: the checkout's own folder, and one cache for everything that is fetched or made."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

#: Name under which the platform's cache and configuration folders are asked for.
APP_NAME = "model-serving-labs"

#: Environment variable that moves the cache, for example to a disk with more room.
CACHE_VARIABLE = "SERVING_LABS_CACHE"

#: The checkout's data: the small data set, the models, and the manifest with their hashes.
ASSETS_DIR = Path(__file__).resolve().parents[2] / "assets"


def cache_dir() -> Path:
    """Return the cache: ``$SERVING_LABS_CACHE``, or the platform's own cache folder for this course."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path(APP_NAME)
