"""The cell of a student's function: what a check keeps of it in the ledger, and what the grader calls later.

The grader has this cell and nothing else of the notebook: no torch, no runtime, no server, and no record. So the check
at home calls the function out of its cell alone, too, and says at once what the grader would stumble over.
"""

import ast
import inspect
import json
import linecache
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

#: What a cell may import beside Python's own modules: packages by their names on PyPI, which Gradescope's environment
#: is made from, and modules of the course.
PACKAGES = ("numpy", "pandas", "scipy")
COURSE = ("labs.stats",)
MAY_IMPORT = f"Python's own modules, {', '.join((*PACKAGES, *COURSE[:-1]))} and {COURSE[-1]}"

#: Characters of a cell; an answer is a few lines.
MOST_CHARACTERS = 20_000

#: What to do where the cell needs the rest of the notebook.
ALONE = "The grader calls this function alone: import or define what it needs in its own cell."


class UnfitCellError(ValueError):
    """The grader could not call a function out of its cell; the message is a sentence for the student."""


def by_itself(function: Callable, name: str) -> tuple[str, Callable]:
    """Return the text of the cell in which a function stands, and the function as this text alone makes it.

    Raises:
        UnfitCellError: There is no text (a ``%%`` magic ran the cell), it is too long, it makes no such function by
            itself, or it imports what the grader does not have.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    cell = "".join(linecache.getlines(getattr(code, "co_filename", "")))
    if not cell:
        raise UnfitCellError(
            f"The text of this function cannot be read, and the grader needs it: write `def {name}(…)` in a cell that "
            "begins with no `%%` line, and run that cell."
        )
    if len(cell) > MOST_CHARACTERS:
        raise UnfitCellError(
            f"The function's cell has {len(cell):,} characters, and {MOST_CHARACTERS:,} are the most that the grader "
            "reads: leave the function and its helpers in this cell, and move the rest to another one."
        )
    absent = absent_import(cell)
    borrowed = absent_name(cell, name, getattr(inspect.unwrap(function), "__globals__", {}))
    if absent:
        raise UnfitCellError(
            f"Its cell imports `{absent}`, which the grader's machine does not have. A checked function may import "
            f"{MAY_IMPORT}. Compute the result with these, and move what the function does not need to another cell."
        )
    if borrowed:
        raise UnfitCellError(
            f"Its cell uses `{borrowed}` of another cell, which the grader's machine does not have. A checked function "
            f"may import {MAY_IMPORT}. Compute the result with these."
        )
    try:
        return cell, alone(cell, name)
    except Exception as error:
        raise UnfitCellError(
            f"By itself, its cell stops with {type(error).__name__}: {error}. {ALONE}"
        ) from None


def absent_import(cell: str) -> str:
    """Return the first module that a cell imports, anywhere in it, and the grader does not have; or an empty text."""
    imported: list[str] = []
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            imported += (
                [f"labs.{alias.name}" for alias in node.names] if module == "labs" else [module]
            )
    return next((module for module in imported if _is_absent(module)), "")


def absent_name(cell: str, name: str, scope: Mapping[str, Any]) -> str:
    """Return what a function's cell takes from its notebook, and the grader cannot have; an empty text for nothing.

    Importing it in the cell would not help: it is a module, a class or a function of a package that the grader's
    machine lacks. A student's own function or value is another matter: that can be defined in the cell.
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
    """Return a cell's definitions, and what it assigns before it has made the function: all that the grader needs."""
    needed: list[ast.stmt] = []
    made = False
    for statement in ast.parse(cell).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            needed.append(statement)
            made = made or statement.name == name
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and not made:
            needed.append(statement)
            made = name in _bound(ast.unparse(statement))
    return needed


def _bound(cell: str) -> Iterator[str]:
    """Yield the names that a cell binds itself, anywhere in it."""
    for node in ast.walk(ast.parse(cell)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]


def _package_of(value: object) -> str:
    """Return the module that a notebook imported a value from; an empty text for the notebook's own values."""
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        module = value.__module__ or ""
        return "" if module == "__main__" else module
    return ""


def _is_absent(module: str) -> bool:
    """Return whether the grader's machine lacks a module; an empty name is no module."""
    there = {*sys.stdlib_module_names, *PACKAGES}
    return bool(module) and module.partition(".")[0] not in there and module not in COURSE


def alone(cell: str, name: str) -> Callable:
    """Return a function as its own cell makes it, with nothing else of the notebook.

    Raises:
        NameError: The cell makes none of this name.
        Exception: Whatever the cell raises before it has made it. A line behind it may need the notebook.
    """
    scope = names()
    try:
        define(cell, scope)
    except Exception:
        if name not in scope:
            raise
    if not callable(scope.get(name)):
        raise NameError(f"there is no function `{name}` in it")
    return scope[name]


def names() -> dict[str, Any]:
    """Return the names that a lesson's functions may use."""
    # With pandas, which a lesson that asks for no function need not wait for.
    import pandas as pd

    return {"np": np, "pd": pd, "json": json, "math": math}


def define(cell: str, scope: dict[str, Any]) -> None:
    """Run the definitions, imports and assignments of a cell in a scope, and nothing that stands for itself."""
    kept = [node for node in ast.parse(cell).body if not isinstance(node, ast.Expr)]
    exec(compile(ast.Module(kept, []), "<cell>", "exec"), scope)
