"""Everything about handing a part in that command and button share: collect, pack, look through the grader's eyes."""

from dataclasses import dataclass, field
from pathlib import Path

from labs.course.assignment import assignment
from labs.course.points import GradersOwn, Question, graders_own, questions_of
from labs.course.question import Row, counted_rows, public_rows
from labs.records import Ledger
from labs.workspace import workspace_dir
from provisioning.front.collect import collect, pack


@dataclass(frozen=True)
class Prepared:
    """A zip that is ready to be handed in, and what can be said about it."""

    path: Path
    #: Its sha256, to compare after an upload.
    sha256: str
    #: The part's questions as they stand.
    rows: tuple[Row, ...]
    #: Questions that a person will read the answers to.
    questions: tuple[Question, ...]
    #: Sentences about files that are missing.
    missing: tuple[str, ...] = ()
    #: Points that only the grader gives.
    own: GradersOwn = field(default_factory=GradersOwn)

    @property
    def lists(self) -> dict[str, list[str]]:
        """What else there is to say, by its heading."""
        found = {
            "Missing": list(self.missing),
            "To be answered by hand, where you hand in the zip": [
                f"{one.text} ({one.points} points)" for one in self.questions
            ],
        }
        return {title: lines for title, lines in found.items() if lines}

    @property
    def points(self) -> int:
        """Points that the checks give now."""
        return sum(row.points for row in self.rows)

    @property
    def possible(self) -> int:
        """Points that the checks can give."""
        return sum(row.possible for row in self.rows)

    @property
    def points_text(self) -> str:
        """Points of the public checks, and what comes on top."""
        told = sum(row.possible for row in self.rows if not row.opened)
        public = f"{self.points} of {self.possible} public points, {told} of them for taking part"
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
        part: Of the assignment.
        target: The zip; ``submission-part-N.zip`` in the workspace when None.
        workspace: Folder with ledger and models; the student's own when None.

    Raises:
        ValueError: The assignment has no such part, or there is no folder of that name.
    """
    wanted = assignment().lessons(part)
    if workspace is not None and not workspace.is_dir():
        # A slip in the path would else collect nothing, make the folder, and look like a success.
        raise ValueError(f"there is no folder {workspace}: your results are in {workspace_dir()} unless you moved them")
    workspace = workspace or workspace_dir()
    target = target or workspace / f"submission-part-{part}.zip"
    collection = collect(wanted, workspace)
    sha256 = pack(collection, target)
    rows = counted_rows(public_rows(Ledger(workspace / "ledger.jsonl").read(), wanted), assignment().part(part))
    return Prepared(target, sha256, rows, tuple(questions_of(part)), tuple(collection.missing), graders_own(part))
