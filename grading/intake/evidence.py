"""The submitted ledger, line by line: what is evidence, and which lines were refused and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from grading.intake.limits import DEFAULT_LIMITS, Limits
from grading.intake.strict import StrictJsonError, loads
from labs.results.ledger import validator

#: RefusedError lines that are named one by one; the rest is only counted.
_NAMED = 20


@dataclass
class Ledger:
    """What a ledger file held."""

    #: Entries that fit the published schema, as plain JSON, in the file's order.
    entries: list[dict] = field(default_factory=list)
    #: Line number and reason of the lines that do not.
    refused: list[tuple[int, str]] = field(default_factory=list)


def read_ledger(path: Path, limits: Limits = DEFAULT_LIMITS) -> Ledger:
    """Return the entries of a ledger file that was taken in already.

    Args:
        path: A regular file, not larger than the intake's cap.
        limits: Caps on lines and on what a line may hold.
    """
    found = Ledger()
    seen: set[str] = set()
    for number, line in enumerate(_lines(path), start=1):
        if number > limits.ledger_lines:
            found.refused.append((number, f"only the first {limits.ledger_lines} lines are read"))
            break
        if not line.strip():
            continue
        try:
            entry = read_entry(line, limits)
            if entry["record_id"] in seen:
                raise StrictJsonError("an entry with this record_id stands above already; the first one counts")
        except StrictJsonError as error:
            if len(found.refused) < _NAMED:
                found.refused.append((number, str(error)))
            continue
        seen.add(entry["record_id"])
        found.entries.append(entry)
    return found


def read_entry(line: bytes, limits: Limits = DEFAULT_LIMITS) -> dict:
    """Return one line as an entry that fits the schema.

    Raises:
        StrictJsonError: It does not; the message names the first fault.
    """
    if len(line) > limits.line_bytes:
        raise StrictJsonError(f"the line has {len(line)} bytes; {limits.line_bytes} are the most")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise StrictJsonError("the line is not UTF-8 text") from None
    entry = loads(text, limits)
    if not isinstance(entry, dict):
        raise StrictJsonError(f"an entry is a JSON object, and this is a {type(entry).__name__}")
    problem = next(iter(validator().iter_errors(_with_few_samples(entry))), None)
    if problem is not None:
        where = "/".join(str(part) for part in problem.absolute_path) or "the entry"
        message = problem.message if len(problem.message) < 160 else f"breaks the rule '{problem.validator}'"
        raise StrictJsonError(f"{where}: {message}")
    if entry["type"] == "measurement" and entry["machine"].get("emulator"):
        raise StrictJsonError("an emulated processor's times say nothing about a real one")
    return entry


def _with_few_samples(entry: dict) -> dict:
    """Return the entry with one of its samples, after all of them were looked at here.

    The schema's validator walks through a list in Python: thousands of samples would take it seconds.
    """
    samples = entry.get("samples")
    if not isinstance(samples, list) or not samples:
        return entry
    kinds = set(map(type, samples))
    if kinds - {int, float}:
        raise StrictJsonError(f"samples: numbers are wanted, not {', '.join(sorted(k.__name__ for k in kinds))}")
    if len(samples) > 200_000 or float(np.min(samples)) < 0:
        raise StrictJsonError("samples: at most 200000 numbers, none below 0")
    return {**entry, "samples": samples[:1]}


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")
