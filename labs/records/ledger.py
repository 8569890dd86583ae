"""The ledger: one JSON line an entry, only ever appended to, readable after a crash.

Several kernels may write at once: each entry goes out in a single locked write and is synced before
``append`` returns. A line that a crash cut short is skipped with a warning and never overwritten.
"""

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from labs.records.collection import Lookup, Records
from labs.records.record import ENTRY_TYPES, Entry, Measurement, Observation
from labs.workspace import workspace_dir

#: The schema.
SCHEMA_PATH = Path(__file__).with_name("schema.json")


def first_problem(entry: object) -> str:
    """Return the first way in which an entry does not fit the schema, or an empty text."""
    import fastjsonschema

    try:
        _validator()(entry)
    except fastjsonschema.JsonSchemaValueException as error:
        # A long message would print the whole list of samples.
        if len(error.message) >= 200:
            return f"{error.name} breaks the rule '{error.rule}'"
        return error.message
    return ""


@functools.lru_cache(maxsize=1)
def _validator() -> Callable[[object], object]:
    """Return a function that raises when an entry does not fit; the schema keeps to the words of
    draft 7.
    """
    import fastjsonschema  # late, since compiling costs what most commands need not pay

    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return fastjsonschema.compile(schema, use_default=False, use_formats=False)


class LedgerError(ValueError):
    """A ledger holds something that is not an entry."""


#: Seconds for which an entry waits until another kernel has written its own, which takes
#: milliseconds.
LOCK_WAIT_S = 20.0

_READ_ONLY = "this disk can only be read. Copy the course to a folder of your own and work there."
_NOT_YOURS = (
    "the file or its folder belongs to somebody else, or is write-protected (`ls -l` shows it)."
)
_NO_LOCKS = (
    "this file system offers no locks. Let SERVING_LABS_WORKSPACE name a folder on a local disk."
)
_HELD = (
    "another kernel holds it; perhaps that one is stopped in a debugger. Shut the other kernels "
    "down (Kernel → Shut Down All Kernels), then run the cell again."
)

#: Errors that prevent writing a ledger, by the system's number: the cause and the fix.
_REASONS: dict[int, str] = {
    errno.ENOSPC: "the disk is full. Make room, then run the cell again.",
    errno.EDQUOT: "your quota on this disk is used up. Make room, then run the cell again.",
    errno.EFBIG: "the file would grow beyond what this system allows (`ulimit -f`).",
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _NOT_YOURS,
    errno.EPERM: _NOT_YOURS,
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOTSUP: _NO_LOCKS,
    errno.EAGAIN: _HELD,
}


class LedgerWriteError(OSError):
    """An entry could not be written; the ledger's earlier content is unchanged."""

    def __init__(self, path: Path, cause: OSError) -> None:
        reason = _REASONS.get(cause.errno or 0, cause.strerror or "")
        super().__init__(cause.errno, f"Nothing was recorded in {path}: {reason}")

    def __str__(self) -> str:
        return str(self.strerror)

    def _render_traceback_(self) -> list[str]:
        """Return the sentence alone, because the fix is not in the code."""
        return [str(self)]


#: Hashes of lines that were found valid. Checking every sample against the schema takes longer than
#: reading the line, and lessons read the whole ledger at each check.
_FOUND_VALID: set[bytes] = set()


def parse_line(line: str) -> dict:
    """Return one ledger line as plain JSON values, checked against the schema.

    Raises:
        LedgerError: Not JSON, a number that JSON does not have (NaN, Infinity, 1e999), or not an
            entry.
    """
    try:
        values = json.loads(line, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"not a JSON line: {error}") from error
    digest = hashlib.sha256(line.encode(errors="surrogatepass")).digest()
    if digest not in _FOUND_VALID:
        if problem := first_problem(values):
            raise LedgerError(problem)
        _FOUND_VALID.add(digest)
    emulator = values.get("machine", {}).get("emulator")
    if values["type"] == Measurement.type and emulator:
        raise LedgerError(
            f"{values['option']}: this was run by {emulator}, which imitates the processor. Its "
            "results can be compared (labels, sizes), its times mean nothing, so it is never "
            "recorded. Measure on the device itself."
        )
    return values


