"""Hostile answer cells: nothing hangs, nothing is won, and the lesson beside them is judged as ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grading.grade.functions.run import NOTHING, Called
from grading.grade.sandbox import abilities
from tests.grading.functions.conftest import ADD, HONEST, NAMES
from tests.grading.sandbox.test_sandbox import _command_lines

pytestmark = pytest.mark.skipif(not abilities().apart, reason="no sandbox here")

#: Each ends the kernel, pytest, or patience.
KILLERS = (
    "while True: pass",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "for i in range(20_000): display(i)\nprint('x' * 200_000_000)\nimport os; os._exit(0)",
    "import os, signal; os.kill(os.getppid(), signal.SIGKILL); os.kill(-1, signal.SIGKILL)",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
)

#: The first of these may end when they are interrupted.
_LOOPS = 3

#: An honest cell in the lesson whose others end its run.
BESIDE = f"spoiled.{NAMES[-1]}"


def right(found: dict[str, Called]) -> set[str]:
    """Return the questions that earned their point."""
    return {name for name, one in found.items() if not one.fault and one.is_right}


def test_cells_that_end_their_run_take_no_other_with_them(rerun):
    """Endless loops, swallowed interrupts, a flood, killing itself, the parent and all, a fork storm.

    The run together is lost to the first of them. What is left runs again without it, and the honest ones earn their
    points.
    """
    cells = {
        f"spoiled.{name}": f"{ADD.format(name=name)}\n{killer}" for name, killer in zip(NAMES, KILLERS, strict=False)
    }
    found = rerun({**cells, BESIDE: ADD.format(name=NAMES[-1])})
    # A cell that has defined its function before it kills has still not come to its end.
    assert {name for name in cells if not found[name].fault} == set()
    assert right(found) == {BESIDE, HONEST}
    # Of a loop that could be interrupted, the function may be there. What ends its run is gone with it.
    assert {name for name, one in found.items() if one.is_absent} >= set(list(cells)[_LOOPS:])


def test_what_a_cell_may_try_without_ending_its_run(rerun, tmp_path: Path):
    """All in one kernel: each attempt fails, or is of no use, and the honest cell beside them earns its point."""
    results = tmp_path / "results"
    results.mkdir(mode=0o700)
    (results / "results.json").write_text("{}")
    marker = f"9{os.getpid()}"
    attempts = (
        # An input, an exit, a skip: nbval's own ways round a cell.
        "# NBVAL_SKIP\ninput('who is there?')",
        OTHERS_FILES.format(results=results / "results.json"),
        ALWAYS_EQUAL,
        # Memory, disk, network, a daemon, a hook that rewrites later cells.
        GREED.format(marker=marker),
        HOOK,
        "raise SystemExit('enough')",
        # Sources, hidden rows, the history, tests: what a cell can read, it can print into its error.
        PEEK,
    )
    cells = {f"spoiled.{name}": attempt for name, attempt in zip(NAMES, attempts, strict=True)}
    found = rerun(cells)
    assert right(found) == {HONEST}
    assert (results / "results.json").read_text() == "{}"
    assert marker not in _command_lines()
    if abilities().bubblewrap:
        assert found[f"spoiled.{NAMES[6]}"].said == "it raises LookupError"
    assert found[f"spoiled.{NAMES[3]}"].said != "it raises RuntimeError"


PEEK = """
import grading, labs
from pathlib import Path
room, course = Path(grading.__path__[0]), Path(labs.__path__[0]).parent
secret = [room / "builder", room / "grade" / "hidden.py", course / "notebooks", course / "provisioning"]
secret += [course / ".git", course / "tests", Path("/home")]
seen = [path for path in secret if path.exists()]
raise RuntimeError(str(seen)) if seen else LookupError("nothing")
"""

OTHERS_FILES = """
import json
from pathlib import Path
def b(one, other):
    # The cases lie there, and their results do not.
    cases = json.loads(Path("cases.json").read_text())["spoiled.b"]
    return cases[0]
for target in ("{results}", "../results.json"):
    try: Path(target).write_text('{{"score": 1000}}')
    except OSError as error: print(error)
"""

ALWAYS_EQUAL = """
class Equal(float):
    def __eq__(self, other): return True
    def __le__(self, other): return True
    def __ge__(self, other): return True
    __hash__ = float.__hash__
import labs.checkpoints.cases
labs.checkpoints.cases.close = lambda *_: True
labs.checkpoints.cases.fault = lambda *_: None
def c(one, other): return Equal(1e9)
"""

GREED = """
import os, socket, subprocess
subprocess.Popen(["setsid", "sleep", "{marker}"])
try:
    socket.create_connection(("1.1.1.1", 53), 1)
    raise RuntimeError("reached the network")
except OSError: pass
try:
    with open("large", "wb") as file:
        while True: file.write(bytes(1 << 20))
except OSError: pass
bytearray(9 << 30)
"""

HOOK = """
import ast
class Pass(ast.NodeTransformer):
    def visit_Assert(self, node): return None
get_ipython().ast_transformers.append(Pass())
get_ipython().events.register("pre_run_cell", lambda info: print(info.raw_cell))
def e(one, other): return None
"""


def test_of_what_a_cell_raises_nothing_but_a_built_in_name_comes_out(rerun):
    """Neither its text, nor the name of a class of its own, through which a file could be read out letter by letter.

    Students get no name at all: one for each five bits of a secret case would do.
    """
    raised = {
        "raise ValueError('a secret')": "it raises ValueError",
        "raise type('a secret', (Exception,), {})('a secret')": "it raises an exception",
        "import sys; print('a secret'); print('a secret', file=sys.stderr); 1 / 0": "it raises ZeroDivisionError",
    }
    cells = {f"spoiled.{name}": source for name, source in zip(NAMES, raised, strict=False)}
    found = rerun(cells)
    assert [found[name].said for name in cells] == list(raised.values())
    assert {found[name].fault for name in cells} == {NOTHING}
    assert "secret" not in str({name: found[name] for name in cells})
