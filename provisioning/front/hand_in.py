"""Handing a part in: collect, pack, look through the grader's eyes, and say what the student will
lose.
"""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from labs.course.assignment import assignment
from labs.course.lessons import PART_TITLES
from labs.course.points import promised_rows, sums_text
from labs.course.points_table import points_table
from labs.course.question import ResultRow, State, public_rows
from labs.records import Ledger, Records
from labs.shell import msl
from labs.workspace import workspace_dir
from provisioning.front.collect import collect, pack
from provisioning.front.words import POINTS_NOTE


@dataclass(frozen=True)
class Prepared:
    """A zip for the hand-in, and the facts about it."""

    path: Path
    #: Its sha256, to compare after an upload.
    sha256: str
    #: The part's questions that count, as they stand.
    rows: tuple[ResultRow, ...]
    #: Sentences about files that are missing.
    missing: tuple[str, ...] = ()

    @property
    def state_text(self) -> str:
        """Whether it can be handed in unchanged, and the points that it would lose."""
        size_mb = self.path.stat().st_size / 1e6
        if not self.missing:
            return f"{self.path} ({size_mb:.1f} MB) is ready to be handed in."
        count = (
            f"{len(self.missing)} {'file is' if len(self.missing) == 1 else 'files are'} missing"
        )
        cost = "what they are worth is lost until they are there"
        return f"{self.path} ({size_mb:.1f} MB) is written, and not complete: {count}, and {cost}."


def prepare(part: int, *, target: Path | None = None, workspace: Path | None = None) -> Prepared:
    """Write a part's zip and return it with its content as the grader will find it.

    Args:
        target: The zip; ``submission-part-N.zip`` in the workspace when None.
        workspace: Folder with ledger and models; the student's own when None.

    Raises:
        ValueError: The assignment has no such part, there is no folder of that name, or the student
            has not begun the part.
    """
    wanted = assignment().lessons(part)
    if workspace is not None and not workspace.is_dir():
        # A slip in the path would else collect nothing, make the folder, and look like a success.
        raise ValueError(
            f"there is no folder {workspace}: your results are in {workspace_dir()} unless you "
            "moved them"
        )
    workspace = workspace or workspace_dir()
    target = target or workspace / f"submission-part-{part}.zip"
    public = public_rows(Ledger(workspace / "ledger.jsonl").read(), wanted)
    if public == public_rows(Records(()), wanted):
        raise ValueError(
            f"{workspace} holds nothing of {PART_TITLES[part]}, so there is nothing to hand in "
            f"yet. Begin with `{msl(f'lab {wanted[0].id}')}`; if your results are in "
            "another folder, name it with --workspace."
        )
    rows = (
        row
        for row in promised_rows(public, assignment())
        if row.possible or row.state == State.VOID
    )
    collection = collect(wanted, workspace)
    sha256 = pack(collection, target)
    return Prepared(target, sha256, tuple(rows), tuple(collection.missing))


def submit(
    part: int, console: Console, *, target: Path | None = None, workspace: Path | None = None
) -> None:
    """Write a part's zip, in the workspace unless named, and print its content and the open
    questions.
    """
    prepared = prepare(part, target=target, workspace=workspace)
    points = f"{PART_TITLES[part]}: {sums_text(prepared.rows)} points"
    console.print(points_table(prepared.rows, points))
    if prepared.missing:
        console.print("\n[bold]Missing[/]")
    for line in prepared.missing:
        console.print(f"  • {line}", markup=False, highlight=False)
    console.print(f"\n{points}. {POINTS_NOTE}", markup=False, highlight=False)
    console.print(prepared.state_text, style="bold", markup=False, highlight=False, soft_wrap=True)
    console.print(f"sha256 {prepared.sha256}", style="dim")
    where = f"Upload the zip {assignment().course.hand_in_where}"
    console.print(where, style="bold", markup=False, highlight=False, soft_wrap=True)
