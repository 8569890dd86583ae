"""Build a lesson's source (py:percent) into its output-free notebook, the same bytes each time.

The list ``STEPS`` shows how a notebook is built. Cell ids need care. jupytext draws them at random,
but a notebook must change only with its source, and the grader finds a student's answer by its
cell's id. So

- a cell with ``question="quantize.affine"`` has the id ``quantize-affine`` at every place; a cell
  that begins with ``predict("quantize.faster", …)`` is named in the same way;
- any other cell is named after its first line. Editing the rest of the cell keeps the id, and a
  cell inserted before it changes no other id, which numbering the cells would.
"""

import ast
import os
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grading.builder.clock import minutes_of, set_minutes
from grading.builder.sources import SOLUTION, read_source, sources
from labs.course.assignment import assignment
from labs.course.lessons import NOTEBOOKS_DIR, Lesson, LessonError
from labs.records import decision
from labs.records.reference import published
from labs.shell import msl
from labs.workspace import STUB

#: Dots separate words, so that '.' ↔ '-' maps ids to notebook cell ids and back (those know no
#: dot).
ID_FORM = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")

#: Options in the header line of a lesson's cell; any other one is a typing error.
CELL_METADATA = ("question", "shows", "folded", "tags")

#: What jupytext notes about blank lines in the source, to write the same source back.
_JUPYTEXTS_OWN = ("lines_to_next_cell", "lines_to_end_of_cell_marker")

#: All that a notebook says about how it is run. No versions: they would change the twin on each
#: machine.
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

#: The first code cell of each lesson.
BEGIN = """\
# Begin here: it says what is missing, and where to go on.
from labs.checkpoints.begin import begin

begin("{id}")"""

#: nbformat allows 64 characters; room is left for a counter.
_ID_LENGTH = 56


def set_notebook_metadata(notebook: NotebookNode, lesson: Lesson) -> None:
    """Replace the notebook's metadata by the minimum, and by the lesson's facts."""
    facts = dict(notebook.metadata["lesson"])
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA | {"lesson": facts})
    notebook.nbformat = 4
    notebook.nbformat_minor = 5


def require_known_metadata(notebook: NotebookNode, lesson: Lesson) -> None:
    """Refuse cell metadata that no tool reads, and checkpoint ids that are no ids.

    Raises:
        LessonError: Often a typing error, such as ``check="…"`` for ``question="…"``.
    """
    for cell in notebook.cells:
        for own in _JUPYTEXTS_OWN:
            cell.metadata.pop(own, None)
        unknown = set(cell.metadata) - set(CELL_METADATA)
        if unknown:
            slips = ", ".join(sorted(unknown))
            known = ", ".join(CELL_METADATA)
            raise LessonError(f"{lesson.name}: a cell says {slips}=…; known: {known}")
        if "question" in cell.metadata:
            id = cell.metadata.question
            if not ID_FORM.fullmatch(str(id)):
                raise LessonError(f"{lesson.name}: {id!r} is no question id")


def show_bodies(notebook: NotebookNode, lesson: Lesson) -> None:
    """Fill each cell that ``shows`` a function with its source, so that lesson and package always
    agree.

    Raises:
        LessonError: There is no such function, or the cell holds more than the dots.
    """
    for cell in notebook.cells:
        if "shows" in cell.metadata:
            if cell.source.strip() != "...":
                raise LessonError(
                    f"{lesson.name}: a cell that shows {cell.metadata.shows} may hold nothing "
                    "but '...'"
                )
            try:
                cell.source = source_of(str(cell.metadata.shows))
            except LookupError as error:
                raise LessonError(f"{lesson.name}: {error.args[0]}") from None


def quote_figures(notebook: NotebookNode, lesson: Lesson) -> None:
    """Fill figures into texts, so that a sentence always shows the value that the course computes
    with.

    ``{{ onnx_epyc.p50_ms }}`` is a published figure (``labs.records.reference.published``).
    ``{{ UTILIZATION }}`` is one of the course's own shares (``own_shares``), in per cent.

    Raises:
        LessonError: There is no figure of that name.
    """
    figures = published()
    shares = own_shares()

    def published_figure(match: re.Match) -> str:
        try:
            value = float(figures.loc[match[1], match[2]])
        except (KeyError, TypeError, ValueError):
            raise LessonError(
                f"{lesson.name}: {match[0]} is no figure of assets/reference/published.json"
            ) from None
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    def own_share(match: re.Match) -> str:
        if match[1] not in shares:
            raise LessonError(f"{lesson.name}: {match[0]} is not known; known: {', '.join(shares)}")
        return f"{100 * shares[match[1]]:g} %"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\{\{\s(\w+)\.(\w+)\s\}\}", published_figure, cell.source)
            cell.source = re.sub(r"\{\{\s(\w+)\s\}\}", own_share, cell.source)


def own_shares() -> dict[str, float]:
    """Return the shares that texts may quote, from 0 to 1, by the name of their constant."""
    return {"UTILIZATION": decision.UTILIZATION}


