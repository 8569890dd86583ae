"""The first cell of every lesson, ``begin("12")``: is there what it takes, and after a restart, where do I go on?

What is missing is said with a link to the lesson that makes it. Answers, functions and measurements stand in the
ledger, files on the disk; the names that a restarted kernel has lost are made again by the cells of the saved notebook
that bind them (``again``), when a button is pressed: whoever runs all cells does nothing twice. Where machines are
leased, nothing that acts is done again at all: its cells are named.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from grading.checkpoints.again import Cell, Statement, cells_of, statements_of
from grading.checkpoints.again import again as needed
from grading.checkpoints.cards import Card
from grading.checkpoints.registry import Checkpoint, all_checkpoints
from grading.checkpoints.verdict import State
from labs.course import Lesson, lesson
from labs.records import Records
from labs.workspace import ledger, workspace_dir


class NotThereYetError(LookupError):
    """What the lesson takes from an earlier one is not there; the message names that lesson."""

    def _render_traceback_(self) -> list[str]:
        """Return one sentence: the card above it has the links."""
        return [str(self)]


def begin(number: str) -> None:
    """Say whether a lesson can begin, and where to go on in it; a button brings back what a restarted kernel has lost.

    Args:
        number: The lesson's, such as '12'.

    Raises:
        NotThereYetError: A file or a record of an earlier lesson is not there; shown as one sentence.
    """
    from IPython import get_ipython
    from IPython.display import display

    this, records = lesson(number), ledger().read()
    if absent := absences(this, records):
        away = ("Made at home? `msl lease push` brings it to a leased machine.",) if this.machine_minutes else ()
        text = f"Lesson {number} cannot begin yet"
        display(Card(text, text, State.MISSING_EVIDENCE, (*absent.values(), *away)))
        raise NotThereYetError(f"Make it first: {'; '.join(absent)}. Then run this cell again.")
    sentences = [_not_done(this, other) for other in not_begun(this, records)]
    path, shell = _path(this), get_ipython()
    cells = cells_of(json.loads(path.read_text(encoding="utf-8")))
    if shell is not None:
        shell.set_custom_exc((NameError,), _name_error(cells, path))
    button = None
    if begun(this, records):
        place = next_place(this, cells, records)
        lost = [] if place is None or shell is None else _lost(shell, this, cells, place, records)
        if lost:
            button = _button(lambda on_cell: _brought_back(shell, this, cells, lost, path, on_cell))
        on = "Every question of this lesson is answered."
        if place is not None:
            on = f"Go on here: {_cell_link(path, cells[place], _title(cells[place]))}."
        sentences.append(on)
    text = f"Lesson {number}: ready"
    display(Card(text, f"{number} {this.title}: ready", None, tuple(sentences)))
    if button is not None:
        display(button)


def absences(this: Lesson, records: Records) -> dict[str, str]:
    """Return what a lesson takes and does not find: a sentence for each in words, and with its link."""
    found = {}
    for number, things in this.takes.items():
        other = lesson(number)
        for thing in things:
            kind, _, option = thing.partition(" ")
            if option:
                there = any(one.kind == kind and one.option == option for one in records.measurements())
                words = f"a {kind} record of `{option}`"
            else:
                there, words = (workspace_dir() / thing).is_file(), f"`{Path(thing).name}`"
            if not there:
                plain = f"lesson {number} makes {words.replace('`', '')}"
                found[plain] = f"There is no {words.removeprefix('a ')} yet: {_link(this, other)} makes it."
    return found


def not_begun(this: Lesson, records: Records) -> list[Lesson]:
    """Return the lessons that this one builds on and that nothing was done in."""
    return [other for number in this.needs if not begun(other := lesson(number), records)]


def begun(this: Lesson, records: Records) -> bool:
    """Return whether anything of a lesson was predicted, answered or earned."""
    asked = [all_checkpoints()[id] for id in this.questions()]
    return any(one.verdict(records).state not in (State.UNANSWERED, State.MISSING_EVIDENCE) for one in asked) or any(
        records.predictions(one.id) or records.answer(one.id) is not None for one in asked
    )


def next_place(this: Lesson, cells: Sequence[Cell], records: Records) -> int | None:
    """Return the place of the first cell that a question still waits for; None where none does."""
    places = []
    for checkpoint in (all_checkpoints()[id] for id in this.questions()):
        state = checkpoint.verdict(records).state
        if state == State.PASSED or (state == State.FAILED and checkpoint.kind == "prediction"):
            continue  # a prediction that came too late stays as it is
        places.append(_place(checkpoint, cells, waits=state == State.MISSING_EVIDENCE))
    return min((place for place in places if place is not None), default=None)


def _place(checkpoint: Checkpoint, cells: Sequence[Cell], *, waits: bool) -> int | None:
    """Return where a question is answered, or, where its answer waits for a measurement, where that is made."""
    asked = [f'predicted("{checkpoint.id}"', f'check("{checkpoint.id}"'] if waits else []
    at = [place for text in asked for place, one in enumerate(cells) if one.is_code and text in one.source]
    at += [place for place, one in enumerate(cells) if one.checkpoint == checkpoint.id]
    at += [place for place, one in enumerate(cells) if one.is_code and f'check("{checkpoint.id}"' in one.source]
    return next(iter(at), None)


def _lost(shell: object, this: Lesson, cells: Sequence[Cell], place: int, records: Records) -> list[Statement]:
    """Return the statements whose names a cell needs; none where the kernel has them all."""
    written = {
        id: kept["source"]
        for id in this.questions()
        if all_checkpoints()[id].kind == "function" and isinstance(kept := records.answer(id), dict)
        if isinstance(kept.get("source"), str) and kept["source"]
    }
    statements = needed(cells, place, written)
    return [] if all(name in shell.user_ns for one in statements for name in one.binds) else statements


#: Told before each cell that runs again: its number, and how many there are.
OnCell = Callable[[int, int], None]


def _button(bring_back: Callable[[OnCell], list[str]]) -> object:
    """Return what brings back, once pressed, and says what it did."""
    import ipywidgets as widgets
    from IPython.display import display

    button = widgets.Button(
        description="Bring back what this kernel has lost",
        tooltip="Runs the cells above again whose names the next question needs, and no others",
        layout=widgets.Layout(width="auto", align_self="flex-start"),
    )
    said = widgets.Output()

    def on_cell(number: int, count: int) -> None:
        button.description = f"Running cell {number} of {count} again"

    def pressed(_button: object) -> None:
        button.disabled = True
        sentences = bring_back(on_cell)
        button.layout.display = "none"
        with said:
            display(Card(" ".join(sentences), "Brought back", None, tuple(sentences)))

    button.on_click(pressed)
    return widgets.VBox([button, said])


def _brought_back(
    shell: object, this: Lesson, cells: Sequence[Cell], lost: Sequence[Statement], path: Path, on_cell: OnCell
) -> list[str]:
    """Run again what a restarted kernel lacks, and return sentences on it."""
    acts = this.machine_minutes or any("chi" in one.reads | one.binds or _is_of_chi(one) for one in lost)
    chosen = [one for one in lost if one.is_import or one.is_definition] if acts else lost
    sentences = _run(shell, chosen, cells, path, on_cell)
    if acts:
        rest = dict.fromkeys(one.cell for one in lost if one not in chosen)
        named = ", ".join(_cell_link(path, one, f"`{one.first_line}`") for one in cells if one.id in rest)
        sentences += [f"These act on a machine, so run them yourself, in this order: {named}."] if named else []
    stubs = {one.cell for one in lost if Cell(one.cell, one.source).is_stub}
    asked = [one.checkpoint for one in cells if one.id in stubs and one.checkpoint]
    if dots := [one for one in asked if all_checkpoints()[one].kind != "prediction"]:
        names = ", ".join(f"`{one}`" for one in dots)
        sentences.append(f"In the saved notebook the dots still stand in {names}: save it, and begin again.")
    return sentences


def _run(
    shell: object, statements: Sequence[Statement], cells: Sequence[Cell], path: Path, on_cell: OnCell
) -> list[str]:
    """Run statements cell by cell, quietly, and return what there is to say; end at the first that fails."""
    from IPython.utils.capture import capture_output

    by_id = {one.id: one for one in cells}
    groups = [(id, list(group)) for id, group in groupby(statements, key=lambda one: one.cell)]
    for number, (id, group) in enumerate(groups, start=1):
        on_cell(number, len(groups))
        with capture_output():
            ran = shell.run_cell("\n".join(one.source for one in group), silent=True, store_history=False)
        if not ran.success:
            error = ran.error_in_exec or ran.error_before_exec
            there = _cell_link(path, by_id[id], f"`{by_id[id].first_line}`")
            return [f"Brought back up to the cell {there}, which ended with {type(error).__name__}. Go on from there."]
    return [f"Brought back by running {len(groups)} cells again; all else stands in your ledger and your files."]


def _is_of_chi(one: Statement) -> bool:
    return one.is_import and one.source.startswith(("from chi", "import chi"))


def _name_error(cells: Sequence[Cell], path: Path):
    """Return a handler that says which cell makes a name that is not there."""
    makes: dict[str, Cell] = {}
    by_id = {one.id: one for one in cells}
    for one in statements_of([cell for cell in cells if cell.is_code]):
        makes |= {name: by_id[one.cell] for name in one.binds if name not in makes}

    def handler(shell, kind, error, trace, tb_offset=None):
        from IPython.display import display

        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        if cell := makes.get(getattr(error, "name", "")):
            text = f"{error.name} is made by another cell"
            link = _cell_link(path, cell, f"`{cell.first_line}`")
            says = f"Run {link} first. After a restart of the kernel, the lesson's first cell brings back what you had."
            display(Card(text, text, State.MISSING_EVIDENCE, (says,)))

    return handler


def _path(this: Lesson) -> Path:
    """Return the notebook that this kernel runs, where Jupyter says so; else the lesson's."""
    said = Path(os.environ.get("JPY_SESSION_NAME", ""))
    return said if said.name == this.notebook.name and said.is_file() else this.notebook


def _title(cell: Cell) -> str:
    known: Mapping = all_checkpoints()
    return known[cell.checkpoint].title if cell.checkpoint in known else f"`{cell.first_line}`"


def _not_done(this: Lesson, other: Lesson) -> str:
    return f"It builds on {_link(this, other)}, which you have not begun."


def _link(this: Lesson, other: Lesson) -> str:
    near = other.notebook.parent == this.notebook.parent
    return f"[{other.number} {other.title}]({other.notebook.name if near else f'../{other.link}'})"


def _cell_link(path: Path, cell: Cell, words: str) -> str:
    return f"[{words.replace('[', '(').replace(']', ')')}]({path.name}#cell-id={cell.id})"
