"""Files and machines: sizes are the files' own, a hash means one file, an accuracy is what its pictures add up to.

A run has one machine.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator

from grading.checkpoints.artefacts import SUBJECT
from grading.grade.contradictions.finding import Finding, impossible, named

#: What an accuracy record calls the course's evaluation pictures.
EVALUATION = "food11-mini/evaluation"

#: Their classes, 0 to 10, in the split's order: sixty of each.
EVALUATION_LABELS = tuple(label for label in range(11) for _ in range(60))

#: Files that an honest ledger may describe before it has timed as many: the first lesson with a server asks for four.
_DESCRIBED_FIRST = 4


def size_is_the_files(records: list[dict]) -> Iterator[Finding]:
    """Yield size records that disagree with the file that they name."""
    for record in records:
        if record["kind"] == "size" and record["samples"][-1] != record["model"]["size_bytes"]:
            message = f"The {named(record)} says {record['samples'][-1]:.0f} bytes, and its file has "
            yield impossible("size-not-the-files", message + f"{record['model']['size_bytes']}.", record)


def hash_means_one_file(records: list[dict]) -> Iterator[Finding]:
    """Yield records that give one hash two sizes: the later ones cannot be true."""
    sizes: dict[str, int] = {}
    for record in records:
        sha256, size_bytes = record["model"]["sha256"], record["model"]["size_bytes"]
        # A hash of nothing but one digit was typed.
        if sizes.setdefault(sha256, size_bytes) != size_bytes or len(set(sha256)) < 6:
            message = f"The {named(record)} names a file whose hash and size do not belong together."
            yield impossible("hash-not-the-files", message, record)


def accuracy_adds_up(records: list[dict]) -> Iterator[Finding]:
    """Yield accuracy records whose samples are not what their classes and labels give, picture by picture."""
    for record in records:
        if record["kind"] != "accuracy":
            continue
        predicted, labels = (record["details"].get(name) for name in ("predicted", "labels"))
        sound = isinstance(predicted, list) and isinstance(labels, list) and len(predicted) == len(labels)
        if not sound or list(map(operator.eq, predicted, labels)) != record["samples"]:
            message = f"The {named(record)} does not follow from the classes that it holds."
            yield impossible("accuracy-not-its-classes", message, record)


def labels_are_the_splits(records: list[dict]) -> Iterator[Finding]:
    """Yield accuracy records on the course's evaluation pictures that hold other labels than these have."""
    for record in records:
        details = record["details"] if record["kind"] == "accuracy" else {}
        labels = details.get("labels")
        whole = (
            details.get("dataset") == EVALUATION and isinstance(labels, list) and len(labels) == len(EVALUATION_LABELS)
        )
        if whole and (other := sum(map(operator.ne, labels, EVALUATION_LABELS))):
            message = f"The {named(record)} counts {other} pictures under another class than theirs."
            yield impossible("labels-not-the-splits", message, record)


def one_machine_a_run(records: list[dict]) -> Iterator[Finding]:
    """Yield records of a side-by-side run that was not on one machine."""
    machines: dict[str, str] = {}
    for record in records:
        run, machine = record["details"].get("comparison_id"), record["machine"]["machine_id"]
        if isinstance(run, str) and machines.setdefault(run, machine) != machine:
            message = f"The {named(record)} took turns with an option on another machine, which nothing can."
            yield impossible("run-on-two-machines", message, record)


def files_were_measured(entries: list[dict]) -> Iterator[Finding]:
    """Yield what was seen of files in a ledger that timed next to nothing: the grader has only its word for them."""
    seen = [one for one in entries if one["type"] == "observation" and one["subject"].startswith(SUBJECT)]
    # A size or an accuracy is typed in a line. Whoever made the files timed most of them, in several ways each.
    timed = sum(one["type"] == "measurement" and one["kind"] not in ("size", "accuracy") for one in entries)
    described = len({one["subject"] for one in seen})
    if seen and timed < max(1, described - _DESCRIBED_FIRST):
        message = f"The ledger describes files of {described} questions and holds {timed or 'no'} measurements of time."
        yield impossible("files-never-measured", message, *seen)
