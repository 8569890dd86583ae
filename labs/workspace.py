"""The course's folders: the checkout, a student's own results, and the cache for fetched and built
files.
"""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

#: Environment variable that moves the workspace, for a run that must not touch the student's own
#: results.
WORKSPACE_VARIABLE = "SERVING_LABS_WORKSPACE"

#: Environment variable that moves the cache, for example to a disk with more room.
CACHE_VARIABLE = "SERVING_LABS_CACHE"

#: Name under which the platform's cache and configuration folders are asked for.
APP_NAME = "model-serving-labs"

#: The checkout that holds this package.
PROJECT_DIR = Path(__file__).resolve().parents[1]

#: The text in place of a solution; a file that contains it is not judged yet.
STUB = "Your turn: replace this line."


def deeper_packages(root: Path = PROJECT_DIR) -> dict[str, Path]:
    """Return the folder of each deep dive's package by the lesson's id.

    It is in the lesson's folder, which exists only in the authors' checkout. Otherwise the result
    is empty: the packages are plain folders in ``labs/deeper``.
    """
    modules = sorted(root.glob("notebooks/source/[0-9]_*/deeper/*/*/__init__.py"))
    return {path.parent.name: path.parent for path in modules}


def checkout_path(name: str, root: Path = PROJECT_DIR) -> Path:
    """Return where a checkout has the file that leaves it under a name, such as
    'labs/deeper/tokens/engine.py'.
    """
    parts = PurePosixPath(name).parts
    if parts[:2] == ("labs", "deeper") and len(parts) > 3:
        package = deeper_packages(root).get(parts[2])
        if package is not None:
            return package.joinpath(*parts[3:])
    return root / name


def workspace_dir() -> Path:
    """Return the folder for results: ``$SERVING_LABS_WORKSPACE``, or ``workspace/`` in the
    checkout.
    """
    chosen = os.environ.get(WORKSPACE_VARIABLE)
    return Path(chosen or PROJECT_DIR / "workspace").expanduser()


def models_dir() -> Path:
    """Return the folder for models made in the lessons; it is created on first use."""
    folder = workspace_dir() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def programs_dir() -> Path:
    """Return the folder for programs and configurations written in the lessons; it is created on
    first use.
    """
    folder = workspace_dir() / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_dir() -> Path:
    """Return the cache: ``$SERVING_LABS_CACHE``, or the platform's own cache folder for this
    course.
    """
    import platformdirs  # not everywhere that a workspace is: the autograder has no cache

    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path(APP_NAME)


class NotWrittenError(LookupError):
    """A program is not written yet; the message names it and says what to do."""

    def _render_traceback_(self) -> list[str]:
        """Return the sentence alone: a traceback through the course's code explains nothing
        here.
        """
        return [str(self)]


def require_written(paths: Iterable[Path]) -> None:
    """See that texts which a student writes are there, and that none still holds its lesson's stub.

    Raises:
        NotWrittenError: One is missing, or still holds the stub; shown as one sentence.
    """
    for path in paths:
        name = path.name
        if path.is_relative_to(programs_dir()):
            name = str(path.relative_to(programs_dir()))
        if not path.is_file():
            raise NotWrittenError(
                f"There is no `{name}` yet. Run the cell that writes it, then run this cell again."
            )
        if STUB in path.read_text(encoding="utf-8", errors="replace"):
            raise NotWrittenError(
                f'`{name}` is not written yet: it still contains the lesson\'s line "{STUB}". '
                "Write your code in place of that line, run the cell that writes the file, then "
                "run this cell again."
            )
