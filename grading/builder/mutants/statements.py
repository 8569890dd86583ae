"""Edits of one statement: it is dropped, always done or never done, or returns another part or
another rounding of its result.
"""

import ast
from collections.abc import Iterator

from grading.builder.mutants.expressions import called, constant

#: Description of the edit; the block and the place in it; the replacing statements.
Edit = tuple[str, list[ast.stmt], int, list[ast.stmt]]

#: Possible changes of a result, or of a part of one.
_ROUNDED = ("round", "np.floor", "np.ceil", "abs", "int")
_PARTS = (0, 0.0, 1.0, -1)

#: Results of these kinds are no single number.
_NO_NUMBER = (ast.Constant, ast.ListComp, ast.DictComp, ast.List)
_DEFINES = (ast.FunctionDef, ast.Import, ast.ImportFrom)


def statement_edits(function: ast.FunctionDef) -> Iterator[Edit]:
    """Yield the edits of a function's statements, in every block."""
    for node in ast.walk(function):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                for place in range(len(block)):
                    yield from _edits(block, place)


def _edits(block: list[ast.stmt], place: int) -> Iterator[Edit]:
    statement = block[place]
    if isinstance(statement, ast.Return):
        if statement.value is not None:
            for label, value in _results(statement.value):
                yield label, block, place, [ast.Return(value)]
    elif not isinstance(statement, _DEFINES):
        yield "statement dropped", block, place, [ast.Pass()]
    if isinstance(statement, ast.If):
        yield "branch always", block, place, statement.body
        if statement.orelse:
            yield "branch never", block, place, statement.orelse
    if isinstance(statement, ast.Assign):
        for assigned in _shorter(statement):
            yield "assignment dropped", block, place, [assigned]


def _results(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(value, ast.Tuple):
        yield from _results_of_parts(value.elts)
    elif not isinstance(value, _NO_NUMBER):
        for wrapper in (*_ROUNDED, "np.negative"):
            yield f"result: {wrapper}", called(wrapper, value)
        yield "result not below 0", called("np.maximum", value, constant(0))
        yield "result not above 1", called("np.minimum", value, constant(1.0))


def _results_of_parts(parts: list[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
    yield "parts exchanged", ast.Tuple(parts[::-1], ast.Load())
    for place, part in enumerate(parts):
        yield "one part returned", part
        others: dict[str, ast.expr] = {str(value): constant(value) for value in _PARTS}
        for wrapper in _ROUNDED:
            others[wrapper] = called(wrapper, part)
        for label, other in others.items():
            edited = [*parts[:place], other, *parts[place + 1 :]]
            yield f"part: {label}", ast.Tuple(edited, ast.Load())


def _shorter(statement: ast.Assign) -> Iterator[ast.Assign]:
    """Yield an assignment of several values without each of them in turn."""
    target, value = statement.targets[0], statement.value
    if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple):
        return
    for place in range(len(value.elts)):
        names = target.elts[:place] + target.elts[place + 1 :]
        values = value.elts[:place] + value.elts[place + 1 :]
        yield ast.Assign([ast.Tuple(names, ast.Store())], ast.Tuple(values, ast.Load()))
