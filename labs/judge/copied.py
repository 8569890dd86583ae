"""Find functions of the course that were copied into a student's program."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

#: Folders of ``labs`` with services, measuring loops and jobs: what lessons ask students to write.
_FOLDERS = ("bench", "edge", "serve")

#: Nodes of syntax from which two functions of the same text are no coincidence.
_LEAST_NODES = 40


def copied_function(content: bytes) -> str:
    """Return the first function of the course that a program holds, such as
    'labs.bench.timing.time_calls'; an empty text if there is none.

    A function is known by its body without docstring and annotations, under whatever name, also in
    a text that the program runs.
    """
    published = _published()
    for function in _functions(content.decode(errors="replace")):
        if name := published.get(_form(function)):
            return name
    return ""


@functools.cache
def _published() -> dict[str, str]:
    labs = Path(__file__).parents[1]
    published = {}
    for folder in _FOLDERS:
        for path in sorted((labs / folder).rglob("*.py")):
            module = ".".join(path.relative_to(labs.parent).with_suffix("").parts)
            for function in _functions(path.read_text(encoding="utf-8")):
                form = _form(function)
                if form:
                    published[form] = f"{module}.{function.name}"
    return published


def _functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of a program, and of programs in its texts."""
    texts = [text]
    while texts:
        try:
            tree = ast.parse(texts.pop())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node
            elif isinstance(node, ast.Constant) and "def " in str(node.value):
                texts.append(str(node.value))


def _form(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return what two copies of a function share; an empty text of a short one."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) else function.body
    if sum(1 for statement in body for _ in ast.walk(statement)) < _LEAST_NODES:
        return ""
    parameters = [argument.arg for argument in function.args.args]
    return f"{parameters} {[ast.dump(statement) for statement in body]}"