class Ledger(Lookup):
    """An append-only file of measurements, predictions, answers and observations."""

    def __init__(self, path: str | Path) -> None:
        """Open the ledger at ``path``; the file is made by the first ``append``."""
        self.path = Path(path)

    def append(self, entry: Entry) -> Entry:
        """Write one entry, and return it once it is safely on disk.

        Raises:
            LedgerError: The entry does not fit the published schema; nothing is written.
            LedgerWriteError: The disk is full or can only be read, or another process has locked
                the ledger.
        """
        # Round-tripping through parse_line refuses NaN and anything the reader would refuse later.
        line = json.dumps(entry.to_json(), allow_nan=True, separators=(",", ":"))
        parse_line(line)
        self._write(lambda: [line])
        return entry

    def _write(self, choose: Callable[[], list[str]]) -> int:
        """Append the chosen lines while no other process writes, and return their number."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+", buffering=0) as file:
                _lock(file)  # until it is closed
                lines = choose()
                text = "".join(f"{line}\n" for line in lines)
                if lines and _ends_in_cut_line(file):
                    text = f"\n{text}"
                _append(file, text.encode())
        except OSError as error:
            raise LedgerWriteError(self.path, error) from error
        return len(lines)

    @staticmethod
    def lines_of(text: str) -> dict[str, str]:
        """Return a ledger's valid lines by their record's id, in their order; the others are left
        out.
        """
        by_id: dict[str, str] = {}
        for line in text.split("\n"):
            with contextlib.suppress(LedgerError):
                if line:
                    by_id.setdefault(parse_line(line)["record_id"], line)
        return by_id

    def lines(self) -> dict[str, str]:
        """Return this ledger's valid lines by their record's id."""
        if not self.path.exists():
            return {}
        return self.lines_of(self.path.read_text(encoding="utf-8", errors="replace"))

    def adopt(self, lines: Iterable[str]) -> int:
        """Add another ledger's valid lines, oldest first, whose ids this one has not, and return
        their number.
        """

        def new() -> list[str]:
            mine = self.lines()
            return [line for line in lines if json.loads(line)["record_id"] not in mine]

        return self._write(new)

    def observe(self, subject: str, seen: Mapping) -> dict:
        """Write down what was seen of the world, and return it for the notebook to show.

        Args:
            subject: The subject of the observation, such as 'model.lease'; checkpoints look it up
                by this name.

        Raises:
            LedgerError: It is no plain JSON; nothing is written.
        """
        try:
            observation = Observation(subject, dict(seen), datetime.now(UTC).isoformat())
            self.append(observation)
        except TypeError as error:
            raise LedgerError(
                f"{subject}: {error}; hand over texts, numbers, lists and dictionaries"
            ) from error
        return observation.seen

    def __repr__(self) -> str:
        """Return its path and a summary of its content."""
        return f"{self.path}: {super().__repr__()}"

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
                place = f"{self.path.name}, line {number}"
                warnings.warn(f"{place} is skipped: {error}", stacklevel=2)
                continue
            yield ENTRY_TYPES[values["type"]].from_json(values)

    def read(self) -> Records:
        """Return all readable entries; several questions then read the file once."""
        return Records(self)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number that JSON knows")
    return number


def _lock(file: BinaryIO) -> None:
    """Hold a file alone until it is closed.

    Raises:
        OSError: Somebody else has held it for ``LOCK_WAIT_S`` (EAGAIN), or there are no locks here.
    """
    until_s = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.02)


def _append(file: BinaryIO, content: bytes) -> None:
    """Write all of it to the end of a file and to the disk, or nothing."""
    size_bytes = file.seek(0, os.SEEK_END)
    left = memoryview(content)
    try:
        while left:
            written_bytes = file.write(left)
            left = left[written_bytes:]
        os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(size_bytes)
        raise


def _ends_in_cut_line(file) -> bool:
    file.seek(0, os.SEEK_END)
    if file.tell() == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def ledger() -> Ledger:
    """Return the student's ledger."""
    return Ledger(workspace_dir() / "ledger.jsonl")
