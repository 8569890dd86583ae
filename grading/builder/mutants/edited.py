"""All mutants of one function: its text with one edit each."""

import ast
import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from grading.builder.mutants.arguments import ArgumentKind, argument_edits, kind_of, recited
from grading.builder.mutants.expressions import Scope, expression_edits
from grading.builder.mutants.statements import statement_edits

#: Values that replace an argument, beside 0 and 1: those that most cases have.
_MOST_FREQUENT = 4


@dataclass(frozen=True)
class Mutant:
    """A function with one edit."""

    #: Description of the edit, in a few words.
    label: str
    #: The lines before, ' → ', and the lines after; for a new line, the part before is empty.
    change: str
    source: str


@dataclass(frozen=True)
class Call:
    """A call's arguments, by name, and its result."""

    arguments: Mapping[str, Any]
    result: Any


def parameters(source: str, name: str) -> list[str]:
    """Return the names of a function's parameters."""
    return [parameter.arg for parameter in _function(ast.parse(source), name).args.args]


def mutants_of(source: str, name: str, calls: Sequence[Call]) -> list[Mutant]:
    """Return the mutants of a cell's function, each once, without its docstring.

    Args:
        calls: Public cases, which say what arguments look like.
    """
    tree = ast.parse(source)
    tree.body = [statement for statement in tree.body if not isinstance(statement, ast.Expr)]
    function = _function(tree, name)
    function.body = [part for part in function.body if not _is_docstring(part)]
    function.decorator_list = []
    original = ast.unparse(tree)
    mutants = {}
    for label in _edited(function, calls):
        text = ast.unparse(ast.fix_missing_locations(tree))
        if text != original and text not in mutants:
            mutants[text] = Mutant(label, _change(original, text), text)
    return list(mutants.values())


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            return statement
    raise ValueError(f"the cell defines no function {name}")


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _edited(function: ast.FunctionDef, calls: Sequence[Call]) -> Iterator[str]:
    """Edit a function in place; yield what was done while it is so, then undo it."""
    values = {name: [call.arguments[name] for call in calls] for name in calls[0].arguments}
    written = {name: _frequent(given) for name, given in values.items()}
    scope = _scope(function, written)
    for node, put in list(_places(function)):
        for label, other in list(expression_edits(node, scope)):
            put(other)
            yield label
            put(node)
    for label, block, place, others in list(statement_edits(function)):
        before = list(block)
        block[place : place + 1] = others
        yield label
        block[:] = before
    beginnings: list[tuple[str, str]] = []
    for name, given in values.items():
        beginnings += argument_edits(name, given, written[name])
    for call in calls:
        beginnings += recited(call.arguments, call.result)
    for label, text in beginnings:
        function.body.insert(0, ast.parse(text).body[0])
        yield label
        del function.body[0]


def _frequent(values: Sequence[Any]) -> list[float]:
    """Return the numbers that an argument most often is, with 0 and 1; of no number, none."""
    if kind_of(values) is not ArgumentKind.NUMBER:
        return []
    numbers = [value for value, _ in Counter(values).most_common(_MOST_FREQUENT)]
    return [*numbers, *(value for value in (0, 1) if value not in numbers)]


def _scope(function: ast.FunctionDef, written: Mapping[str, list[float]]) -> Scope:
    bound, texts = set(), set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    local = sorted(bound - written.keys())
    return Scope(tuple(written), tuple(local), written, frozenset(texts))


def _places(function: ast.FunctionDef) -> Iterator[tuple[ast.expr, Callable[[ast.expr], None]]]:
    """Yield each expression of a function's body, with a function that replaces it."""
    for statement in function.body:
        for parent in ast.walk(statement):
            for field, child in ast.iter_fields(parent):
                if isinstance(parent, ast.Call) and field == "func":
                    continue
                if isinstance(child, ast.expr):
                    yield child, partial(setattr, parent, field)
                elif isinstance(child, list):
                    for place, part in enumerate(child):
                        if isinstance(part, ast.expr):
                            yield part, partial(child.__setitem__, place)


def _change(original: str, text: str) -> str:
    """Return the lines that differ, before and after."""
    rows = list(difflib.ndiff(original.splitlines(), text.splitlines()))
    before = [row[2:].strip() for row in rows if row.startswith("- ")]
    after = [row[2:].strip() for row in rows if row.startswith("+ ")]
    return f"{' | '.join(before)} → {' | '.join(after)}".strip()
