"""The allow-list: which files make up a submission. The collector and the grader read the same list."""

import re
from enum import StrEnum
from pathlib import PurePosixPath

from labs.course.lessons import Lesson
from labs.course.limits import Limits


class Kind(StrEnum):
    """What a file of a submission is."""

    #: A lesson's notebook, under its own name.
    NOTEBOOK = "notebook"
    LEDGER = "ledger"
    #: A model that the student made: ONNX or safetensors.
    MODEL = "model"
    #: A program or a configuration that the student wrote.
    PROGRAM = "program"


LEDGER_NAME = "ledger.jsonl"

#: Models carry plain names: no hidden files, no tricks with dots or other alphabets.
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,80}(\.[A-Za-z0-9_+-]{1,20}){0,2}\.(onnx|safetensors)")

#: Below a folder of this name: a path of plain names, none of them hidden, and of a kind that a lesson asks for.
_PROGRAMS = "programs"
_PROGRAM_NAME = re.compile(
    r"programs/((?!Dockerfile/)[A-Za-z0-9_][A-Za-z0-9_+-]{0,60}/){0,5}"
    r"([A-Za-z0-9_][A-Za-z0-9_+-]{0,60}\.(py|pbtxt|promql|toml|yaml|yml|json|txt)|Dockerfile)"
)

#: What browsers, desktops and Jupyter put behind the name of a second copy, and behind an ending that they do not know.
_COPY = re.compile(
    r"(?P<stem>.+?)(?:[ _]?\(\d{1,3}\)| ?- ?copy ?\d{0,3}|[ _]copy ?\d{0,3})*(?P<ending>\.(?:ipynb|jsonl|json))"
    r"(?:\.(?:txt|json))?",
    re.IGNORECASE,
)

#: A folder that a Mac's zips hold beside the files.
_NOT_THE_FILES = "__MACOSX"


def wanted_names(lessons: list[Lesson]) -> set[str]:
    """Return the names of the notebooks that belong to these lessons."""
    return {lesson.notebook.name for lesson in lessons}


def placed(name: str) -> str:
    """Return the name of a file in the grader's own folder, which is the one that it was given first.

    Programs keep their folders, everything else has none: a zip may have folders of its own around it. What was put
    behind the name of a notebook's or a ledger's copy is taken off (``11_x (1).ipynb``); models keep their difference.

    Args:
        name: Path inside the submission, with forward slashes.
    """
    parts = name.split("/")
    if _PROGRAMS in parts[:-1]:
        return "/".join(parts[parts.index(_PROGRAMS) :])
    copy = _COPY.fullmatch(parts[-1])
    return copy["stem"] + copy["ending"] if copy else re.sub(r"[ ()]+", "-", parts[-1])


def kind_of(name: str, notebooks: set[str]) -> Kind | None:
    """Return what a file is, or None when no submission needs it.

    Args:
        name: Path inside the submission, with forward slashes.
        notebooks: Names of the notebooks that are asked for.
    """
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == _NOT_THE_FILES for part in path.parts)
    if "\\" in name or "\0" in name or path.is_absolute() or hidden:
        return None
    short = placed(name)
    if short.startswith(f"{_PROGRAMS}/"):
        return Kind.PROGRAM if _PROGRAM_NAME.fullmatch(short) else None
    if short in notebooks:
        return Kind.NOTEBOOK
    if short == LEDGER_NAME:
        return Kind.LEDGER
    return Kind.MODEL if _MODEL_NAME.fullmatch(short) else None


def cap_bytes(kind: Kind, limits: Limits) -> int:
    """Return the most bytes that a file of this kind may have."""
    return {
        Kind.NOTEBOOK: limits.notebook_bytes,
        Kind.LEDGER: limits.ledger_bytes,
        Kind.MODEL: limits.model_bytes,
        Kind.PROGRAM: limits.program_bytes,
    }[kind]
