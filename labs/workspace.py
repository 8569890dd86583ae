"""Where things lie: the checkout, a student's own results, and the cache for what was fetched or made."""

import os
from pathlib import Path

#: Environment variable that moves the workspace, for a run that must not touch the student's own results.
WORKSPACE_VARIABLE = "SERVING_LABS_WORKSPACE"

#: Environment variable that moves the cache, for example to a disk with more room.
CACHE_VARIABLE = "SERVING_LABS_CACHE"

#: Name under which the platform's cache and configuration folders are asked for.
APP_NAME = "model-serving-labs"

#: The checkout that holds this package.
PROJECT_DIR = Path(__file__).resolve().parents[1]

#: What a lesson has in the place of a solution; a file that holds it is not judged yet.
STUB = "Your turn: replace this line."


def workspace_dir() -> Path:
    """Return the folder for results: ``$SERVING_LABS_WORKSPACE``, or ``workspace/`` in the checkout."""
    return Path(os.environ.get(WORKSPACE_VARIABLE) or PROJECT_DIR / "workspace").expanduser()


def models_dir() -> Path:
    """Return the folder for models made in the lessons; it is created on first use."""
    folder = workspace_dir() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def programs_dir() -> Path:
    """Return the folder for programs and configurations written in the lessons; it is created on first use."""
    folder = workspace_dir() / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_dir() -> Path:
    """Return the cache: ``$SERVING_LABS_CACHE``, or the platform's own cache folder for this course."""
    import platformdirs  # not everywhere that a workspace is: the autograder has no cache

    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path(APP_NAME)
