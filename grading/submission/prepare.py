"""Everything about handing a part in that command and button share: collect, pack, look through the grader's eyes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from grading.checkpoints import as_records
from grading.grade.contradictions import examine
from grading.grade.intake import take_in
from grading.grade.result import Result, public_rows
from grading.submission.collect import collect, pack
from grading.submission.points import GRADERS_OWN, GradersOwn, Question, questions_of
from labs.course import Lesson, lessons
from labs.workspace import workspace_dir


@dataclass(frozen=True)
class Prepared:
    """A zip that is ready to be handed in, and what can be said about it."""

    #: The zip.
    path: Path
    #: Its sha256, to compare after an upload.
    sha256: str
    #: What the grader will find in it, in public: the same intake, the same rules, the same checkpoints.
    preview: Result
    #: Sentences about what is missing or left out.
    said: tuple[str, ...]
    #: Questions that a person will read the answers to.
    questions: tuple[Question, ...]
    #: Sentences about files that are missing: of what is said, what costs points.
    missing: tuple[str, ...] = ()
    #: Points that only the grader gives.
    own: GradersOwn = field(default_factory=GradersOwn)

    @property
    def lists(self) -> dict[str, list[str]]:
        """What else there is to say, by its heading."""
        found = {
            "Missing, or left out": list(self.said),
            "What does not fit together in your evidence": [str(one) for one in self.preview.findings],
            "To be answered by hand, where you hand in the zip": [
                f"{one.text} ({one.points} points)" for one in self.questions
            ],
        }
        return {title: lines for title, lines in found.items() if lines}

    @property
    def points_text(self) -> str:
        """Points of the public checks, and what comes on top."""
        public = f"{self.preview.points} of {self.preview.possible} public points"
        if not self.own.points:
            return f"{public}."
        kinds = ((self.own.files, "for your model files, measured again"), (self.own.again, "for cells run again"))
        named = ", ".join(f"{points} {kind}" for points, kind in kinds if points)
        return f"{public}. The grader gives up to {self.own.points} more that nothing here can foresee: {named}."

    @property
    def state_text(self) -> str:
        """Whether it can be handed in as it is, and what it would cost."""
        size_mb = self.path.stat().st_size / 1e6
        if not self.missing:
            return f"{self.path} ({size_mb:.1f} MB) is ready to be handed in."
        count = f"{len(self.missing)} {'file is' if len(self.missing) == 1 else 'files are'} missing"
        cost = f" The grader's {self.own.files} points for model files depend on them." if self.own.files else ""
        return f"{self.path} ({size_mb:.1f} MB) is written, and not complete: {count}.{cost}"


def prepare(part: int, *, target: Path | None = None, workspace: Path | None = None) -> Prepared:
    """Write a part's zip and return it with what the grader will find in it.

    Args:
        part: 1, 2 or 3.
        target: The zip; ``submission-part-N.zip`` in the workspace when None.
        workspace: Folder with ledger and models; the student's own when None.

    Raises:
        ValueError: There is no such part, or no folder of that name.
    """
    wanted = lessons(part=part)
    if not wanted:
        raise ValueError(f"there is no part {part}; the parts are {sorted({one.part for one in lessons()})}")
    if workspace is not None and not workspace.is_dir():
        # A slip in the path would else collect nothing, make the folder, and look like a success.
        raise ValueError(f"there is no folder {workspace}: your results are in {workspace_dir()} unless you moved them")
    workspace = workspace or workspace_dir()
    target = target or workspace / f"submission-part-{part}.zip"
    collection = collect(wanted, workspace)
    sha256 = pack(collection, target)
    found = preview(target, part, wanted)
    # The collector names what is not there with its folder; the intake would say the same with less.
    gone = {line.partition(" ")[0] for line in collection.missing}
    left = [f"{note.about}: {note.message}" for note in found.notes if note.about not in gone]
    said = (*collection.missing, *left)
    return Prepared(
        target, sha256, found, said, tuple(questions_of(part)), tuple(collection.missing), GRADERS_OWN[part]
    )


def preview(submission: Path, part: int, wanted: list[Lesson]) -> Result:
    """Return what the grader will say to a zip, as far as it can be said in public.

    Args:
        submission: The zip that ``pack`` wrote.
        part: Part of the course.
        wanted: Its lessons.
    """
    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        intake = take_in(submission, Path(folder), wanted)
        found = examine(intake.ledger.entries)
        rows = tuple(public_rows(as_records(found.kept), wanted))
        return Result("", part, intake.digest, rows, tuple(intake.notes), found.findings)
