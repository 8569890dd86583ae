"""What of a submission would be the same in a copy, as hashes: what comparing students needs, and no student's work."""

import hashlib
import io
import json
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from labs.course.question import SUBJECT, handed_over

#: Samples of a record below which two may be the same by chance: sizes, a few load times.
_FEWEST_SAMPLES = 20

#: Words of an answer below which two students may well write the same.
_FEWEST_WORDS = 6

#: What a cell's text says without being part of what it does.
_UNSAID = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def prints(
    entries: Sequence[dict],
    files: Iterable[str],
    student: str,
    cells: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, list[str]]:
    """Return hashes by what they are of: 'ids', 'records', 'texts', 'cells' and 'files'.

    Args:
        files: sha256s of the files that the student made.
        student: Whose name is taken out of texts.
        cells: Of functions, by question, where another answer than the newest counts.
    """
    records = [entry for entry in entries if entry["type"] == "measurement"]
    runs = [record["details"].get("comparison_id") for record in records]
    # The newest answer to a question counts.
    answers = {entry["question"]: entry["value"] for entry in entries if entry["type"] == "answer"}
    sources = {name: value["source"] for name, value in answers.items() if _is_function(value)}
    sources |= dict(cells) | {
        f"{one['subject']} {name}": file["text"]
        for one in entries
        if one["type"] == "observation" and one["subject"].startswith(SUBJECT)
        for name, file in handed_over(one["seen"]).items()
        # Configurations that are right are the same by themselves.
        if name.endswith(".py") and isinstance(file.get("text"), str)
    }
    texts = [
        text for value in answers.values() if not _is_function(value) for text in _texts(value)
    ]
    found = {
        "ids": [
            *(record["record_id"] for record in records),
            *(run for run in runs if isinstance(run, str)),
        ],
        # A clock's samples, and enough of them that no other run has the same.
        "records": [
            _hash(json.dumps(one["samples"]))
            for one in records
            if one["kind"] in ("latency", "throughput", "load")
            and len(one["samples"]) >= _FEWEST_SAMPLES
        ],
        "texts": [_hash(words) for text in texts if (words := _plain_words(text, student))],
        # With the question, since short functions of two questions may be the same.
        "cells": [f"{name} {_hash(plain_source(source))}" for name, source in sources.items()],
        "files": list(files),
    }
    return {name: list(dict.fromkeys(hashes)) for name, hashes in found.items()}


def plain_source(source: str) -> str:
    """Return a source without names, blanks, comments and docstrings: renaming makes no other function of it."""
    parts, begins = [], True
    try:
        for one in tokenize.generate_tokens(io.StringIO(source).readline):
            if one.type in _UNSAID:
                begins = True
            elif not (
                begins and one.type == tokenize.STRING
            ):  # a text that stands alone does nothing
                is_name = one.type == tokenize.NAME and not keyword.iskeyword(one.string)
                parts.append("name" if is_name else one.string)
                begins = False
    except (tokenize.TokenError, SyntaxError, ValueError):
        return "".join(source.split())
    return " ".join(parts)


def _is_function(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("source"), str)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _plain_words(text: str, student: str) -> str:
    """Return a text's words without the student's name, or nothing where there are too few to tell."""
    own = set(re.findall(r"\w+", student.lower()))
    words = [word for word in re.findall(r"\w+", text.lower()) if word not in own]
    return " ".join(words) if len(words) >= _FEWEST_WORDS else ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
