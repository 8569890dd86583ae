"""Edits of one expression: another comparison, operator, constant, function or name."""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Description of the edit, and the replacing expression.
Edit = tuple[str, ast.expr]

_COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq, ast.Lt, ast.Gt],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}

_OPERATORS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub, ast.Mult],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult, ast.FloorDiv],
    ast.FloorDiv: [ast.Div, ast.Mod],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}

#: Functions and methods that are taken for one another.
_FUNCTIONS = {
    "min": ["max"],
    "max": ["min", "sum"],
    "any": ["all"],
    "all": ["any"],
    "sum": ["len", "max"],
    "ceil": ["floor", "round"],
    "floor": ["ceil"],
    "rint": ["floor", "ceil", "trunc"],
    "round": ["int"],
    "minimum": ["maximum"],
    "maximum": ["minimum"],
    "mean": ["median", "sum", "max"],
    "median": ["mean", "max"],
    "std": ["var"],
    "sqrt": ["square"],
    "log": ["log2", "log10"],
    "int": ["round"],
    "prod": ["sum", "max"],
    "cdf": ["pmf", "sf"],
}

#: Of these, numpy's is meant if a bare function is exchanged.
_OF_NUMPY = {"floor", "ceil", "trunc", "median", "square"}

#: Names of modules: the name before the dot is not a value.
_MODULES = {"np", "math", "binom"}

_NOT_COMMUTATIVE = (ast.Sub, ast.Div, ast.Pow, ast.FloorDiv)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp


@dataclass(frozen=True)
class Scope:
    """The replacements that an edit may use."""

    arguments: tuple[str, ...]
    #: Names that the function binds.
    local: tuple[str, ...]
    #: For each number among the arguments: its values in the cases.
    values: Mapping[str, list[float]]
    #: Texts that the function writes.
    texts: frozenset[str]


def expression_edits(node: ast.expr, scope: Scope) -> Iterator[Edit]:
    """Yield the edits of one expression; those of its parts are not among them."""
    for kind, edits in _EDITS.items():
        if isinstance(node, kind):
            yield from edits(node, scope)


def constant(value: Any) -> ast.Constant:
    """Return a value as it is written in a program."""
    return ast.Constant(value)


def called(function: str, *arguments: ast.expr) -> ast.Call:
    """Return the call of a function that is named with dots."""
    return ast.Call(ast.parse(function, mode="eval").body, list(arguments), [])


def _comparison(node: ast.Compare, scope: Scope) -> Iterator[Edit]:
    for place, operator in enumerate(node.ops):
        for other in _COMPARISONS.get(type(operator), []):
            edited = copy.deepcopy(node)
            edited.ops[place] = other()
            yield "comparison", edited
    if len(node.ops) == 2:
        yield "first half", ast.Compare(node.left, node.ops[:1], node.comparators[:1])
        yield "second half", ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
    elif isinstance(node.ops[0], _ORDER):
        yield "without sign", ast.Compare(called("abs", node.left), node.ops, node.comparators)


def _operation(node: ast.BinOp, scope: Scope) -> Iterator[Edit]:
    left, right = node.left, node.right
    for other in _OPERATORS.get(type(node.op), []):
        yield "operator", ast.BinOp(left, other(), right)
    yield "left operand alone", left
    yield "right operand alone", right
    if isinstance(node.op, _NOT_COMMUTATIVE):
        yield "operands exchanged", ast.BinOp(right, node.op, left)
    if isinstance(node.op, ast.Sub):
        ratio = ast.BinOp(left, ast.Div(), right)
        yield "ratio for difference", ast.BinOp(ratio, ast.Sub(), constant(1))
        yield "difference without sign", called("abs", node)
    if isinstance(node.op, ast.Div):
        yield "rounded quotient", called("np.round", node)


def _sign(node: ast.UnaryOp, scope: Scope) -> Iterator[Edit]:
    yield "sign or 'not' dropped", node.operand


def _conditions(node: ast.BoolOp, scope: Scope) -> Iterator[Edit]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and for or", ast.BoolOp(other, node.values)
    for place in range(len(node.values)):
        rest = node.values[:place] + node.values[place + 1 :]
        yield "condition dropped", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _choice(node: ast.IfExp, scope: Scope) -> Iterator[Edit]:
    yield "one branch alone", node.body
    yield "one branch alone", node.orelse


def _other_constant(node: ast.Constant, scope: Scope) -> Iterator[Edit]:
    value = node.value
    others: list[object] = []
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int | float):
        others = [value + 1, value - 1, 0, 1, -value, value * 2, value / 2, value * 10]
        if isinstance(value, float):
            others += [value * 0.95, value * 1.05]
    elif value is None:
        others = [0, -1]
    elif isinstance(value, str):
        others = [*sorted(scope.texts - {value})]
    for other in others:
        if other != value or type(other) is not type(value):
            yield "constant", constant(other)


