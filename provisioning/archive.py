"""What leaves this repository: an allow-list, so that a new folder stays home until somebody names it here."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

#: What a student needs. Matched against the whole path from the root; ``**`` spans folders.
ALLOWED = (
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "environment.yml",
    "trovi.json",
    "requirements.txt",
    "labs/**",
    "provisioning/**",
    "notebooks/**",
    "assets/**",
    "grading/__init__.py",
    "grading/__main__.py",
    "grading/checkpoints/**",
    # `python -m grading submit`: collecting, and looking at one's work as the grader will.
    *(f"grading/{name}.py" for name in "calls commands".split()),
    *(f"grading/{name}/**" for name in "submission intake consistency result front".split()),
)

#: Taken out again even where the list above allows their folder. The first three would give the answers away.
REFUSED = (
    "grading/answers/**",
    "grading/**/hidden*",
    "**/*solved*",
    "notebooks/instructor/**",
    # Students open the built notebooks; the sources would only lie in their way.
    "notebooks/source/**",
    "tests/**",
    "**/__pycache__/**",
    "**/*.pyc",
    "**/.ipynb_checkpoints/**",
    "**/.*",
    "**/.*/**",
)

#: A student's archive never holds these words; they are how answers and keys are told apart from the rest.
_FORBIDDEN_TEXT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|^# answer for checkpoint|@answer\(", re.MULTILINE)


@dataclass(frozen=True)
class Archive:
    """A packed tree."""

    path: Path
    #: Of the archive itself; the same tree gives the same digest.
    sha256: str
    #: Paths inside, sorted.
    files: tuple[str, ...]
    #: Of all files before packing.
    size_bytes: int


def allowed(path: PurePosixPath) -> bool:
    """Return whether a path, relative to the root, may leave the repository."""
    name = str(path)
    return any(_matches(name, pattern) for pattern in ALLOWED) and not any(_matches(name, p) for p in REFUSED)


def _matches(name: str, pattern: str) -> bool:
    # fnmatch's * crosses slashes already; a leading **/ must also match at the root.
    return fnmatch(name, pattern) or (pattern.startswith("**/") and fnmatch(name, pattern[3:]))


def student_files(root: Path) -> tuple[str, ...]:
    """Return the paths of the student's tree, sorted.

    Raises:
        ValueError: an allowed file holds a private key or an answer; the message names it.
    """
    found = []
    # Only where something is allowed: a checkout may hold an environment of a hundred thousand files.
    tops = sorted({pattern.split("/")[0] for pattern in ALLOWED})
    paths = (path for top in tops for path in [root / top, *(root / top).rglob("*")])
    for path in sorted(paths):
        relative = PurePosixPath(path.relative_to(root).as_posix())
        # A link could point outside the allow-list, so only plain files count.
        if path.is_symlink() or not path.is_file() or not allowed(relative):
            continue
        _refuse_secrets(path, str(relative))
        found.append(str(relative))
    return tuple(found)


def _refuse_secrets(path: Path, name: str) -> None:
    if path.suffix not in {".py", ".ipynb", ".md", ".txt", ".toml", ".json", ".yaml", ".yml", ".sh", ".pem", ""}:
        return
    # This file itself spells the words out.
    if name != "provisioning/archive.py" and _FORBIDDEN_TEXT.search(path.read_text("utf-8", errors="replace")):
        raise ValueError(f"{name} holds a private key or an answer; move it out of the student's tree")


def materials_files(root: Path, *, assets: bool) -> tuple[str, ...]:
    """Return what is copied to a machine: the pictures and models, or everything but those."""
    return tuple(name for name in student_files(root) if name.startswith("assets/") == assets)


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive so that nothing lands outside a folder.

    Args:
        archive: Opened for reading.
        folder: Receives it.

    Raises:
        tarfile.TarError: An entry points outside, or is no file and no folder.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    for one in archive:  # Debian 12's Python 3.11.2 knows no filters
        path = PurePosixPath(one.name)
        if not (one.isfile() or one.isdir()) or path.is_absolute() or ".." in path.parts:
            raise tarfile.ExtractError(f"{one.name!r} points outside the folder, or is no plain file")
        archive.extract(one, folder)


def build_archive(root: Path, files: Iterable[str], target: Path) -> Archive:
    """Write a ``tar.gz`` of the files; the same tree gives the same bytes wherever and whenever it is built.

    Args:
        root: the repository.
        files: paths relative to it.
        target: the archive to write; its folder must exist.
    """
    names = tuple(sorted(files))
    size_bytes = 0
    with (
        target.open("wb") as raw,
        # Neither the archive's own name nor the hour belongs into it.
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names:
            path = root / name
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            entry.mode = 0o755 if path.suffix == ".sh" else 0o644
            size_bytes += entry.size
            with path.open("rb") as stream:
                tar.addfile(entry, stream)
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Archive(target, digest, names, size_bytes)
