"""Answer cells that hold the course's own functions: they lie in every checkout, since checks run at home.

A check that works without the grader has to know what is right, so whoever looks for it finds it. Renaming what is in a
function or leaving out its comments makes no other function of it; writing it anew does, and is what the lesson asks
for.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterator, Mapping

from grading.checkpoints import all_checkpoints
from grading.consistency.finding import Finding, flag

#: Parts of a function's syntax tree below which two people write the same: a line or two.
_FEWEST_NODES = 30

#: So many functions, and this share of those that are long enough. Of the course's sample solutions, written by the
#: same people as its references, a third are the same.
_FEWEST, _SHARE = 6, 0.6


def copied(cells: Mapping[str, str]) -> Iterator[Finding]:
    """Yield one finding where most functions are the course's, but for the names in them.

    Args:
        cells: Sources of answer cells by checkpoint id; other cells than those of functions are passed over.
    """
    long, same = [], []
    for name, source in cells.items():
        if name not in all_checkpoints() or all_checkpoints()[name].kind != "function":
            continue
        written = _functions(source)
        references = _references(all_checkpoints()[name].asks.reference.__module__)
        long += [name] if written else []
        same += [name] if written & references else []
    if len(same) >= max(_FEWEST, _SHARE * len(long)):
        yield flag(
            "functions-of-the-course",
            f"{len(same)} of {len(long)} functions are those of the course's own checks, but for their names: ask how "
            "they came about.",
        )


@functools.lru_cache(maxsize=64)
def _references(module: str) -> frozenset[str]:
    return _functions(inspect.getsource(sys.modules[module]))


def _functions(source: str) -> frozenset[str]:
    """Return the functions in a source that are long enough, as text that names, types and comments do not change."""
    try:
        found = [_plain(one) for one in ast.walk(ast.parse(source)) if isinstance(one, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(text for text, nodes in found if nodes >= _FEWEST_NODES)


def _plain(function: ast.FunctionDef) -> tuple[str, int]:
    """Return a function's arguments and body with its own names numbered, and the nodes of its body."""
    is_text = ast.get_docstring(function) is not None
    body = function.body[1 if is_text else 0 :]
    numbers: dict[str, str] = {}
    parts = [part for one in (function.args, *body) for part in ast.walk(one)]
    stored = {one.id for one in parts if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    own = stored | {one.arg for one in parts if isinstance(one, ast.arg)}
    for one in parts:
        if isinstance(one, ast.arg):
            one.annotation = None
            one.arg = numbers.setdefault(one.arg, str(len(numbers)))
        elif isinstance(one, ast.Name) and one.id in own:
            one.id = numbers.setdefault(one.id, str(len(numbers)))
        elif isinstance(one, ast.AnnAssign):
            one.annotation = ast.Constant(None)
    text = ast.dump(ast.Module([ast.Expr(function.args), *body], []))
    return text, sum(1 for one in body for _ in ast.walk(one))
