"""A function's source as a lesson shows it: cut from the module's file, which is not imported."""

from __future__ import annotations

import ast
from pathlib import Path

from labs.course import NOTEBOOKS_DIR

#: The rooms whose functions a lesson can show.
ROOMS = ("labs", "provisioning")


def source_of(shows: str, *, root: Path = NOTEBOOKS_DIR.parent) -> str:
    """Return the source of top-level functions, classes or constants, decorators and docstrings included.

    Args:
        shows: Where and what: ``"labs.preprocess:softmax"``, or several names: ``"labs.preprocess:resize,crop"``.
        root: The checkout.

    Raises:
        LookupError: There is no such module, or it has no such name; the message lists those that it has.
    """
    module, _, names = shows.partition(":")
    if module.partition(".")[0] not in ROOMS or not names:
        raise LookupError(f'shows="{shows}" wants a module of {" or ".join(ROOMS)} and a name: "labs.stats:percentile"')
    base = root.joinpath(*module.split("."))
    path = next((one for one in (base.with_suffix(".py"), base / "__init__.py") if one.is_file()), None)
    if path is None:
        raise LookupError(f'shows="{shows}": there is no module {module}')
    text = path.read_text(encoding="utf-8")
    defined = _definitions(text)
    wanted = [name.strip() for name in names.split(",")]
    missing = [name for name in wanted if name not in defined]
    if missing:
        raise LookupError(f'shows="{shows}": {path.name} defines no {", ".join(missing)}; it has {", ".join(defined)}')
    return "\n\n\n".join(defined[name] for name in wanted)


def _definitions(text: str) -> dict[str, str]:
    """Return the sources of what a module defines at its top level, by name."""
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        first = node.lineno
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
            first = min([first, *(one.lineno for one in node.decorator_list)])
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            names = [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []
        found |= {name: "\n".join(lines[first - 1 : node.end_lineno]) for name in names}
    return found
