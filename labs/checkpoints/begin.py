"""The first cell of every lesson, ``begin("compile")``: shows missing inputs, and where to
continue.

A message names each missing file or record, with a link to the lesson that makes it. Nothing runs
by itself. Answers, functions and measurements are in the ledger, and files are on the disk. After a
restart of the kernel, students use JupyterLab's own *Run All Above Selected Cell*.
"""

import os
from pathlib import Path

from labs.checkpoints.cards import Card, NotThereYetError
from labs.course.lessons import Lesson, lesson, lessons
from labs.course.question import State, public_rows
from labs.records import Records
from labs.records.ledger import ledger
from labs.shell import belongs_elsewhere, msl, other_course
from labs.workspace import workspace_dir

#: Errors that are shown as one sentence after a lesson could not begin.
_SHORTENED = (Exception,)


def begin(id: str) -> None:
    """Say whether a lesson can begin, and where to go on in it; from here on its figures wear the
    theme.

    Raises:
        NotThereYetError: A file or a record of an earlier lesson is not there, or the notebook is
            in another folder of the course than the packages that it imports; shown as one
            sentence.
    """
    from IPython.display import display

    from labs.display.figures import use_theme

    other = other_course(Path.cwd())
    if other:
        raise NotThereYetError(belongs_elsewhere("This notebook", other, notebook=True))
    use_theme()
    this = lesson(id)
    records = ledger().read()
    absent = absences(this, records)
    if absent:
        sentences = list(absent.values())
        if this.machine_minutes:
            push = msl("lease push PART", at_home=True)
            sentences.append(f"Made at home? There, `{push}` brings it to a leased machine.")
        display(Card(f"{this.title} cannot begin yet", State.MISSING, sentences))
        _shorten_errors(f"*{this.title}* cannot begin yet: {'; '.join(absent)}.")
        raise NotThereYetError(f"Make it first: {'; '.join(absent)}. Then run this cell again.")
    _shorten_errors("")
    judged = (State.PASSED, State.FAILED)
    has_begun = any(
        records.predictions(row.id) or row.state in judged for row in public_rows(records, [this])
    )
    sentences = [next_step(this, records)] if has_begun else []
    display(Card(f"{this.title}: ready", None, sentences))


def _shorten_errors(reason: str) -> None:
    """Show each error of the following cells as one sentence with a reason; an error without a
    reason looks as in IPython.

    Such an error follows from a lesson that could not begin. The cell that raises it has no fault.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def show(shell, kind, error, trace, tb_offset=None):
        if hasattr(error, "_render_traceback_"):
            lines = error._render_traceback_()
        else:
            first = next(iter(str(error).splitlines()), "")[:200]
            happened = f"{kind.__name__}: {first}".rstrip(": .")
            lines = [
                f"{happened}. {reason} Make it there, then run this notebook from its first cell."
            ]
        shell._showtraceback(kind, error, lines)
        return lines

    if reason:
        shell.set_custom_exc(_SHORTENED, show)
    elif shell.custom_exceptions is _SHORTENED:  # and not what a student has set
        shell.set_custom_exc((), None)


def absences(this: Lesson, records: Records) -> dict[str, str]:
    """Return what a lesson takes and does not find: a sentence for each in words, and with its
    link.
    """
    missing = {}
    for id, things in this.takes.items():
        for thing in things:
            words = lacking(thing, records)
            if not words:
                continue
            maker = next((lesson for lesson in lessons() if lesson.id == id), None)
            if maker is None:
                title = "your teacher"
                link = "no lesson of this course makes it: ask your teacher for it"
            else:
                path = Path(os.path.relpath(maker.notebook, this.notebook.parent)).as_posix()
                title = maker.title
                link = f"[{title}]({path}) makes it"
            plain_words = words.replace("`", "")
            sentence = f"There is no {words.removeprefix('the ')} yet: {link}."
            missing[f"{title} makes {plain_words}"] = sentence
    return missing


def lacking(thing: str, records: Records) -> str:
    """Return in words what a lesson takes, if it is not there; an empty text if it is.

    Args:
        thing: A file below the workspace, or a record by its kind and option.
    """
    kind, _, option = thing.partition(" ")
    if not option:
        is_there = (workspace_dir() / thing).is_file()
        return "" if is_there else f"`{Path(thing).name}`"
    for record in records.measurements():
        if record.kind == kind and record.option == option:
            return ""
    return f"the {kind} record of `{option}`"


def next_step(this: Lesson, records: Records) -> str:
    """Return one sentence on the first question that is open, with a link to its cell, and on a
    restart.
    """
    following = next((row for row in public_rows(records, [this]) if row.is_left), None)
    if following is None:
        return "Every question of this lesson is answered."
    words = following.title.replace("[", "(").replace("]", ")")
    cell_id = following.id.replace(".", "-")
    link = f"[{words}]({this.notebook.name}#cell-id={cell_id})"
    return (
        f"Go on here: {link}. After a restart of the kernel, select that cell and choose Run → "
        "Run All Above Selected Cell: your answers are kept, and only names have to be made "
        "again."
    )
