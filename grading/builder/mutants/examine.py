"""The fate of a function's mutants: the public cases refuse it, it is the same function, the lesson
excuses it, or it survives.

Students see only the public cases. So these must refuse every wrong idea: no student may be right
at home and wrong in the grader. A mutant that no case refuses is the same function if it agrees
with the solution on calls from the question's domain (``grading.builder.questions.domain``).
Otherwise the lesson's ``excuses.toml`` gives the reason why it may pass, by the mutant's change,
below the function's name.
"""

import ast
import json
import textwrap
import tomllib
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import getsource
from typing import Any

import numpy as np

from grading.builder.compiled import answered, cell_of, drawn, solutions
from grading.builder.mutants.edited import Call, Mutant, mutants_of, parameters
from grading.builder.questions import Asked, written
from labs.course.cases import judge, shown
from labs.course.cells import define, names
from labs.course.lessons import Lesson, LessonError
from labs.judge.calls import call, decode

#: Most turns of a mutant's ``while`` loops in one call; a loop with more turns never ends.
_MOST_TURNS = 600
_TURN = "count_turn"

Case = Mapping[str, Any]


@dataclass(frozen=True)
class Survivor:
    """A wrong function that every public case calls right."""

    label: str
    change: str
    #: The first call of the domain on which it is wrong, and the right result.
    call: str
    expected: str


@dataclass
class QuestionMutants:
    """The results of one question's mutants."""

    question: str
    mutants: int = 0
    refused: int = 0
    #: They agree with the solution on all calls of the domain.
    same: int = 0
    #: Changes that the lesson excuses, with its reasons.
    excused: dict[str, str] = field(default_factory=dict)
    survivors: list[Survivor] = field(default_factory=list)
    #: Excuses without effect: the mutants die without them, too.
    needless: list[str] = field(default_factory=list)
    #: The fewest calls of the domain that refuse all survivors: the missing cases.
    missing: list[str] = field(default_factory=list)


def functions(lesson: Lesson) -> list[str]:
    """Return the ids of a lesson's questions that ask for a function."""
    return [id for id, asked in written(lesson).items() if asked.cases]


def examine(lesson: Lesson, id: str) -> QuestionMutants:
    """Return what becomes of the mutants of a question's solution, and of its second one.

    Raises:
        LessonError: The question gives no domain.
    """
    asked = written(lesson)[id]
    name = solutions(lesson)[id].__name__
    public = drawn(lesson, id, np.random.default_rng(zlib.crc32(id.encode())))
    domain = domain_cases(lesson, id)
    excuses = _excuses(lesson).get(name, {})
    examined = QuestionMutants(id)
    surviving = []
    for mutant in _all_mutants(lesson, id, asked, name, public):
        examined.mutants += 1
        function = _made(mutant.source, name)
        if function is None or not _passes(function, name, public):
            examined.refused += 1
            continue
        wrong = [case for case in domain if not _passes(function, name, [case])]
        if not wrong:
            examined.same += 1
        elif mutant.change in excuses:
            examined.excused[mutant.change] = excuses[mutant.change]
        else:
            expected = shown(decode(wrong[0]["expected"], arrays=False))
            first = _as_call(name, wrong[0])
            survivor = Survivor(mutant.label, mutant.change, first, expected)
            examined.survivors.append(survivor)
            surviving.append(function)
    examined.needless = [change for change in excuses if change not in examined.excused]
    examined.missing = [_as_call(name, case) for case in _fewest(surviving, name, domain)]
    return examined


def domain_cases(lesson: Lesson, id: str) -> list[dict[str, Any]]:
    """Return calls of a question's domain, each once, with its solution's results.

    Raises:
        LessonError: The question gives no domain, or the solution stops on a call of it.
    """
    asked = written(lesson)[id]
    if asked.domain is None:
        raise LessonError(
            f"{id} gives no domain: write a function below it that draws the arguments of any "
            f"call that the docstring allows, and decorate it with @domain({id!r})"
        )
    random = np.random.default_rng(0)
    by_arguments = {}
    for _ in range(asked.draws):
        (case,) = answered(lesson, id, [(asked.domain(random), "")])
        by_arguments[json.dumps(case["args"])] = case
    return list(by_arguments.values())


def _all_mutants(
    lesson: Lesson, id: str, asked: Asked, name: str, public: Sequence[Case]
) -> list[Mutant]:
    """Return the mutants of a question's solution and of its second one, each once."""
    source = cell_of(lesson, id)
    calls = []
    for case in public:
        arguments = dict(zip(parameters(source, name), decode(case["args"]), strict=True))
        calls.append(Call(arguments, decode(case["expected"], arrays=False)))
    mutants = mutants_of(source, name, calls)
    if asked.another:
        other = _renamed(asked.another, name)
        mutants += mutants_of(other, name, calls)
    return list({mutant.source: mutant for mutant in mutants}.values())


def _renamed(function: Callable, name: str) -> str:
    """Return a function's text under another name, without its decorators."""
    tree = ast.parse(textwrap.dedent(getsource(function)))
    (definition,) = tree.body
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError("a second solution is a function")
    definition.name = name
    definition.decorator_list = []
    return ast.unparse(tree)


def _excuses(lesson: Lesson) -> dict[str, dict[str, str]]:
    path = lesson.folder / "excuses.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


class _EndlessError(Exception):
    """A loop turns too often."""


class _Turns(ast.NodeTransformer):
    """Counts the turns of ``while`` loops; all others end by themselves."""

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.parse(f"{_TURN}()").body[0])
        return node


def _made(source: str, name: str) -> Callable | None:
    """Return the function that a mutant's text makes, or None if that text stops."""
    scope = names(source)
    tree = ast.fix_missing_locations(_Turns().visit(ast.parse(source)))
    turns = [0]
    scope[_TURN] = partial(_count, turns)
    with warnings.catch_warnings(action="ignore"):
        try:
            define(ast.unparse(tree), scope)
        except Exception:
            return None
    function = scope[name]

    def counted(*arguments: Any) -> Any:
        turns[0] = 0
        return function(*arguments)

    return counted


def _count(turns: list[int]) -> None:
    turns[0] += 1
    if turns[0] > _MOST_TURNS:
        raise _EndlessError("it never ends")


def _passes(function: Callable, name: str, cases: Sequence[Case]) -> bool:
    """Return whether a function is right on some cases, asked one by one until it is wrong."""
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        for case in cases:
            if not judge(name, [case], call(function, [case["args"]])).ok:
                return False
    return True


def _as_call(name: str, case: Case) -> str:
    arguments = ", ".join(map(repr, decode(case["args"], arrays=False)))
    return f"{name}({arguments})"


def _fewest(wrong: Sequence[Callable], name: str, domain: Sequence[Case]) -> list[Case]:
    """Return few calls on which each of these functions is wrong once: greedily, the short ones
    first.
    """
    left = set(range(len(wrong)))
    caught = []
    for case in sorted(domain, key=lambda case: len(json.dumps(case["args"]))):
        places = {place for place in left if not _passes(wrong[place], name, [case])}
        caught.append((places, case))
    chosen = []
    while left:
        places, case = max(caught, key=lambda row: len(row[0] & left))
        chosen.append(case)
        left -= places
    return chosen
