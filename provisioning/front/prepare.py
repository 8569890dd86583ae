"""Everything about handing a part in that command and button share: collect, pack, look through the grader's eyes."""

from dataclasses import dataclass
from pathlib import Path

from labs.course.assignment import assignment
from labs.course.points import counted_rows, promised_rows
from labs.course.question import Row, public_rows
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
    #: Sentences about files that are missing.
    missing: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """Points that the checks promise now."""
        return sum(row.points for row in self.rows)

    @property
    def possible(self) -> float:
        """Points that the part's questions are worth."""
        return sum(row.possible for row in self.rows)

    @property
    def points_text(self) -> str:
        """Points by the student's own checks, and what the grader makes of them."""
        return (
            f"{self.points:g} of {self.possible:g} points by your own checks. The grader calls functions on other "
            "cases, and opens and measures files again: what holds there counts."
        )

    @property
    def state_text(self) -> str:
        """Whether it can be handed in as it is, and what it would cost."""
        size_mb = self.path.stat().st_size / 1e6
        if not self.missing:
            return f"{self.path} ({size_mb:.1f} MB) is ready to be handed in."
        count = f"{len(self.missing)} {'file is' if len(self.missing) == 1 else 'files are'} missing"
        cost = "what they are worth is lost until they are there"
        return f"{self.path} ({size_mb:.1f} MB) is written, and not complete: {count}, and {cost}."


def prepare(part: int, *, target: Path | None = None, workspace: Path | None = None) -> Prepared:
    """Write a part's zip and return it with what the grader will find in it.

    Args:
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
    public = public_rows(Ledger(workspace / "ledger.jsonl").read(), wanted)
    rows = counted_rows(promised_rows(public, assignment().changes), assignment().part(part))
    return Prepared(target, sha256, rows, tuple(collection.missing))
