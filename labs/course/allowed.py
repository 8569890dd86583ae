"""The allow-list: which files make up a submission. The collector and the grader read the same
list.
"""

import re
from enum import StrEnum
from pathlib import PurePosixPath

from labs.course.limits import IntakeLimits


class Kind(StrEnum):
    """The kind of a file of a submission."""

    #: For people who read along; no point rests on one.
    NOTEBOOK = "notebook"
    LEDGER = "ledger"
    #: A model that the student made: ONNX or safetensors.
    MODEL = "model"
    #: A program or a configuration that the student wrote.
    PROGRAM = "program"


LEDGER_NAME = "ledger.jsonl"

#: Models carry plain names: no hidden files, no tricks with dots or other alphabets.
_MODEL_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_+-]{0,80}(\.[A-Za-z0-9_+-]{1,20}){0,2}\.(onnx|safetensors)"
)

#: Below a folder of this name: a path of plain names, none of them hidden, and of a kind that a
#: lesson asks for.
_PROGRAMS = "programs"
_PROGRAM_NAME = re.compile(
    r"programs/([A-Za-z0-9_][A-Za-z0-9_+-]{0,60}/){0,5}"
    r"[A-Za-z0-9_][A-Za-z0-9_+-]{0,60}\.(py|pbtxt|promql|toml|yaml|yml|json|txt)"
)

#: Browsers, desktops, platforms and people put words around a file's name, and an ending behind one
#: that they do not know: `Copy of ledger.jsonl`, `ledger - Kopie.jsonl`, `ada_ledger-1.jsonl.txt`.
_LEDGER_NAME = re.compile(r".*ledger.*\.jsonl(\.(txt|json))?", re.IGNORECASE)
_NOTEBOOK_NAME = re.compile(r".*\.ipynb(\.(txt|json))?", re.IGNORECASE)

#: A folder that a Mac's zips hold beside the files.
_NOT_THE_FILES = "__MACOSX"


def placed(name: str) -> str:
    """Return a file's name in the grader's own folder: its original name.

    Programs keep their folders. Other files lose them, because a zip may add folders around
    everything. A ledger has one name, without prefixes and suffixes. Models keep different names;
    the grader identifies them by their hashes.
    """
    parts = name.split("/")
    if _PROGRAMS in parts[:-1]:
        return "/".join(parts[parts.index(_PROGRAMS) :])
    if _LEDGER_NAME.fullmatch(parts[-1]):
        return LEDGER_NAME
    plain = re.sub(r"[ ()]+", "-", parts[-1])
    stem, dot, ending = plain.rpartition(".")
    return f"{stem}{dot}{ending.lower()}"


def kind_of(name: str) -> Kind | None:
    """Return what a submission's file is, by its path with slashes; None if no lesson needs it."""
    path = PurePosixPath(name)
    is_hidden = any(part.startswith(".") for part in path.parts)
    if is_hidden or _NOT_THE_FILES in path.parts:
        return None
    if path.is_absolute() or "\\" in name or "\0" in name:
        return None
    short = placed(name)
    if short.startswith(f"{_PROGRAMS}/"):
        return Kind.PROGRAM if _PROGRAM_NAME.fullmatch(short) else None
    if _NOTEBOOK_NAME.fullmatch(short):
        return Kind.NOTEBOOK
    if short == LEDGER_NAME:
        return Kind.LEDGER
    return Kind.MODEL if _MODEL_NAME.fullmatch(short) else None


def cap_bytes(kind: Kind, limits: IntakeLimits) -> int:
    """Return the most bytes that a file of this kind may have."""
    return {
        Kind.LEDGER: limits.ledger_bytes,
        Kind.MODEL: limits.model_bytes,
        Kind.PROGRAM: limits.program_bytes,
    }[kind]
