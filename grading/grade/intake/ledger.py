"""The submitted ledger, line by line: what is evidence, and which lines were refused and why."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from grading.grade.intake.limits import DEFAULT_LIMITS, Limits
from grading.grade.intake.strict import StrictJsonError, loads
from labs.records.ledger import first_problem
from labs.records.record import ENTRY_TYPES

#: RefusedError lines that are named one by one; the rest is only counted.
_NAMED = 20


#: Why a part of a ledger was left, and how to go on.
TOO_LONG = (
    "since the ledger holds more than is read at once: move the lines of an earlier pass, which stand at its "
    "beginning, into another file, and hand in again"
)


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
    left_bytes = limits.ledger_memory_bytes
    lines = enumerate(_lines(path), start=1)
    for number, line in lines:
        left_bytes -= _memory_bytes(line)
        if left_bytes < 0:
            last = max((later for later, _ in lines), default=number)
            found.refused.append((number, f"lines {number} to {last} were left, {TOO_LONG}"))
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


def _memory_bytes(line: bytes) -> int:
    """Return what a line takes in memory at most, but for long texts: an object for each comma and bracket."""
    return 4_096 + len(line) + 64 * sum(map(line.count, (b",", b"[", b"{")))


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
    problem = first_problem(entry)
    if problem is not None:
        where = "/".join(str(part) for part in problem.absolute_path) or "the entry"
        message = problem.message if len(problem.message) < 160 else f"breaks the rule '{problem.validator}'"
        raise StrictJsonError(f"{where}: {message}")
    _have_a_meaning(entry)
    if entry["type"] == "measurement" and entry["machine"].get("emulator"):
        raise StrictJsonError("an emulated processor's times say nothing about a real one")
    return entry


def _have_a_meaning(entry: dict) -> None:
    """Raise for what has an entry's form and is none: the 30th of February, or a part that no typed record holds."""
    stamp = entry.get("started_at") or entry["made_at"]
    try:
        # A pattern's digits are anybody's; a date's are ours.
        datetime.fromisoformat(stamp.encode("ascii").decode())
    except ValueError:
        raise StrictJsonError(f"{stamp!r} is no date and time") from None
    try:
        ENTRY_TYPES[entry["type"]].from_json(entry)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StrictJsonError(f"no {entry['type']} that the course reads: {error}") from None


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines without their ends, and without the mark that an editor may put before the first."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            yield (line.removeprefix(codecs.BOM_UTF8) if number == 0 else line).rstrip(b"\r\n")
