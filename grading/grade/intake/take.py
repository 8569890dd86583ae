"""From a folder or a zip of unknown contents to a private folder that holds only what the allow-list names."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grading.grade.intake.ledger import TOO_LONG, Ledger, read_ledger
from grading.grade.intake.sources import RefusedError, Source, open_source
from labs.course.allowed import Kind, cap_bytes, kind_of, placed
from labs.course.limits import DEFAULT_LIMITS, Limits

#: Notes of one sort that are written out; a submission of 10,000 odd files needs no 10,000 lines.
_NAMED = 20


@dataclass(frozen=True)
class Note:
    """Something about a submission that its student should know."""

    #: The file, or part of it, that it is about.
    about: str
    #: What was done and why, in one sentence.
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
    """A submission after the intake: copies of its files, its evidence, and what was left out."""

    #: Files that were taken in, by name.
    files: dict[str, Taken] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    notes: list[Note] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Taken]:
        """Return the files of a kind, by name."""
        return [self.files[name] for name in sorted(self.files) if self.files[name].kind == kind]

    @property
    def digest(self) -> str:
        """One sha256 over all names and contents: equal submissions have equal digests, whatever their order."""
        lines = "".join(f"{name}\0{self.files[name].sha256}\n" for name in sorted(self.files))
        return hashlib.sha256(lines.encode()).hexdigest()


def take_in(submission: Path, into: Path, limits: Limits = DEFAULT_LIMITS) -> Intake:
    """Return a submission's evidence, with copies of its files in an empty folder of the grader's own."""
    found = copy_in(submission, into, limits)
    if ledgers := found.of(Kind.LEDGER):
        found.ledger = read_ledger(ledgers[0].path, limits)
        found.notes += [
            Note(f"ledger.jsonl, line {n}", f"Not counted: {why}.")
            for n, why in found.ledger.refused
        ]
    else:
        found.notes.append(
            Note("ledger.jsonl", "Missing: without the ledger there is no evidence to judge.")
        )
    return found


def copy_in(submission: Path, into: Path, limits: Limits = DEFAULT_LIMITS) -> Intake:
    """Return a submission's files, copied as ``take_in`` does, before any of them is read: enough for the digest.

    Notebooks stay where they are, for people: nothing in them decides about a point.
    """
    found = Intake()
    left = 0
    with open_source(submission, limits) as source:
        found.notes += [Note("the submission", fault) for fault in source.faults]
        # A file under its own name before a copy of it, and one further out before one in a folder.
        for name in sorted(
            source.files,
            key=lambda name: (not f"/{name}".endswith(f"/{placed(name)}"), name.count("/")),
        ):
            kind = kind_of(name)
            if kind is Kind.NOTEBOOK:
                continue
            if kind is None:
                left += 1
                if left <= _NAMED:
                    found.notes.append(
                        Note(name[:200], "No submission of this part needs this file: it was left.")
                    )
                continue
            _take(source, name, kind, into, found, limits)
    if left > _NAMED:
        found.notes.append(Note("other files", f"{left - _NAMED} more files were left."))
    return found


def _take(source: Source, name: str, kind: Kind, into: Path, found: Intake, limits: Limits) -> None:
    short = placed(name)
    try:
        if short in found.files:
            raise RefusedError("A file of this name was taken already: only the first one counts.")
        most_of = {Kind.MODEL: limits.models, Kind.PROGRAM: limits.programs}.get(kind)
        if most_of is not None and len(found.of(kind)) >= most_of:
            raise RefusedError(f"More than {most_of} {kind}s: this one was left.")
        used = sum(one.size_bytes for one in found.files.values())
        most = min(cap_bytes(kind, limits), limits.total_bytes - used)
        (into / short).parent.mkdir(parents=True, exist_ok=True)
        with source.files[name]() as file:
            size_bytes, sha256, is_cut = _copy(file, into / short, most, cut=kind == Kind.LEDGER)
    except RefusedError as error:
        (into / short).unlink(missing_ok=True) if short not in found.files else None
        found.notes.append(Note(name[:200], str(error)))
        return
    if is_cut:
        found.notes.append(
            Note(name[:200], f"Only its first {most / 1e6:.0f} MB were read, {TOO_LONG}.")
        )
    found.files[short] = Taken(kind, short, into / short, size_bytes, sha256)


def _copy(file: IO[bytes], target: Path, most_bytes: int, *, cut: bool) -> tuple[int, str, bool]:
    """Copy at most so many bytes, whatever the file claims to have; return size, sha256, and whether it was cut.

    Raises:
        RefusedError: There is more.
    """
    digest, size_bytes = hashlib.sha256(), 0
    with target.open("xb") as copy:
        while block := file.read(1 << 20):
            if is_cut := size_bytes + len(block) > most_bytes:
                if not cut:
                    raise RefusedError(
                        f"Larger than {most_bytes / 1e6:.0f} MB, the most that is read: it was left."
                    )
                block = block[: most_bytes - size_bytes]
            size_bytes += len(block)
            digest.update(block)
            copy.write(block)
            if is_cut:
                return size_bytes, digest.hexdigest(), True
    return size_bytes, digest.hexdigest(), False
