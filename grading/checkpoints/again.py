"""What of a notebook has to run again after a restart, so that one can go on at a cell further down.

Not everything above: a measurement stands in the ledger, a file on the disk. What a kernel loses is names. So the
statements above are gone through backwards from the names that the cells from there on speak of: one that binds such a
name is run again, and one that may change what is behind it; one that only measures, draws, checks or prints is not.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import CodeType

#: Calls of what comes from here leave the lesson's names as they are: they measure, draw, judge or write down.
_LOOKING = (
    *("grading", "labs.bench", "labs.charts", "labs.display", "labs.machine", "labs.optimize.drawing"),
    *("labs.records", "labs.widgets", "labs.workspace"),
)
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook."""

    #: Its id.
    id: str
    #: Its text.
    source: str
    #: Whether it is code.
    is_code: bool = True
    #: The question that it answers; empty where it answers none.
    checkpoint: str = ""

    @property
    def first_line(self) -> str:
        """What one recognizes it by."""
        return next((line for line in self.source.splitlines() if line.strip()), "")

    @property
    def is_stub(self) -> bool:
        """Whether it still holds the dots that an answer replaces."""
        tree = _tree(self.source)
        return any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(tree))


@dataclass(frozen=True)
class Statement:
    """A statement at a cell's outermost level."""

    #: The cell's id.
    cell: str
    #: Its text.
    source: str
    #: Names that it binds.
    binds: frozenset[str]
    #: Names that it reads, in functions too.
    reads: frozenset[str]
    #: Whether it imports.
    is_import: bool
    #: Whether it is a function or a class.
    is_definition: bool
    #: Whether, its own names apart, it leaves everything as it was.
    is_looking: bool


def cells_of(notebook: Mapping) -> list[Cell]:
    """Return the cells of a notebook as its file holds it."""
    return [
        Cell(
            str(one.get("id", "")),
            "".join(one["source"]),
            one["cell_type"] == "code",
            one.get("metadata", {}).get("checkpoint", ""),
        )
        for one in notebook["cells"]
    ]


def again(cells: Sequence[Cell], place: int, written: Mapping[str, str]) -> list[Statement]:
    """Return the statements above a cell that have to run again so that one can go on there.

    Args:
        cells: The lesson's.
        place: Where one goes on.
        written: Functions as they were checked, by question: they stand in for a cell that holds dots.
    """
    above = [
        Cell(one.id, written[one.checkpoint]) if one.checkpoint in written and one.is_stub else one
        for one in cells[:place]
        if one.is_code
    ]
    statements = statements_of(above)
    state = {name for one in statements if not (one.is_import or one.is_definition) for name in one.binds}
    # What a question speaks of stands above it too, back to the answer before.
    begin = next((index for index in reversed(range(place)) if cells[index].checkpoint), 0)
    wanted = {word for one in cells[begin + 1 :] for word in _words(one)}
    kept: set[int] = set()
    while True:
        more = {
            index
            for index, one in enumerate(statements)
            if index not in kept
            and (one.is_import or one.binds & wanted or (not one.is_looking and one.reads & wanted & state))
        }
        if not more:
            return [statements[index] for index in sorted(kept)]
        kept |= more
        wanted |= {name for index in more for name in statements[index].reads}


def statements_of(cells: Sequence[Cell]) -> list[Statement]:
    """Return the statements of code cells in order; a cell that is no Python has none."""
    found: list[Statement] = []
    looking = {"display", "get_ipython", *dir(builtins)}
    for cell in cells:
        lines = _python(cell.source).splitlines()
        for node in _tree(cell.source).body:
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(one.lineno for one in decorators)])
            binds, reads = _names(node)
            if isinstance(node, ast.Import | ast.ImportFrom) and _is_of_looking(node):
                looking |= binds
            found.append(
                Statement(
                    cell.id,
                    "\n".join(lines[first - 1 : node.end_lineno]),
                    frozenset(binds),
                    frozenset(reads),
                    isinstance(node, ast.Import | ast.ImportFrom),
                    isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef),
                    _is_looking(node, looking),
                )
            )
    return found


@functools.lru_cache(maxsize=4096)
def _python(source: str) -> str:
    """Return a cell's text as Python: what IPython makes of its magics."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


@functools.lru_cache(maxsize=4096)
def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(_python(source))
    except SyntaxError:  # a cell that somebody was in the middle of
        return ast.Module([], [])


def _names(node: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the names that a statement binds at the outermost level, and those that it reads."""
    code = compile(ast.Module([node], []), "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    binds = {one.argval for one in dis.get_instructions(code) if one.opname == "STORE_NAME"}
    return binds, _reads(code)


def _reads(code: CodeType) -> set[str]:
    found = {one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
    return found.union(*(_reads(one) for one in code.co_consts if isinstance(one, CodeType)))


def _is_of_looking(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{one.name}" for one in node.names]
    else:
        names = [one.name for one in node.names]
    return all(any(f"{name}.".startswith(f"{room}.") for room in _LOOKING) for name in names)


def _is_looking(node: ast.stmt, looking: set[str]) -> bool:
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Call | ast.Await) or _root(node.value) in looking
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return not any(isinstance(one, ast.Attribute | ast.Subscript) for target in targets for one in ast.walk(target))
    if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
        within = [one for one in ast.walk(node) if isinstance(one, ast.stmt) and one is not node]
        return all(_is_looking(one, looking) for one in within)
    return not isinstance(node, ast.Delete)


def _root(node: ast.expr) -> str:
    """Return the name that a chain of calls, attributes and items begins with: 'ledger' of ``ledger().append(x)``."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _words(cell: Cell) -> set[str]:
    """Return the words of a cell that may be names: all of code and its comments, and what prose writes as code."""
    said = [cell.source] if cell.is_code else re.findall(r"`([^`]+)`", cell.source)
    return {word for text in said for word in _WORD.findall(text)}
