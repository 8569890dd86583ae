"""The ledger: one JSON line an entry, only ever appended to, readable after a crash.

Several kernels may write at once: each entry goes out in a single locked write and is synced before ``append`` returns.
A line that a crash cut short is skipped with a warning and never overwritten.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from labs.records.collection import Lookup, Records
from labs.records.record import ENTRY_TYPES, Entry, Measurement, Observation
from labs.workspace import workspace_dir

if TYPE_CHECKING:
    import jsonschema
    from jsonschema.exceptions import ValidationError

#: The schema.
SCHEMA_PATH = Path(__file__).with_name("schema.json")


def first_problem(entry: object) -> ValidationError | None:
    """Return the first way in which an entry does not fit the schema, or None.

    Honest entries are only asked for a yes, by functions that the schema was compiled to: that takes a tenth of what
    looking for a fault does, and no second to import. Whatever they refuse is looked at for the words, and those have
    the last say.

    Args:
        entry: Plain JSON values.
    """
    if isinstance(entry, dict) and (fits := _compiled().get(str(entry.get("type")))):
        # All that fastjsonschema raises about an entry is a ValueError.
        with contextlib.suppress(ValueError):
            fits(entry)
            return None
    return next(validator().iter_errors(entry), None)


@functools.lru_cache(maxsize=1)
def validator() -> jsonschema.Draft202012Validator:
    """Return the validator that has the words for what is wrong."""
    # Imported on first use: with all that belongs to it, it takes a second.
    import jsonschema

    return jsonschema.Draft202012Validator(_schema())


@functools.lru_cache(maxsize=1)
def _compiled() -> dict[str, Callable[[dict], object]]:
    """Return, by type of entry, a function that raises when an entry does not fit.

    The schema's choice between types is made by the caller. It is written in the words that all drafts since 7 share.
    An execution provider's own environment does without fastjsonschema: there, the validator says yes too.
    """
    try:
        import fastjsonschema
    except ImportError:
        return {}
    definitions = _schema()["$defs"]
    return {
        name: fastjsonschema.compile({**definitions[name], "$defs": definitions}, use_default=False, use_formats=False)
        for name in _schema()["properties"]["type"]["enum"]
    }


@functools.lru_cache(maxsize=1)
def _schema() -> dict:
    return json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))


class LedgerError(ValueError):
    """A ledger holds something that is not an entry."""


class EmulatedMachineError(LedgerError):
    """A measurement under emulation was about to be kept as if a machine had made it."""


#: Hashes of lines that were found valid. Checking every sample against the schema takes longer than reading the line,
#: and lessons read the whole ledger at each check.
_FOUND_VALID: set[bytes] = set()


def parse_line(line: str) -> dict:
    """Return one ledger line as plain JSON values, checked against the schema.

    Raises:
        LedgerError: Not JSON, a number that JSON does not have (NaN, Infinity, 1e999), or not an entry.
    """
    try:
        values = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite_float)
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"not a JSON line: {error}") from error
    digest = hashlib.sha256(line.encode(errors="surrogatepass")).digest()
    problem = None if digest in _FOUND_VALID else first_problem(values)
    if problem is not None:
        where = "/".join(str(part) for part in problem.absolute_path) or "the entry"
        # A long message would print the whole list of samples.
        rule = f"{problem.validator}: {problem.validator_value!r} is not met"
        raise LedgerError(f"{where}: {problem.message if len(problem.message) < 200 else rule}")
    _refuse_emulated(values)
    _FOUND_VALID.add(digest)
    return values


def _refuse_emulated(values: dict) -> None:
    """Raise when a measurement comes from an emulated processor, whose times say nothing about a real one."""
    emulator = values.get("machine", {}).get("emulator")
    if values["type"] == Measurement.type and emulator:
        raise EmulatedMachineError(
            f"{values['option']}: this was run by {emulator}, which imitates the processor. Its results can be "
            "compared (labels, sizes), its times mean nothing, so it is never recorded. Measure on the device itself."
        )


@dataclass(frozen=True)
class Adopted:
    """What became of another ledger's entries."""

    #: Entries that were added.
    entries: int
    #: Entries that differ from the one of the same id here.
    conflicts: int
    #: Where those are kept.
    kept_in: Path


