"""What belongs to a part, found and packed: notebooks, programs, the ledger, and the models that the ledger speaks of.

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
    """The files of a submission where they lie, and what is missing."""

    lessons: list[Lesson]
    #: Files by the name that they have in the zip.
    files: dict[str, Path] = field(default_factory=dict)
    #: Sentences about what is missing.
    missing: list[str] = field(default_factory=list)


def collect(lessons: list[Lesson], workspace: Path) -> Collection:
    """Return the files of a part, by the grader's allow-list.

    A model is taken when an accuracy or size record, or a question's check, names its sha256: those are the ones that a
    claim rests on, and the many that a lesson makes on its way stay home.
    """
    collection = Collection(lessons)
    for lesson in lessons:
        if lesson.notebook.is_file():
            collection.files[lesson.notebook.name] = lesson.notebook
        else:
            collection.missing.append(f"{lesson.notebook.name} is not in {lesson.notebook.parent}")
    for path in sorted((workspace / "programs").rglob("*")):
        name = path.relative_to(workspace).as_posix()
        regular = path.is_file() and not path.is_symlink()
        if (
            regular
            and kind_of(name) == Kind.PROGRAM
            and path.stat().st_size <= DEFAULT_LIMITS.program_bytes
        ):
            collection.files[name] = path
    ledger = collection.files[LEDGER_NAME] = workspace / LEDGER_NAME
    _models(collection, Ledger(ledger).read(), workspace / "models")
    return collection


def _models(packed: Collection, records: Records, folder: Path) -> None:
    """Add the models that records and checks name; say which of them are gone or have changed since."""
    measured = [record for record in records.measurements() if record.kind in ("accuracy", "size")]
    cited = {record.model.sha256: record.model.name for record in measured}
    for asked in (
        q
        for lesson in packed.lessons
        for q in of_lesson(lesson.id)
        if q.kind == "file" and q.opened
    ):
        handed = handed_over(records.seen(SUBJECT + asked.id) or {})
        cited |= {one["sha256"]: name for name, one in handed.items() if "sha256" in one}
    cited = {
        sha256: name for sha256, name in cited.items() if name.endswith((".onnx", ".safetensors"))
    }
    here: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        wanted = kind_of(path.name) == Kind.MODEL and path.is_file()
        if wanted and not path.is_symlink() and path.stat().st_size <= DEFAULT_LIMITS.model_bytes:
            with path.open("rb") as file:
                here.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), path)
    for sha256, name in cited.items():
        if sha256 in here:
            packed.files[here[sha256].name] = here[sha256]
        elif name.endswith(".safetensors") and not (folder / name).exists():
            continue  # the course's own weights, which the grader has
        elif (folder / name).is_file():
            packed.missing.append(
                f"{name} has changed since it was measured: measure it again, or make it again from its lesson"
            )
        else:
            packed.missing.append(f"{name} was measured, and is not in {folder} any more")


def pack(collection: Collection, target: Path) -> str:
    """Write a submission, in place of an earlier one, and return its sha256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in sorted(collection.files.items()):
            member = zipfile.ZipInfo(name)  # with a zip's first day
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(member, path.read_bytes())
    partial.replace(target)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
