"""Find and pack a part's files: notebooks, programs, the ledger, and the models that the ledger
names.

The zip has the same bytes for the same files.
"""

import hashlib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from labs.course.allowed import LEDGER_NAME, Kind, kind_of
from labs.course.lessons import Lesson
from labs.course.limits import DEFAULT_LIMITS
from labs.course.question import SUBJECT, handed_over, of_lesson
from labs.records import Ledger, Records


@dataclass
class Collection:
    """The paths of a submission's files, and the missing ones."""

    lessons: list[Lesson]
    #: Files by the name that they have in the zip.
    files: dict[str, Path] = field(default_factory=dict)
    #: Sentences about what is missing.
    missing: list[str] = field(default_factory=list)


def collect(lessons: list[Lesson], workspace: Path) -> Collection:
    """Return the files of a part, by the grader's allow-list.

    It takes a model if an accuracy or size record, or a question's check, names its sha256, because
    a claim depends on these models. A lesson's many intermediate models are left out.
    """
    collection = Collection(lessons)
    for lesson in lessons:
        if lesson.notebook.is_file():
            collection.files[lesson.notebook.name] = lesson.notebook
        else:
            collection.missing.append(f"{lesson.notebook.name} is not in {lesson.notebook.parent}")
    for path in sorted((workspace / "programs").rglob("*")):
        name = path.relative_to(workspace).as_posix()
        if kind_of(name) == Kind.PROGRAM and _is_taken(path, DEFAULT_LIMITS.program_bytes):
            collection.files[name] = path
    ledger = collection.files[LEDGER_NAME] = workspace / LEDGER_NAME
    _models(collection, Ledger(ledger).read(), workspace / "models")
    return collection


def _is_taken(path: Path, limit_bytes: int) -> bool:
    """Return whether it is a file that may be handed in, not larger than the grader takes."""
    if path.is_symlink() or not path.is_file():
        return False
    return path.stat().st_size <= limit_bytes


def _models(packed: Collection, records: Records, folder: Path) -> None:
    """Add the models that records and checks name; say which are gone or have changed since."""
    models = _models_by_sha256(folder)
    for sha256, name in _cited(packed.lessons, records).items():
        if not name.endswith((".onnx", ".safetensors")):
            continue
        if sha256 in models:
            packed.files[models[sha256].name] = models[sha256]
        elif name.endswith(".safetensors") and not (folder / name).exists():
            continue  # the course's own weights, which the grader has
        elif (folder / name).is_file():
            packed.missing.append(
                f"{name} has changed since it was measured: measure it again, or make it again "
                "from its lesson"
            )
        else:
            packed.missing.append(f"{name} was measured, and is not in {folder} any more")


def _cited(lessons: list[Lesson], records: Records) -> dict[str, str]:
    """Return the names of the models that records and checks name, by their sha256."""
    names: dict[str, str] = {}
    for record in records.measurements():
        if record.kind in ("accuracy", "size"):
            names[record.model.sha256] = record.model.name
    for lesson in lessons:
        for question in of_lesson(lesson.id):
            if question.kind != "file" or not question.opened:
                continue
            handed = handed_over(records.seen(SUBJECT + question.id) or {})
            for name, file in handed.items():
                if "sha256" in file:
                    names[file["sha256"]] = name
    return names


def _models_by_sha256(folder: Path) -> dict[str, Path]:
    """Return the folder's models that can be handed in; of two with the same bytes, the first."""
    models: dict[str, Path] = {}
    if not folder.is_dir():
        return models
    for path in sorted(folder.iterdir()):
        if kind_of(path.name) == Kind.MODEL and _is_taken(path, DEFAULT_LIMITS.model_bytes):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            models.setdefault(digest, path)
    return models


def pack(collection: Collection, target: Path) -> str:
    """Write a submission, in place of an earlier one, and return its sha256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in sorted(collection.files.items()):
            member = zipfile.ZipInfo(name)  # with a zip's first day
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o100644 << 16  # a regular file that its owner may change
            archive.writestr(member, path.read_bytes())
    partial.replace(target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
