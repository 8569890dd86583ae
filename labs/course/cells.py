"""The cell of a student's function: a check stores it in the ledger, and the grader calls it later.

The grader has only this cell of the notebook. It has no torch, no runtime, no server and no record.
So the student's check also runs the function from its cell alone, and reports at once a fault that
would stop the grader.
"""

import ast
import inspect
import json
import linecache
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

#: What a cell may import beside Python's own modules: packages by their names on PyPI, which
#: Gradescope's environment is made from, and modules of the course.
PACKAGES = ("numpy", "pandas", "scipy")
COURSE = ("labs.stats",)
_ALL_BUT_LAST = ", ".join(["Python's own modules", *PACKAGES, *COURSE[:-1]])
MAY_IMPORT = f"{_ALL_BUT_LAST} and {COURSE[-1]}"

#: Characters of a cell; an answer is a few lines.
MOST_CHARACTERS = 20_000

#: The fix if the cell needs the rest of the notebook.
ALONE = "The grader calls this function alone: import or define what it needs in its own cell."


class UnfitCellError(ValueError):
    """The grader could not call a function out of its cell; the message is a sentence for the
    student.
    """


def by_itself(function: Callable, name: str) -> tuple[str, Callable]:
    """Return the text of a function's cell, and the function as this text alone makes it.

    Raises:
        UnfitCellError: There is no text (a ``%%`` magic ran the cell), it is too long, it does not
            define the function by itself, or it imports a package that the grader lacks.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    cell = "".join(linecache.getlines(getattr(code, "co_filename", "")))
    if not cell:
        raise UnfitCellError(
            "The text of this function cannot be read, and the grader needs it: write `def "
            f"{name}(…)` in a cell that begins with no `%%` line, and run that cell."
        )
    if len(cell) > MOST_CHARACTERS:
        raise UnfitCellError(
            f"The function's cell has {len(cell):,} characters, and {MOST_CHARACTERS:,} are the "
            "most that the grader reads: leave the function and its helpers in this cell, and "
            "move the rest to another one."
        )
    absent = absent_import(cell)
    notebook = getattr(inspect.unwrap(function), "__globals__", {})
    borrowed = absent_name(cell, name, notebook)
    if absent:
        raise UnfitCellError(
            f"Its cell imports `{absent}`, which the grader's machine does not have. A checked "
            f"function may import {MAY_IMPORT}. Compute the result with these, and move what the "
            "function does not need to another cell."
        )
    if borrowed:
        raise UnfitCellError(
            f"Its cell uses `{borrowed}` of another cell, which the grader's machine does not "
            f"have. A checked function may import {MAY_IMPORT}. Compute the result with these."
        )
    try:
        return cell, alone(cell, name)
    except Exception as error:
        kind = type(error).__name__
        raise UnfitCellError(f"By itself, its cell stops with {kind}: {error}. {ALONE}") from None


def absent_import(cell: str) -> str:
    """Return the first module that a cell imports and the grader lacks, or an empty text."""
    imported: list[str] = []
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module == "labs":
                imported += [f"labs.{alias.name}" for alias in node.names]
            else:
                imported.append(module)
    for module in imported:
        if _is_absent(module):
            return module
    return ""


def absent_name(cell: str, name: str, scope: Mapping[str, Any]) -> str:
    """Return what a cell takes from its notebook and the grader cannot have, or an empty text.

    Importing it in the cell would not help: it is a module, a class or a function of a package that
    the grader's machine lacks. A student's own function or value is another matter: that can be
    defined in the cell.
    """
    bound = set(_bound(cell))
    for statement in _needed(cell, name):
        for node in ast.walk(statement):
            if not isinstance(node, ast.Name) or node.id in bound:
                continue
            if _is_absent(_package_of(scope.get(node.id))):
                return node.id
    return ""


def _needed(cell: str, name: str) -> list[ast.stmt]:
    """Return a cell's definitions, and its assignments before the function: all that the grader
    needs.
    """
    needed: list[ast.stmt] = []
    is_defined = False
    for statement in ast.parse(cell).body:
        if isinstance(statement, _DEFINITIONS):
            needed.append(statement)
            is_defined = is_defined or statement.name == name
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and not is_defined:
            needed.append(statement)
            is_defined = name in _bound(ast.unparse(statement))
    return needed


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _bound(cell: str) -> Iterator[str]:
    """Yield the names that a cell binds itself, anywhere in it."""
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.alias):
            bound = node.asname or node.name
            yield bound.partition(".")[0]


def _package_of(value: object) -> str:
    """Return the module that a value was imported from; an empty text for the notebook's own."""
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        module = value.__module__ or ""
        return "" if module == "__main__" else module
    return ""


def _is_absent(module: str) -> bool:
    """Return whether the grader's machine lacks a module; an empty name is no module."""
    if not module or module in COURSE:
        return False
    package = module.partition(".")[0]
    return package not in sys.stdlib_module_names and package not in PACKAGES


def alone(cell: str, name: str) -> Callable:
    """Return a function as its own cell makes it, with nothing else of the notebook.

    Raises:
        NameError: The cell makes none of this name.
        Exception: Whatever the cell raises before it has made it. A line behind it may need the
            notebook.
    """
    scope = names(cell)
    try:
        define(cell, scope)
    except Exception:
        if name not in scope:
            raise
    if not callable(scope.get(name)):
        raise NameError(f"there is no function `{name}` in it")
    return scope[name]


#: How a cell's text names pandas; its import takes seconds on a busy processor.
PANDAS = re.compile(r"\b(pd|pandas)\b")


def names(cell: str) -> dict[str, Any]:
    """Return the names that a function's cell may use without importing them."""
    given = {"np": np, "json": json, "math": math}
    if PANDAS.search(cell):
        import pandas as pd

        given["pd"] = pd
    return given


def define(cell: str, scope: dict[str, Any]) -> None:
    """Run a cell's definitions, imports and assignments, but no other statements."""
    body = ast.parse(cell).body
    statements = [statement for statement in body if not isinstance(statement, ast.Expr)]
    program = compile(ast.Module(statements, []), "<cell>", "exec")
    exec(program, scope)