def _call(node: ast.Call, scope: Scope) -> Iterator[Edit]:
    yield from _other_function(node)
    for argument in node.args:
        if not isinstance(argument, ast.Starred):
            yield "call dropped", argument
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield "call dropped", node.func.value
    count = len(node.args)
    for place in range(count - 1):
        edited = copy.deepcopy(node)
        edited.args[place : place + 2] = edited.args[place : place + 2][::-1]
        yield "arguments exchanged", edited
    for place in range(count if count > 1 else 0):
        edited = copy.deepcopy(node)
        del edited.args[place]
        yield "argument dropped", edited
    for place in range(len(node.keywords)):
        edited = copy.deepcopy(node)
        del edited.keywords[place]
        yield "keyword dropped", edited


def _other_function(node: ast.Call) -> Iterator[Edit]:
    if isinstance(node.func, ast.Attribute):
        for other in _FUNCTIONS.get(node.func.attr, []):
            function: ast.expr = ast.Attribute(node.func.value, other, ast.Load())
            yield "another function", ast.Call(function, node.args, node.keywords)
    elif isinstance(node.func, ast.Name):
        for other in _FUNCTIONS.get(node.func.id, []):
            path = f"np.{other}" if other in _OF_NUMPY else other
            function = ast.parse(path, mode="eval").body
            yield "another function", ast.Call(function, node.args, node.keywords)


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in _MODULES


def _other_name(node: ast.Name, scope: Scope) -> Iterator[Edit]:
    if not isinstance(node.ctx, ast.Load):
        return
    known = (*scope.arguments, *scope.local)
    if node.id in known:
        for other in known:
            if other != node.id:
                yield "another name", ast.Name(other, ast.Load())
    for value in scope.values.get(node.id, []):
        yield "argument written in", constant(value)


def _subscript(node: ast.Subscript, scope: Scope) -> Iterator[Edit]:
    if not isinstance(node.ctx, ast.Load):
        return
    if isinstance(node.slice, ast.Slice | ast.Tuple):
        yield "slice dropped", node.value
    if isinstance(node.slice, ast.Slice):
        low = node.slice.lower
        first = low.value if isinstance(low, ast.Constant) and isinstance(low.value, int) else 0
        later, earlier = constant(first + 1), constant(max(first - 1, 0))
        for lower, upper in (
            (later, None),
            (earlier, None),
            (None, constant(-1)),
            (None, constant(1)),
        ):
            yield "slice", ast.Subscript(node.value, ast.Slice(lower, upper), ast.Load())


def _comprehension(node: _Comprehension, scope: Scope) -> Iterator[Edit]:
    for place, generator in enumerate(node.generators):
        for at in range(len(generator.ifs)):
            edited = copy.deepcopy(node)
            del edited.generators[place].ifs[at]
            yield "filter dropped", edited
    as_list = ast.ListComp(node.elt, node.generators)
    if isinstance(node, ast.SetComp):
        yield "list for set", as_list
        yield "neighbours alike once", _changes(as_list)
    if isinstance(node, ast.ListComp):
        # A set's own order would be another one in each process.
        in_order = called("sorted", ast.SetComp(node.elt, node.generators))
        in_order.keywords.append(ast.keyword("key", ast.Name("repr", ast.Load())))
        yield "set for list", in_order


def _changes(values: ast.expr) -> ast.expr:
    """Return a list without what equals its neighbour before it."""
    parts = "[v for i, v in enumerate(all) if i == 0 or v != all[i - 1]]"
    function = ast.parse(f"lambda all: {parts}", mode="eval").body
    return ast.Call(function, [values], [])


def _list(node: ast.List, scope: Scope) -> Iterator[Edit]:
    if not isinstance(node.ctx, ast.Load):
        return
    for place in range(len(node.elts)):
        rest = node.elts[:place] + node.elts[place + 1 :]
        yield "part dropped", ast.List(rest, ast.Load())
    if len(node.elts) > 1:
        yield "parts reversed", ast.List(node.elts[::-1], ast.Load())


_EDITS: dict[Any, Callable[[Any, Scope], Iterator[Edit]]] = {
    ast.Compare: _comparison,
    ast.BinOp: _operation,
    ast.UnaryOp: _sign,
    ast.BoolOp: _conditions,
    ast.IfExp: _choice,
    ast.Constant: _other_constant,
    ast.Call: _call,
    ast.Name: _other_name,
    ast.Subscript: _subscript,
    _Comprehension: _comprehension,
    ast.List: _list,
}
