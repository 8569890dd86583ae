"""Read the submitted ledger line by line: return the evidence, and the refused lines with
reasons.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from grading.grade.intake.sources import encoding_of
from labs.course.limits import DEFAULT_LIMITS, IntakeLimits
from labs.records.ledger import first_problem
from labs.records.record import ENTRY_TYPES
from labs.records.strict import StrictJsonError, loads

#: Refused lines that are named one by one; the rest is only counted.
_NAMED = 20

#: Why a part of a ledger was left, and how to go on.
TOO_LONG = (
    "since the ledger holds more than is read at once: move the lines of an earlier pass, which "
    "stand at its beginning, into another file, and hand in again"
)


@dataclass
class LedgerContents:
    """The content of a ledger file."""

    #: Entries that fit the published schema, as plain JSON, in the file's order.
    entries: list[dict] = field(default_factory=list)
    #: Line number and reason of the lines that do not.
    refused: list[tuple[int, str]] = field(default_factory=list)


def read_ledger(path: Path, limits: IntakeLimits = DEFAULT_LIMITS) -> LedgerContents:
    """Return the entries of a ledger file that was taken in already."""
    ledger = LedgerContents()
    seen: set[str] = set()
    left_bytes = limits.ledger_memory_bytes
    lines = enumerate(_lines(path), start=1)
    for number, line in lines:
        left_bytes -= _memory_bytes(line)
        if left_bytes < 0:
            last = max((later for later, _ in lines), default=number)
            why = f"lines {number} to {last} were left, {TOO_LONG}"
            ledger.refused.append((number, why))
            break
        if not line.strip():
            continue
        try:
            entry = read_entry(line, limits)
            if entry["record_id"] in seen:
                raise StrictJsonError("an earlier entry has this record_id; the first one counts")
        except StrictJsonError as error:
            if len(ledger.refused) < _NAMED:
                ledger.refused.append((number, str(error)))
            continue
        seen.add(entry["record_id"])
        ledger.entries.append(entry)
    return ledger


def _memory_bytes(line: bytes) -> int:
    """Return the most memory that a line needs, long texts excluded: an object for each comma and
    bracket.
    """
    objects = line.count(b",") + line.count(b"[") + line.count(b"{")
    return 4_096 + len(line) + 64 * objects


def read_entry(line: bytes, limits: IntakeLimits = DEFAULT_LIMITS) -> dict:
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
    entry = loads(text)
    if not isinstance(entry, dict):
        raise StrictJsonError(f"an entry is a JSON object, and this is a {type(entry).__name__}")
    if problem := first_problem(_in_short(entry)):
        raise StrictJsonError(problem)
    _have_a_meaning(entry)
    if entry["type"] == "measurement" and entry["machine"].get("emulator"):
        raise StrictJsonError("an emulated processor's times say nothing about a real one")
    return entry


def _have_a_meaning(entry: dict) -> None:
    """Raise for an invalid entry of valid form: the 30th of February, or a part that no typed
    record holds.
    """
    stamp = entry.get("started_at") or entry["made_at"]
    try:
        # A pattern allows every script's digits; a date allows only ASCII.
        datetime.fromisoformat(stamp.encode("ascii").decode())
    except ValueError:
        raise StrictJsonError(f"{stamp!r} is no date and time") from None
    try:
        ENTRY_TYPES[entry["type"]].from_json(entry)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StrictJsonError(f"no {entry['type']} that the course reads: {error}") from None


def _in_short(value: object) -> object:
    """Return a value whose long lists hold one item for all, after all of them were looked at here.

    The schema's validator walks through a list in Python: thousands of samples would take it
    seconds. A list is cut when its items are numbers, none below 0, or objects of the same form
    with such numbers; any other one stays whole.
    """
    if isinstance(value, dict):
        # A call for each of an entry's numbers and words would take most of the time.
        short = dict(value)
        for name, part in value.items():
            if isinstance(part, dict | list):
                short[name] = _in_short(part)
        return short
    if not isinstance(value, list):
        return value
    if len(value) > _MOST_ITEMS:
        raise StrictJsonError(f"a list of {len(value)} items; {_MOST_ITEMS} are the most")
    if len(value) <= _FEW:
        return [_in_short(part) for part in value]
    if _are_alike(value):
        return value[:1]
    if len(value) > _MOST_ODD:
        raise StrictJsonError(
            f"a list of {len(value)} items that are not numbers of one kind, 0 or more"
        )
    return value


#: Lists up to this length are left to the validator.
_FEW = 32

#: Items of one list; the largest that the schema knows has as many samples.
_MOST_ITEMS = 200_000

#: Items of a list that are no plain numbers: classes of pictures and names of layers are far fewer.
_MOST_ODD = 5_000


def _are_alike(items: list) -> bool:
    """Return whether items are numbers, none below 0, or objects of the same form with such."""
    if not isinstance(items[0], dict):
        return _are_numbers(items)
    forms = {tuple(item) if isinstance(item, dict) else () for item in items}
    if len(forms) > 1:
        return False
    (names,) = forms
    columns = ([item[name] for item in items] for name in names)
    return all(map(_are_numbers, columns))


def _are_numbers(values: list) -> bool:
    """Return whether all values are plain numbers, none below 0."""
    types = set(map(type, values))
    return types <= {int, float} and min(values) >= 0


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines as UTF-8, whatever an editor has made of the file."""
    encoding = encoding_of(path)
    if encoding != "utf-8-sig":
        with path.open(encoding=encoding, errors="replace", newline="\n") as text:
            yield from (line.rstrip("\r\n").encode(errors="replace") for line in text)
        return
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number == 0:
                line = line.removeprefix(codecs.BOM_UTF8)
            yield line.rstrip(b"\r\n")
