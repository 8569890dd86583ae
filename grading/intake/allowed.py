"""The allow-list: which files make up a submission. The collector and the grader read the same list."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath

from grading.intake.limits import Limits
from labs.course import Lesson


class Kind(StrEnum):
    """What a file of a submission is."""

    #: A lesson's notebook, under its own name.
    NOTEBOOK = "notebook"
    #: The student's ledger.
    LEDGER = "ledger"
    #: A model that the student made: ONNX or safetensors.
    MODEL = "model"
    #: A program or a configuration that the student wrote.
    PROGRAM = "program"
    #: The sha256s that the collector wrote down.
    MANIFEST = "manifest"


LEDGER_NAME = "ledger.jsonl"
MANIFEST_NAME = "manifest.json"

#: Models carry plain names: no hidden files, no folders, no tricks with dots or other alphabets.
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,80}(\.[A-Za-z0-9_+-]{1,20}){0,2}\.(onnx|safetensors)")

#: Below a folder of this name: a path of plain names, none of them hidden, and of a kind that a lesson asks for.
_PROGRAMS = "programs/"
_PROGRAM_NAME = re.compile(
    r"programs/((?!Dockerfile/)[A-Za-z0-9_][A-Za-z0-9_+-]{0,60}/){0,5}"
    r"([A-Za-z0-9_][A-Za-z0-9_+-]{0,60}\.(py|pbtxt|promql|toml|yaml|yml|json|txt)|Dockerfile)"
)

#: Folders in which files may lie; Gradescope keeps a zip's folders, and a student may have zipped the workspace itself.
_FOLDERS = frozenset({"", "models", "notebooks", "workspace", "workspace/models"})


def wanted_names(lessons: list[Lesson]) -> set[str]:
    """Return the names of the notebooks that belong to these lessons."""
    return {lesson.notebook.name for lesson in lessons}


def placed(name: str) -> str:
    """Return the name of a file in the grader's own folder: programs keep their folders, everything else has none.

    Args:
        name: Path inside the submission, with forward slashes.
    """
    below = name.removeprefix("workspace/")
    return below if below.startswith(_PROGRAMS) else name.rpartition("/")[2]


def kind_of(name: str, notebooks: set[str]) -> Kind | None:
    """Return what a file is, or None when no submission needs it.

    Args:
        name: Path inside the submission, with forward slashes.
        notebooks: Names of the notebooks that are asked for.
    """
    path = PurePosixPath(name)
    if "\\" in name or "\0" in name or path.is_absolute() or ".." in path.parts:
        return None
    if _PROGRAM_NAME.fullmatch(placed(name)):
        return Kind.PROGRAM
    folder = "" if str(path.parent) == "." else str(path.parent)
    if folder not in _FOLDERS and not re.fullmatch(r"notebooks/\d_[a-z]+", folder):
        return None
    if path.name in notebooks:
        return Kind.NOTEBOOK
    if path.name == LEDGER_NAME:
        return Kind.LEDGER
    if path.name == MANIFEST_NAME:
        return Kind.MANIFEST
    return Kind.MODEL if _MODEL_NAME.fullmatch(path.name) else None


def cap_bytes(kind: Kind, limits: Limits) -> int:
    """Return the most bytes that a file of this kind may have."""
    return {
        Kind.NOTEBOOK: limits.notebook_bytes,
        Kind.LEDGER: limits.ledger_bytes,
        Kind.MODEL: limits.model_bytes,
        Kind.PROGRAM: limits.program_bytes,
        Kind.MANIFEST: limits.manifest_bytes,
    }[kind]
