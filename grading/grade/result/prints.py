"""Hashes of the parts of a submission that a copy would share: enough to compare students, without
their work.
"""

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

#: Parts of a cell's text without effect on its behaviour.
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
    """Return hashes by kind: 'ids', 'records', 'texts', 'cells' and 'files'.

    Args:
        files: sha256s of the files that the student made.
        student: Whose name is taken out of texts.
        cells: Of functions, by question, where another answer than the newest counts.
    """
    records = [entry for entry in entries if entry["type"] == "measurement"]
    # The newest answer to a question counts.
    answers = {entry["question"]: entry["value"] for entry in entries if entry["type"] == "answer"}
    sources: dict[str, str] = {}
    texts: list[str] = []
    for question, value in answers.items():
        if _is_function(value):
            sources[question] = value["source"]
        else:
            texts += _texts(value)
    sources |= cells
    sources |= _programs(entries)
    words = [_plain_words(text, student) for text in texts]
    sample_texts = [json.dumps(samples) for samples in _clock_samples(records)]
    # With the question, since short functions of two questions may be the same.
    cell_hashes = [f"{name} {_hash(plain_source(source))}" for name, source in sources.items()]
    hashes = {
        "ids": _ids(records),
        "records": [_hash(text) for text in sample_texts],
        "texts": [_hash(text) for text in words if text],
        "cells": cell_hashes,
        "files": list(files),
    }
    return {name: list(dict.fromkeys(own)) for name, own in hashes.items()}


def _programs(entries: Iterable[dict]) -> dict[str, str]:
    """Return the texts of programs that were handed over, by question and name.

    Configurations that are right are the same by themselves.
    """
    programs = {}
    for entry in entries:
        if entry["type"] != "observation" or not entry["subject"].startswith(SUBJECT):
            continue
        for name, file in handed_over(entry["seen"]).items():
            text = file.get("text")
            if name.endswith(".py") and isinstance(text, str):
                programs[f"{entry['subject']} {name}"] = text
    return programs


def _ids(records: Sequence[dict]) -> list[str]:
    """Return the ids of records, and of the runs that compared options."""
    ids = [record["record_id"] for record in records]
    for record in records:
        run = record["details"].get("comparison_id")
        if isinstance(run, str):
            ids.append(run)
    return ids


def _clock_samples(records: Iterable[dict]) -> Iterator[list[float]]:
    """Yield a clock's samples, if there are enough of them to be unique to this run."""
    for record in records:
        is_timed = record["kind"] in ("latency", "throughput", "load")
        if is_timed and len(record["samples"]) >= _FEWEST_SAMPLES:
            yield record["samples"]


def plain_source(source: str) -> str:
    """Return a source without names, blanks, comments and docstrings: renaming makes no other
    function of it.
    """
    parts = []
    begins = True
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _UNSAID:
                begins = True
                continue
            if begins and token.type == tokenize.STRING:
                continue  # a text that stands alone does nothing
            is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
            parts.append("name" if is_name else token.string)
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
    """Return a text's words without the student's name; empty if there are too few for a
    comparison.
    """
    own = set(re.findall(r"\w+", student.lower()))
    words = [word for word in re.findall(r"\w+", text.lower()) if word not in own]
    return " ".join(words) if len(words) >= _FEWEST_WORDS else ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