def fold_cells(notebook: NotebookNode, lesson: Lesson) -> None:
    """Fold the code of cells marked ``folded=true``: JupyterLab shows their output, and the code at
    a click.

    The text above such a cell says in a line what it does.

    Raises:
        LessonError: It asks a question, so there is something to write in it.
    """
    for cell in notebook.cells:
        if cell.metadata.pop("folded", False):
            if asked := question_of(cell):
                raise LessonError(
                    f"{lesson.name}: the cell of {asked} is folded, so students would miss it"
                )
            cell.metadata["jupyter"] = {"source_hidden": True}


def begin_alike(notebook: NotebookNode, lesson: Lesson) -> None:
    """Put the same cell before the first code of each lesson: its requirements, and the place to
    continue.
    """
    code = [place for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    if lesson.kind != "guide" and code:
        begin = nbformat.v4.new_code_cell(BEGIN.format(id=lesson.id))
        notebook.cells.insert(code[0], begin)


def link_the_next(notebook: NotebookNode, lesson: Lesson) -> None:
    """End with a link to the lesson that comes next; the last lesson and the instructors' guides
    have none.

    The link passes over core lessons that the assignment leaves out, except from another such
    lesson.

    Raises:
        LessonError: The source says it too.
    """
    if any(re.search(r"^Next: \[", cell.source, re.MULTILINE) for cell in notebook.cells):
        raise LessonError(
            f"{lesson.name}: leave out 'Next: […]', the builder writes it from the order of the "
            "lessons"
        )
    following = _following(lesson)
    if following:
        after = following[0]
        link = Path(os.path.relpath(after.notebook, lesson.notebook.parent)).as_posix()
        notebook.cells.append(nbformat.v4.new_markdown_cell(f"Next: [{after.title}]({link})"))


def _following(lesson: Lesson) -> list[Lesson]:
    """Return the possible next lessons, in the course's order."""
    course = course_of(lesson)
    if lesson not in course:
        return []
    following = course[course.index(lesson) + 1 :]
    asked: set[str] = set()
    for part in assignment(by_form=True).asked:
        asked.update(part.lessons, part.choices)
    if lesson.kind == "deeper" or lesson.id in asked:
        following = [each for each in following if each.kind == "deeper" or each.id in asked]
    if lesson.kind != "core":
        return following
    core = [each for each in following if each.kind == "core"]  # the core path first
    return core or following


def course_of(lesson: Lesson) -> list[Lesson]:
    """Return the sources among which a lesson lies, in the course's order; a guide lies among
    none.
    """
    if lesson.kind == "guide":
        return []
    root = lesson.notebook.parents[2 if lesson.kind == "deeper" else 1]
    return sources(root)


def say_where_to_hand_in(notebook: NotebookNode, lesson: Lesson) -> None:
    """End the last lesson of each required part with how to hand it in, and where."""
    asked = assignment(by_form=True)
    for part in asked.parts.values():
        core = [each for each in course_of(lesson) if each.id in part.lessons]
        if core and core[-1] == lesson:
            command = msl(f"submit {part.number}", at_home=True)
            text = (
                f"## Hand in\n\nThis was the last lesson of part {part.number}. Open a terminal "
                f"in the course's folder and run `{command}`: it writes one zip with everything "
                f"that the grader needs. Upload the zip {asked.course.hand_in_where_markdown}"
            )
            notebook.cells.append(nbformat.v4.new_markdown_cell(text))


def name_cells(notebook: NotebookNode, lesson: Lesson) -> None:
    """Give every cell its lasting id.

    Raises:
        LessonError: Two cells carry the same question.
    """
    seen: Counter[str] = Counter()
    # Questions first: a heading may read like one.
    for cell in sorted(notebook.cells, key=lambda cell: question_of(cell) is None):
        name = cell_id(cell, lesson.id)
        seen[name] += 1
        if seen[name] > 1 and question_of(cell):
            raise LessonError(f"{lesson.name}: question {question_of(cell)} stands in two cells")
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"


def leave_stubs(notebook: NotebookNode, lesson: Lesson) -> None:
    """Remove the solutions. The text after ``### STUB`` stays; without it, a line that raises
    replaces the solution.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            stub = partial(_stub, line=_line_to_replace(cell.source))
            cell.source = SOLUTION.sub(stub, f"{cell.source}\n").rstrip()


def _line_to_replace(source: str) -> str:
    """Return the stub's line where a student writes, if the author gives no other."""
    writes = re.match(r"%%writefile .*?(\.\w+)?\s*\n", source)
    if writes and writes[1] != ".py":
        return f"# {STUB}"
    return f'raise NotImplementedError("{STUB}")'


def _stub(solution: re.Match, *, line: str) -> str:
    indent, _, stub = solution.groups()
    return f"{indent}{line}\n" if stub is None else stub


def keep_solutions(notebook: NotebookNode, lesson: Lesson) -> None:
    """Drop the marks around solutions, and with them what students see instead."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SOLUTION.sub(r"\2", f"{cell.source}\n").rstrip()


Step = Callable[[NotebookNode, Lesson], None]

#: What happens to a source on its way to a notebook, in this order; solved, solutions stay.
STEPS: tuple[Step, ...] = (
    set_notebook_metadata,
    require_known_metadata,
    show_bodies,
    quote_figures,
    fold_cells,
    set_minutes,
    leave_stubs,
    begin_alike,
    say_where_to_hand_in,
    link_the_next,
    name_cells,
)


def build(lesson: Lesson, *, solved: bool = False) -> NotebookNode:
    """Return a lesson's notebook; solved, with the solutions in it, for instructors and tests.

    Raises:
        LessonError: The source has a fault.
    """
    notebook = read_source(lesson.folder / "lesson.py")
    for step in STEPS:
        if solved and step is leave_stubs:
            step = keep_solutions
        step(notebook, lesson)
    nbformat.validate(notebook)
    return notebook


def minutes(lesson: Lesson) -> dict[str, float]:
    """Return a lesson's minutes by kind of work, from its current source; those of set-up are the
    last.
    """
    notebook = read_source(lesson.folder / "lesson.py")
    for step in STEPS[: STEPS.index(set_minutes)]:
        step(notebook, lesson)
    return minutes_of(notebook, lesson)


def text_of(notebook: NotebookNode) -> str:
    """Return a notebook as the bytes of its file would read."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write(lesson: Lesson) -> None:
    """Build a lesson's notebook and write it where students open it."""
    lesson.notebook.parent.mkdir(parents=True, exist_ok=True)
    lesson.notebook.write_text(text_of(build(lesson)), encoding="utf-8")


def is_stale(lesson: Lesson) -> bool:
    """Return whether the committed notebook differs from the one that its source builds."""
    if not lesson.notebook.is_file():
        return True
    return lesson.notebook.read_text(encoding="utf-8") != text_of(build(lesson))


def cell_id(cell: NotebookNode, lesson_id: str) -> str:
    """Return the id that a cell would have if no other began with the same line."""
    if asked := question_of(cell):
        return asked.replace(".", "-")
    if cell.source.startswith("Next: ["):  # wherever it leads
        return f"{lesson_id}-next"
    if cell.source.startswith(BEGIN[:13]):
        return f"{lesson_id}-begin"
    lines = [line for line in cell.source.splitlines() if line.strip(" #")]
    first_line = lines[0].lower() if lines else ""
    slug = re.sub(r"[^a-z0-9]+", "-", first_line).strip("-")
    slug = slug[:_ID_LENGTH].strip("-") or "cell"
    return f"{lesson_id}-{slug}"[:_ID_LENGTH]


def question_of(cell: NotebookNode) -> str | None:
    """Return the question of a cell, from its header or its call of `predict`."""
    predicts = re.match(r'predict\(\s*"([a-z0-9_.]+)"', cell.source)
    return predicts[1] if predicts else cell.metadata.get("question")


#: The rooms whose functions a lesson can show.
ROOMS = ("labs", "provisioning")


def source_of(shows: str, *, root: Path = NOTEBOOKS_DIR.parent) -> str:
    """Return the source of top-level functions, classes or constants, decorators and docstrings
    included.

    It is cut from the module's file, which is not imported.

    Args:
        shows: Module and name, such as ``"labs.data.preprocess:softmax"``, or several names:
            ``"labs.stats:verdict,quotient"``.

    Raises:
        LookupError: There is no such module, or it has no such name; the message lists its names.
    """
    module, _, names = shows.partition(":")
    if module.partition(".")[0] not in ROOMS or not names:
        rooms = " or ".join(ROOMS)
        raise LookupError(
            f'shows="{shows}" wants a module of {rooms} and a name: "labs.stats:percentile"'
        )
    base = root.joinpath(*module.split("."))
    paths = [base.with_suffix(".py"), base / "__init__.py"]
    path = next(filter(Path.is_file, paths), None)
    if path is None:
        raise LookupError(f'shows="{shows}": there is no module {module}')
    text = path.read_text(encoding="utf-8")
    defined = _definitions(text)
    wanted = [name.strip() for name in names.split(",")]
    missing = ", ".join(name for name in wanted if name not in defined)
    if missing:
        known = ", ".join(defined)
        raise LookupError(f'shows="{shows}": {path.name} defines no {missing}; it has {known}')
    return "\n\n\n".join(defined[name] for name in wanted)


def _definitions(text: str) -> dict[str, str]:
    """Return the sources of a module's top-level definitions, by name."""
    lines = text.splitlines()
    definitions: dict[str, str] = {}
    for node in ast.parse(text).body:
        first = node.lineno
        targets: list[ast.expr] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
            decorated = [decorator.lineno for decorator in node.decorator_list]
            first = min([first, *decorated])
        else:
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AnnAssign):
                targets = [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        source = "\n".join(lines[first - 1 : node.end_lineno])
        definitions |= dict.fromkeys(names, source)
    return definitions
