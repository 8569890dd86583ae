"""Copy the allow-list's files from a folder or a zip of unknown contents to a private folder."""

import hashlib
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import IO

from grading.grade.intake.ledger import TOO_LONG, LedgerContents, read_ledger
from grading.grade.intake.sources import HandInRefusedError, Source, open_source
from labs.course.allowed import Kind, cap_bytes, kind_of, placed
from labs.course.limits import DEFAULT_LIMITS, IntakeLimits

#: Notes of one sort that are written out; a submission of 10,000 odd files needs no 10,000 lines.
_NAMED = 20


@dataclass(frozen=True)
class Note:
    """Something about a submission that its student should know."""

    #: The file, or part of it, that it is about.
    about: str
    #: The action and its reason, in one sentence.
    message: str


@dataclass(frozen=True)
class Taken:
    """One file that was taken in: our own copy."""

    kind: Kind
    #: Its name; only a program has folders in it.
    name: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass
class Intake:
    """A submission after the intake: copies of its files, its evidence, and the excluded files."""

    #: Files that were taken in, by name.
    files: dict[str, Taken] = field(default_factory=dict)
    ledger: LedgerContents = field(default_factory=LedgerContents)
    notes: list[Note] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Taken]:
        """Return the files of a kind, by name."""
        files = [file for file in self.files.values() if file.kind == kind]
        return sorted(files, key=attrgetter("name"))

    @property
    def digest(self) -> str:
        """One sha256 over all names and contents: equal submissions have equal digests, whatever
        their order.
        """
        digest = hashlib.sha256()
        for name, file in sorted(self.files.items()):
            digest.update(f"{name}\0{file.sha256}\n".encode())
        return digest.hexdigest()


def take_in(submission: Path, into: Path, limits: IntakeLimits = DEFAULT_LIMITS) -> Intake:
    """Return a submission's evidence, with copies of its files in an empty folder of the grader's
    own.
    """
    intake = copy_in(submission, into, limits)
    ledgers = intake.of(Kind.LEDGER)
    if not ledgers:
        why = "Missing: without the ledger there is no evidence to judge."
        intake.notes.append(Note("ledger.jsonl", why))
        return intake
    intake.ledger = read_ledger(ledgers[0].path, limits)
    for number, why in intake.ledger.refused:
        intake.notes.append(Note(f"ledger.jsonl, line {number}", f"Not counted: {why}."))
    return intake


def copy_in(submission: Path, into: Path, limits: IntakeLimits = DEFAULT_LIMITS) -> Intake:
    """Return a submission's files, copied as ``take_in`` does, before any of them is read: enough
    for the digest.

    Notebooks are kept for people to read: no point depends on them.
    """
    intake = Intake()
    left = 0
    with open_source(submission, limits) as source:
        intake.notes += [Note("the submission", fault) for fault in source.faults]
        for name in sorted(source.files, key=_precedence):
            kind = kind_of(name)
            if kind is Kind.NOTEBOOK:
                continue
            if kind is None:
                left += 1
                if left <= _NAMED:
                    why = "No submission of this part needs this file: it was left."
                    intake.notes.append(Note(name[:200], why))
                continue
            _take(source, name, kind, into, intake, limits)
    if left > _NAMED:
        intake.notes.append(Note("other files", f"{left - _NAMED} more files were left."))
    return intake


def _precedence(name: str) -> tuple[bool, int]:
    """Sort a file under its own name before a copy of it, and one further out before one in a
    folder.
    """
    is_copy = not f"/{name}".endswith(f"/{placed(name)}")
    return is_copy, name.count("/")


def _take(
    source: Source, name: str, kind: Kind, into: Path, intake: Intake, limits: IntakeLimits
) -> None:
    short = placed(name)
    target = into / short
    try:
        if short in intake.files:
            raise HandInRefusedError(
                "A file of this name was taken already: only the first one counts."
            )
        most_of = {Kind.MODEL: limits.models, Kind.PROGRAM: limits.programs}.get(kind)
        if most_of is not None and len(intake.of(kind)) >= most_of:
            raise HandInRefusedError(f"More than {most_of} {kind}s: this one was left.")
        used_bytes = sum(file.size_bytes for file in intake.files.values())
        most_bytes = min(cap_bytes(kind, limits), limits.total_bytes - used_bytes)
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.files[name]() as file:
            size_bytes, sha256, is_cut = _copy(file, target, most_bytes, cut=kind == Kind.LEDGER)
    except HandInRefusedError as error:
        if short not in intake.files:
            target.unlink(missing_ok=True)
        intake.notes.append(Note(name[:200], str(error)))
        return
    if is_cut:
        why = f"Only its first {most_bytes / 1e6:.0f} MB were read, {TOO_LONG}."
        intake.notes.append(Note(name[:200], why))
    intake.files[short] = Taken(kind, short, target, size_bytes, sha256)


def _copy(file: IO[bytes], target: Path, most_bytes: int, *, cut: bool) -> tuple[int, str, bool]:
    """Copy at most a number of bytes, whatever size the file claims; return size, sha256, and
    whether it was cut.

    Raises:
        HandInRefusedError: There is more.
    """
    digest = hashlib.sha256()
    size_bytes = 0
    with target.open("xb") as copy:
        while block := file.read(1 << 20):
            if is_cut := size_bytes + len(block) > most_bytes:
                if not cut:
                    most_mb = most_bytes / 1e6
                    raise HandInRefusedError(
                        f"Larger than {most_mb:.0f} MB, the most that is read: it was left."
                    )
                block = block[: most_bytes - size_bytes]
            size_bytes += len(block)
            digest.update(block)
            copy.write(block)
            if is_cut:
                return size_bytes, digest.hexdigest(), True
    return size_bytes, digest.hexdigest(), False
