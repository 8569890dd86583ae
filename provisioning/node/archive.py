"""The files that leave this repository: an allow-list, so that a new folder stays out until its
name is added here.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from labs.course.assignment import assignment, assignment_for_leases
from labs.workspace import PROJECT_DIR, checkout_path, deeper_packages

#: With these a Codespace and Binder begin. No other hidden file leaves.
STARTED_ELSEWHERE = (".devcontainer", ".binder")

#: Files that a student needs. Matched against the whole path from the root; ``**`` spans folders.
ALLOWED = (
    "README.md",
    "LICENSE",
    "assignment.toml",
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
    *[f"{folder}/**" for folder in STARTED_ELSEWHERE],
)

#: Texts of the students' own. Where this folder has a file, it leaves in place of the root's file
#: of that name. An unpacked archive has no such folder any more: there the texts are the root's.
STUDENT = "provisioning/student"

#: Taken out again even where the list above allows their folder. The first two would give the
#: answers away.
REFUSED = (
    "notebooks/source/**",
    "**/*solved*",
    "notebooks/instructor/**",
    "notebooks/site/**",
    f"{STUDENT}/**",
    # Rebuilding pictures and models needs npm and hours.
    "assets/recipes/**",
    "tests/**",
    "provisioning/rehearsal/tests/**",
    "provisioning/rehearsal/build/**",
    "**/*.egg-info/**",
    "**/__pycache__/**",
    "**/*.pyc",
    "**/.ipynb_checkpoints/**",
)

_REQUIREMENTS = """\
# Chameleon's Jupyter installs this at each start of its server: only what reserving, provisioning
# and rehearsing need. JupyterLab and the kernel are there already; everything heavy is installed on
# the machines.
"""

#: The course itself, so that a notebook in any folder can import it. pip reads the path from where
#: it runs, and Chameleon runs it in the folder that holds the list. Source: the start-up script of
#: Chameleon's single-user image (`setup_experiment_server`).
_ITSELF = "--editable .\n"

#: Date of every file in a machine's archive, in seconds since 1970: 1 January 2026, whenever and
#: wherever it is packed.
_DATE_S = 1_767_225_600

#: A student's archive never holds these words; they are how answers and keys are told apart from
#: the rest.
_FORBIDDEN_TEXT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|### BEGIN SOLUTION")


@dataclass(frozen=True)
class Archive:
    """A packed tree."""

    path: Path
    #: sha256 of the archive itself; the same tree gives the same digest.
    sha256: str
    #: Paths of its files from the root, sorted.
    files: tuple[str, ...]


def allowed(path: PurePosixPath) -> bool:
    """Return whether a path, relative to the root, may leave the repository."""
    name = str(path)
    below = path.parts[1:] if path.parts[0] in STARTED_ELSEWHERE else path.parts
    if any(part.startswith(".") for part in below):
        return False
    if not any(_matches(name, pattern) for pattern in ALLOWED):
        return False
    return not any(_matches(name, pattern) for pattern in REFUSED)


def _matches(name: str, pattern: str) -> bool:
    if fnmatch(name, pattern):
        return True
    # fnmatch's * crosses slashes already; a leading **/ must also match at the root.
    return pattern.startswith("**/") and fnmatch(name, pattern.removeprefix("**/"))


def source(root: Path, name: str) -> Path:
    """Return the file whose bytes leave under a name: the students' version if there is one.
    Otherwise it is the root's file, or a file of a deep dive's package in its lesson's folder.
    """
    own = root / STUDENT / name
    return own if own.is_file() else checkout_path(name, root)


def student_files(root: Path) -> tuple[str, ...]:
    """Return the paths of the student's tree, sorted.

    Raises:
        ValueError: an allowed file holds a private key or an answer; the message names it.
    """
    names = []
    for name, path in _candidates(root):
        # A link could point outside the allow-list, so only plain files count.
        if path.is_symlink() or not path.is_file() or not allowed(PurePosixPath(name)):
            continue
        _refuse_secrets(source(root, name), name)
        names.append(name)
    return tuple(sorted(names, key=lambda name: PurePosixPath(name).parts))


def _candidates(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield what may leave: the name under which it would, and where it lies."""
    # Only where something is allowed: a checkout may hold an environment of a hundred thousand
    # files.
    for top in {pattern.split("/")[0] for pattern in ALLOWED}:
        for path in (root / top, *(root / top).rglob("*")):
            yield path.relative_to(root).as_posix(), path
    for id, package in deeper_packages(root).items():
        for path in package.rglob("*"):
            yield f"labs/deeper/{id}/{path.relative_to(package).as_posix()}", path