class Ledger(Lookup):
    """An append-only file of measurements, predictions, answers and observations."""

    def __init__(self, path: str | Path) -> None:
        """Open the ledger at ``path``; the file is made by the first ``append``."""
        self.path = Path(path)

    def append(self, entry: Entry) -> Entry:
        """Write one entry, and return it once it is safely on disk.

        Raises:
            LedgerError: The entry does not fit the published schema; nothing is written.
        """
        # Round-tripping through parse_line refuses NaN and anything the reader would refuse later.
        line = json.dumps(entry.to_json(), allow_nan=True, separators=(",", ":"))
        parse_line(line)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file, _locked(file):
            if _ends_in_cut_line(file):
                line = "\n" + line
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return entry

    @staticmethod
    def lines_of(text: str) -> dict[str, str]:
        """Return a ledger's valid lines by their record's id, in their order; the others are left out."""
        found: dict[str, str] = {}
        for line in text.split("\n"):
            with contextlib.suppress(LedgerError):
                if line:
                    found.setdefault(_identity(parse_line(line)), line)
        return found

    def lines(self) -> dict[str, str]:
        """Return this ledger's valid lines by their record's id."""
        return self.lines_of(self.path.read_text(encoding="utf-8", errors="replace")) if self.path.exists() else {}

    def adopt(self, lines: Iterable[str]) -> Adopted:
        """Add the entries of another ledger that this one has not; twice is the same as once.

        An entry whose id is known here with another content is kept beside the ledger, in a file of conflicts, and
        counts for nothing until somebody has looked at it.

        Args:
            lines: Valid lines (``lines_of``), oldest first.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        conflicts = self.path.with_name(f"{self.path.stem}.conflicts.jsonl")
        with self.path.open("ab+") as file, _locked(file):
            mine = self.lines()
            new, differing = [], []
            for line in lines:
                known = mine.get(_identity(json.loads(line)))
                if known is None:
                    new.append(line)
                elif json.loads(known) != json.loads(line):
                    differing.append(line)
            if new:
                cut = b"\n" if _ends_in_cut_line(file) else b""
                file.write(cut + "".join(f"{line}\n" for line in new).encode())
                file.flush()
                os.fsync(file.fileno())
            if differing:
                kept = set(conflicts.read_text("utf-8").split("\n")) if conflicts.exists() else set()
                with conflicts.open("a", encoding="utf-8") as other:
                    other.writelines(f"{line}\n" for line in differing if line not in kept)
        return Adopted(len(new), len(differing), conflicts)

    def observe(self, subject: str, seen: Mapping) -> dict:
        """Write down what was seen of the world, and return it for the notebook to show.

        Args:
            subject: What was looked at, such as 'model.lease'; checkpoints look it up by this name.
            seen: The facts as plain JSON.

        Raises:
            LedgerError: It is no plain JSON; nothing is written.
        """
        try:
            made = Observation(subject, dict(seen), datetime.now(UTC).isoformat())
            self.append(made)
        except TypeError as error:
            raise LedgerError(f"{subject}: {error}; hand over texts, numbers, lists and dictionaries") from error
        return made.seen

    def __iter__(self) -> Iterator[Entry]:
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                values = parse_line(line)
            except LedgerError as error:
                # One bad line must not hide the lessons' other results.
                warnings.warn(f"{self.path.name}, line {number} is skipped: {error}", stacklevel=2)
                continue
            yield ENTRY_TYPES[values["type"]].from_json(values)

    def read(self) -> Records:
        """Return all readable entries; several questions then read the file once."""
        return Records(self)


def _identity(values: Mapping) -> str:
    """Return the record's id; what it says where an earlier version of the course gave it none."""
    return values.get("record_id") or json.dumps(values, sort_keys=True)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON knows")


def _finite_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return number


def _ends_in_cut_line(file) -> bool:
    file.seek(0, os.SEEK_END)
    if file.tell() == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


@contextlib.contextmanager
def _locked(file) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: a single append is as good as it gets
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def ledger() -> Ledger:
    """Return the student's ledger."""
    return Ledger(workspace_dir() / "ledger.jsonl")
