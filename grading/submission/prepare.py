"""Everything about handing a part in that command and button share: collect, pack, look through the grader's eyes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grading.submission.by_hand import Question, questions_of
from grading.submission.collect import collect
from grading.submission.pack import pack
from grading.submission.preview import Preview, preview
from labs.course import lessons
from labs.workspace import workspace_dir


@dataclass(frozen=True)
class Prepared:
    """A zip that is ready to be handed in, and what can be said about it."""

    #: The zip.
    path: Path
    #: Its sha256, to compare after an upload.
    sha256: str
    #: What the grader will find in it, in public.
    preview: Preview
    #: Sentences about what is missing or left out.
    said: tuple[str, ...]
    #: Questions that a person will read the answers to.
    questions: tuple[Question, ...]


def prepare(part: int, *, target: Path | None = None, workspace: Path | None = None) -> Prepared:
    """Write a part's zip and return it with what the grader will find in it.

    Args:
        part: 1, 2 or 3.
        target: The zip; ``submission-part-N.zip`` in the workspace when None.
        workspace: Folder with ledger and models; the student's own when None.

    Raises:
        ValueError: There is no such part.
    """
    wanted = lessons(part=part)
    if not wanted:
        raise ValueError(f"there is no part {part}; the parts are {sorted({one.part for one in lessons()})}")
    workspace = workspace or workspace_dir()
    target = target or workspace / f"submission-part-{part}.zip"
    collection = collect(wanted, workspace)
    sha256 = pack(collection, part, target)
    found = preview(target, wanted)
    # The collector names what is not there with its folder; the intake would say the same with less.
    gone = {line.partition(" ")[0] for line in collection.missing}
    left = [f"{note.about}: {note.message}" for note in found.notes if note.about not in gone]
    return Prepared(target, sha256, found, (*collection.missing, *left), tuple(questions_of(part)))
