"""Which modules are reached from a lesson, a command, a machine's script or the gate.

A module is reached by an import, or because a string of a reached file names it. Many processes
begin with such a name: ``python -m labs.edge``, ``labs/bench/gpu.py``,
``labs.checkpoints.reads.pi:board``. Docstrings and comments start nothing, so they do not count.
"""

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import PurePosixPath

from labs.workspace import PROJECT_DIR, deeper_packages

#: Folders of modules. Of tests, only what `make` starts is reached, such as the benchmarks.
PACKAGES = ("assets", "chameleon_rehearsal", "grading", "labs", "provisioning", "tests")
#: The folder of the one package that does not lie at the root. Its tests reach nothing.
_REHEARSAL = "provisioning/rehearsal/"

_FOLDERS = tuple(f"{package}/" for package in PACKAGES)

#: Data, pages for browsers and settings of tools, which start no process.
_STARTS_NOTHING = (
    ".csv",
    ".html",
    ".ipynb",
    ".json",
    ".jsonl",
    "CHANGELOG.md",
    "constraints.txt",
    "pyproject.toml",
)

#: A command on a page for people. A page also speaks of modules, which starts none of them.
_COMMAND = re.compile(r"python -m\s+[\w.]+")

#: A module's full name, perhaps with a function behind it.
_FULL_NAME = re.compile(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+")

#: The path of a file of Python, or the end of such a path.
_PATH = re.compile(r"[\w./-]*\w\.py\b")


@cache
def files() -> tuple[str, ...]:
    """Return the paths of the repository's files, including uncommitted ones."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=PROJECT_DIR, text=True).splitlines()
    return tuple(path for path in listed if (PROJECT_DIR / path).is_file())


@cache
def modules() -> dict[str, str]:
    """Return the path of each module by its full name; a package's path is its ``__init__.py``."""
    paths = {}
    for path in files():
        place = _place(path)
        if path.endswith(".py") and place.startswith(_FOLDERS):
            name = place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            paths[name] = path
    return paths


def _place(path: str) -> str:
    """Return a file's path as imports see it: a deep dive's package is below ``labs/deeper``, and
    the rehearsal at the root.
    """
    if path.startswith(f"{_REHEARSAL}chameleon_rehearsal/"):
        return path.removeprefix(_REHEARSAL)
    if path.startswith(f"{_REHEARSAL}tests/"):
        return f"tests/{path}"
    for id, folder in deeper_packages().items():
        package = f"{folder.relative_to(PROJECT_DIR).as_posix()}/"
        if path.startswith(package):
            return f"labs/deeper/{id}/{path.removeprefix(package)}"
    return path


@cache
def _by_last_part() -> dict[str, list[str]]:
    """Return the full names of all modules by the last part of the name."""
    names = defaultdict(list)
    for module in modules():
        names[module.rpartition(".")[2]].append(module)
    return names


def begins_by_itself(path: str) -> bool:
    """Return whether a file is a lesson's source, a room's command, or a text of commands."""
    if path.endswith(".py"):
        commands = {f"{package}/__main__.py" for package in PACKAGES}
        is_lesson = path.startswith("notebooks/") and "/tests/" not in path
        return (is_lesson and path not in modules().values()) or path in commands
    if path == f"{_REHEARSAL}pyproject.toml":  # its command, and what pytest loads
        return True
    return not path.startswith("tests/") and not path.endswith(_STARTS_NOTHING)


def _text_of(path: str) -> str:
    """Return a file's text, or the commands of a page; a binary file has none."""
    try:
        text = (PROJECT_DIR / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""
    if path.endswith(".md"):
        return "\n".join(_COMMAND.findall(text))
    return text


def _strings(tree: ast.AST) -> Iterator[str]:
    """Yield the strings of a source, without its docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_string = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_string and id(node) not in docstrings:
            yield node.value


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the project that a source imports, or imports something from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield _module_of(name)


def _module_of(name: str) -> str:
    """Return the module that a full name begins with; an empty text if there is none."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name


def _named(text: str, path: str) -> Iterator[str]:
    """Yield the modules that a text names by a full name, by a path, or by a file near it.

    Args:
        path: The path of the text's file. A file name without a folder means a file beside or below
            this file.
    """
    for name in _FULL_NAME.findall(text):
        module = _module_of(name)
        yield module
        yield f"{module}.__main__"  # of a package, which `python -m` starts
    folder = PurePosixPath(path).parent
    for name in _PATH.findall(text):
        for module in _by_last_part().get(PurePosixPath(name).stem, []):
            place = modules()[module]
            # A text may write `$HOME/serving-labs/labs/edge/cli.py`, or only `edge/cli.py`.
            is_its_path = f"/{place}".endswith(f"/{name}") or name.endswith(f"/{place}")
            is_near = PurePosixPath(place).is_relative_to(folder)
            if is_its_path and ("/" in name or is_near):
                yield module


def _named_in_two_parts(strings: Sequence[str], path: str) -> Iterator[str]:
    """Yield the modules that a source names as ``f"{__name__}.notebook"`` or
    ``f"labs.judge.inside.{name}"``.

    In the second form the last parts stand elsewhere in the source, such as in a table.
    """
    own_package = _place(path).rpartition("/")[0].replace("/", ".")
    packages = [string.removesuffix(".") for string in strings if string.endswith(".")]
    for string in strings:
        last_part = string.partition(":")[0]
        yield f"{own_package}{last_part}"
        for package in packages:
            yield f"{package}.{last_part}"


def _started_by_python(text: str, path: str) -> str:
    """Return the module that Python itself runs if the folder that a string names is on its
    path.
    """
    package = _place(path).rpartition("/")[0].replace("/", ".")
    return f"{package}.{text}.sitecustomize"


@cache
def reached_from(path: str) -> frozenset[str]:
    """Return the modules that one file reaches by itself, with the packages that hold them."""
    text = _text_of(path)
    if path.endswith(".py"):
        tree = ast.parse(text)
        names = set(_imported(tree))
        strings = list(_strings(tree))
        names.update(_named_in_two_parts(strings, path))
        for string in strings:
            names.update(_named(string, path))
            names.add(_started_by_python(string, path))
    else:
        names = set(_named(text, path))
    # Most candidates are no module. A folder without `__init__.py` is no package that an import
    # runs.
    names &= modules().keys()
    packages = {package for name in names for package in _packages_of(name)}
    return frozenset(names | packages & modules().keys())


def _packages_of(name: str) -> Iterator[str]:
    """Yield the full names of the packages that hold a module, which an import runs first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def unreached(without: str = "") -> list[str]:
    """Return the modules that nothing reaches, in order.

    Args:
        without: Path of a folder; the answer is as if that folder were not there.
    """
    waiting = [path for path in files() if begins_by_itself(path)]
    if without:
        waiting = [path for path in waiting if not path.startswith(f"{without}/")]
    reached: set[str] = set()
    while waiting:
        new = reached_from(waiting.pop()) - reached
        reached |= new
        waiting += [modules()[module] for module in new]
    return sorted(modules().keys() - reached)
