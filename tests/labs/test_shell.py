"""The lines that messages name as the way out: made by one helper, and they run where their reader
types them.
"""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: A command as people spell it, without a style sheet's `msl` and uv's own commands.
SPELLED = re.compile(
    r"\bpython3? -m|(?<![.\w-])msl (?!msl-)[a-z]|\.venv/bin|(?<=[`' (])(?<!uv )pip3? install"
    r"|\bmake (-C|setup|lab|clean|test|doctor|check|machines|notebooks|emulate|rehearse)\b"
)


def spelled(path: Path, text: str) -> Iterator[str]:
    """Yield what spells a command itself: in Python's texts but not in docstrings, in all of
    another file.
    """
    if path.suffix != ".py":
        yield from (line for line in text.splitlines() if SPELLED.search(line))
        return
    tree = ast.parse(text)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield from (line for line in node.value.splitlines() if SPELLED.search(line))


def test_no_message_spells_an_interpreter_or_a_command_itself():
    """Readers differ in their PATH, and in whether and where they have an environment."""
    files = [
        path for room in ("labs", "provisioning", "grading") for path in (ROOT / room).rglob("*")
    ]
    # The helper itself; and set-up, which make runs in the reader's own shell, before there is an
    # environment.
    own = {
        ROOT / "labs/shell.py",
        ROOT / "provisioning/environment.py",
        ROOT / "provisioning/computer.py",
    }
    messages = {}
    for path in files:
        if path.suffix not in (".py", ".js", ".html") or path in own or "tests" in path.parts:
            continue
        if lines := list(spelled(path, path.read_text(encoding="utf-8"))):
            messages[str(path.relative_to(ROOT))] = lines
    assert messages == {}


def environment(course: Path, **variables: str) -> dict[str, str]:
    """Return what every process of a reader has: no environment's programs on the path."""
    # The course is installed from its own repository here, and would lend what the archive lacks.
    path = os.pathsep.join(name for name in os.defpath.split(os.pathsep) if name)
    return {
        "PATH": path,
        "HOME": str(course.parent),
        "PYTHONPATH": str(course),
        "LANG": "C.UTF-8",
        **variables,
    }


def bash(line: str, folder: Path, given: dict[str, str]) -> str:
    """Return what a line prints in a shell of the reader's."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


KERNEL = "from IPython.core.interactiveshell import InteractiveShell as shell; shell.instance(); "
SAY = (
    "import json; from labs.shell import *; print(json.dumps([msl('rehearsal status'), "
    "python('labs gpu'), setup()]))"
)


@pytest.mark.parametrize(
    ("course", "reader"),
    [("unpacked", reader) for reader in ("terminal", "elsewhere", "activated", "kernel", "hub")]
    + [("checkout", reader) for reader in ("terminal", "kernel")],
)
def test_the_lines_run_where_their_reader_types_them(
    request: pytest.FixtureRequest, course: str, reader: str
):
    """In the course's folder or in another, in an active environment, beside a kernel, where
    nothing is installed.
    """
    course = ROOT if course == "checkout" else request.getfixturevalue(course)
    own = course / ".venv" / "bin" / "python"
    program, given, folder = (
        str(own if own.exists() else sys.executable),
        environment(course),
        course / "notebooks",
    )
    if reader == "terminal":
        folder = course
    if reader == "activated":
        given["PATH"] = f"{Path(program).parent}{os.pathsep}{given['PATH']}"
    if reader == "hub":  # has the packages, and the course as a folder; its path wants quotes
        program, folder = getattr(sys, "_base_executable"), course  # noqa: B009 - typeshed does not know it
        given |= {"PYTHONPATH": sysconfig.get_path("purelib"), "HOME": str(course.parents[1])}
    beside_a_kernel = reader in ("kernel", "hub")
    say = [program, "-c", KERNEL * beside_a_kernel + SAY]
    msl, python, setup = json.loads(subprocess.check_output(say, cwd=folder, env=given, text=True))
    # Who looks at a notebook opens a terminal anywhere.
    typed_in = Path("/") if beside_a_kernel else folder
    assert "Show the clock" in bash(f"{msl} --help", typed_in, given)
    assert "fits" in bash(f"{python} --help", typed_in, given)
    assert "provisioning.environment" in bash(f"{setup} --dry-run --always-make", typed_in, given)
    if course != ROOT:
        shortest = {
            "terminal": ".venv/bin/msl ",
            "activated": "msl ",
            "kernel": "~/course/.venv/bin/msl ",
        }
        assert msl.startswith(shortest.get(reader, ""))


def test_who_has_no_credentials_is_told_a_line_that_turns_the_shell_to_the_rehearsal(
    unpacked: Path, tmp_path: Path
):
    """Pasted as it stands; `eval` of a program that is not there would end with 0, and nothing
    would be set.
    """
    given = environment(unpacked, REHEARSAL_HOME=str(tmp_path / "home"))
    words = [".venv/bin/msl", "lease", "plan", "model"]
    done = subprocess.run(
        words, cwd=unpacked, env=given, capture_output=True, text=True, check=False
    )
    (line,) = re.findall("`(eval .*?)`", done.stderr)
    try:
        assert bash(f'{line} && echo "$OS_AUTH_URL"', unpacked, given).startswith(
            "http://127.0.0.1:"
        )
        assert "faults: none" in bash(".venv/bin/msl rehearsal status", unpacked, given)
    finally:
        assert "stopped" in bash(".venv/bin/msl rehearsal down", unpacked, given)