def _refuse_secrets(path: Path, name: str) -> None:
    texts = [
        ".py",
        ".ipynb",
        ".md",
        ".txt",
        ".toml",
        ".json",
        ".yaml",
        ".yml",
        ".sh",
        ".css",
        ".pem",
    ]
    if path.suffix and path.suffix not in texts:
        return
    # This file itself spells the words out.
    if name == "provisioning/node/archive.py":
        return
    if _FORBIDDEN_TEXT.search(path.read_text("utf-8", errors="replace")):
        raise ValueError(
            f"{name} holds a private key or an answer; move it out of the student's tree"
        )


def materials_files(root: Path, *, assets: bool) -> tuple[str, ...]:
    """Return what is copied to a machine: the pictures and models, or everything but those."""
    names = student_files(root)
    return tuple(name for name in names if name.startswith("assets/") == assets)


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive safely: all its files stay inside a folder.

    Raises:
        tarfile.TarError: An entry points outside, or is no file and no folder.
    """
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    for member in archive:  # Debian 12's Python 3.11.2 knows no filters
        path = PurePosixPath(member.name)
        is_plain = member.isfile() or member.isdir()
        if not is_plain or path.is_absolute() or ".." in path.parts:
            raise tarfile.ExtractError(
                f"{member.name!r} points outside the folder, or is no plain file"
            )
        archive.extract(member, folder)


def light_requirements(project: Path) -> str:
    """Return the archive's ``requirements.txt``: base packages, those for provisioning, and the
    course itself.
    """
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = table["optional-dependencies"]
    # The rehearsal as well, because 'Reserve a machine' causes failures, which is impossible on
    # Chameleon itself.
    wanted = table["dependencies"] + extras["provisioning"] + extras.get("rehearsal", [])
    lines = "".join(f"{requirement}\n" for requirement in sorted(wanted, key=str.lower))
    return _REQUIREMENTS + lines + _ITSELF


def assistants(root: Path) -> str:
    """Return the assignment's rules for an AI assistant in the students' folder."""
    folder = root / STUDENT / "assistants"
    if not folder.is_dir():  # packed from a student's own tree, to be copied to a machine
        return (root / "AGENTS.md").read_text(encoding="utf-8")
    own = root == PROJECT_DIR
    asked = assignment_for_leases() if own else assignment(root / "assignment.toml")
    allowed = asked.course.assistants
    return (folder / f"{allowed}.md").read_text(encoding="utf-8")


def pack(root: Path, target: Path, *, folder: str = "", date_s: int = _DATE_S) -> Archive:
    """Write the student's archive: the allowed files, and what Chameleon's Jupyter installs; in a
    folder if named.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    texts = {
        "requirements.txt": light_requirements(root / "pyproject.toml"),
        "AGENTS.md": assistants(root),
    }
    return build_archive(root, student_files(root), target, texts, folder=folder, date_s=date_s)


def build_archive(
    root: Path,
    files: Iterable[str],
    target: Path,
    texts: Mapping[str, str] | None = None,
    *,
    folder: str = "",
    date_s: int = _DATE_S,
) -> Archive:
    """Write a ``tar.gz`` of the files; the same tree and date give the same bytes wherever and
    whenever it is built.

    Generated texts, by path, replace files.
    """
    texts = texts or {}
    names = tuple(sorted({*files, *texts}))
    with (
        target.open("wb") as raw,
        # Neither the archive's own name nor the hour belongs into it.
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names:
            text = texts.get(name)
            content = source(root, name).read_bytes() if text is None else text.encode()
            entry = tarfile.TarInfo(str(PurePosixPath(folder, name)))
            entry.size = len(content)
            entry.mode = 0o755 if name.endswith(".sh") else 0o644
            entry.mtime = date_s
            tar.addfile(entry, io.BytesIO(content))
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Archive(target, digest, names)
