"""Hostile answer cells: nothing hangs, nothing is won, and the lesson beside them is judged as ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grading.grade.functions.run import NOTHING
from grading.grade.sandbox import abilities
from tests.grading.sandbox.test_sandbox import _command_lines

SPOILED, HONEST = "s.several.rate", "s.theory.batch"

pytestmark = pytest.mark.skipif(not abilities().apart, reason="no sandbox here")

#: What a student would write who knows a neighbour's numbers.
TYPED = f'answer("{SPOILED}", {{"queue_s": 0.0126, "share": 0.5}})'

#: Each ends the run, or patience; some in each lesson.
KILLERS = {
    "s.best.meets": "while True: pass",
    "s.best.cost": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "s.several.rate": "import os, signal; os.kill(os.getppid(), signal.SIGKILL); os.kill(-1, signal.SIGKILL)",
    "s.ensemble.busy": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "s.ensemble.most": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "s.best.next": "for i in range(20_000): display(i)\nprint('x' * 200_000_000)\nimport os; os._exit(0)",
    "s.queue.line": "import os; os._exit(0)",
}

#: An honest cell in a lesson whose first one ends its run.
BESIDE = "s.queue.little"


def test_cells_that_end_their_run_take_no_other_lesson_with_them(rerun, right, key):
    """Endless loops, swallowed interrupts, killing itself, the parent and all, a fork storm, a flood, a quiet exit.

    What ends a run is left out of the next one, and the honest ones get their points.
    """
    cells = {name: f"{key.answers[name]}\n{killer}" for name, killer in KILLERS.items()}
    found = rerun({**cells, BESIDE: key.answers[BESIDE]})
    # A cell that has answered before it kills has still not come to its end. Where bubblewrap leaves nobody else to
    # kill, trying to does no harm, to the cell either.
    others = {name for name, one in found.items() if name in cells and not one.is_absent}
    assert others <= {SPOILED}
    assert {name for name, one in found.items() if right(one, name)} == {BESIDE, HONEST} | others


def test_what_a_cell_may_try_without_ending_its_run(rerun, right, tmp_path: Path):
    """All in one run: each attempt fails, or is of no use, and the honest cell beside them earns its point."""
    results = tmp_path / "results"
    results.mkdir(mode=0o700)
    (results / "results.json").write_text("{}")
    marker = f"9{os.getpid()}"
    cells = {
        # An input that nobody gives.
        "s.best.meets": f"{TYPED}\ninput('who is there?')",
        # Its own records, on which typed numbers are right, and another's results.
        "s.best.cost": OWN_RECORDS.format(results=results / "results.json"),
        SPOILED: TYPED,
        # An answer that equals everything, and a checkpoint that likes everything.
        "s.ensemble.busy": ALWAYS_EQUAL,
        # Memory, disk, network, a daemon, a hook that rewrites later cells.
        "s.best.best": GREED.format(marker=marker),
        "s.ensemble.most": HOOK,
        "s.theory.applies": "raise SystemExit('enough')",
        # Answers and hidden checkpoints: what a cell can read, it can print into its error.
        "s.best.next": PEEK,
    }
    found = rerun(cells)
    assert {name: right(one, name) for name, one in found.items()} == {**dict.fromkeys(cells, False), HONEST: True}
    assert (results / "results.json").read_text() == "{}"
    assert marker not in _command_lines()
    if abilities().bubblewrap:
        assert found["s.best.next"].said == "it raises LookupError"
    assert found["s.best.best"].said != "it raises RuntimeError"


#: Answers, hidden checkpoints, the questions with their right functions, the history and the tests.
PEEK = """
import grading, labs
from pathlib import Path
room, course = Path(grading.__path__[0]), Path(labs.__path__[0]).parent
secret = [room / "answers", room / "hidden", room / "checkpoints", course / ".git", course / "tests", Path("/home")]
seen = [path for path in secret if path.exists()]
raise RuntimeError(str(seen)) if seen else LookupError("nothing")
"""

OWN_RECORDS = """
import json
from pathlib import Path
lines = [json.loads(line) for line in Path("ledger.jsonl").read_text().splitlines()]
for line in lines:
    if line.get("kind") == "latency":
        line["samples"] = [0.0126] * 90 + [0.0139] * 9 + [0.0151]
Path("ledger.jsonl").write_text("".join(json.dumps(line) + chr(10) for line in lines))
for target in ("{results}", "../results.json"):
    try: Path(target).write_text('{{"score": 1000}}')
    except OSError as error: print(error)
answer("s.best.cost", 16 * 100)
"""

ALWAYS_EQUAL = """
class Equal(float):
    def __eq__(self, other): return True
    def __le__(self, other): return True
    def __ge__(self, other): return True
    __hash__ = float.__hash__
try:
    import grading.checkpoints.registry as registry
    registry.Checkpoint.verdict = lambda self, entries: passed("fine")
except ImportError: pass
answer("s.ensemble.busy", Equal(1e9))
"""

GREED = """
import os, socket, subprocess
subprocess.Popen(["setsid", "sleep", "{marker}"])
answer("s.best.best", 3)
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
answer("s.ensemble.most", {"low": 0.5, "high": 0.6, "claim": "compiled is faster"})
"""


def test_of_what_a_cell_raises_nothing_but_a_built_in_name_comes_out(rerun):
    """Neither its text, nor the name of a class of its own, through which a file could be read out letter by letter.

    Students get no name at all: one for each five bits of a secret case would do.
    """
    cells = {
        "s.several.rate": "raise ValueError('a secret')",
        "s.best.meets": "raise type('a secret', (Exception,), {})('a secret')",
        "s.ensemble.busy": "import sys; print('a secret'); print('a secret', file=sys.stderr); 1 / 0",
    }
    found = rerun(cells)
    assert found["s.several.rate"].said == "it raises ValueError"
    assert found["s.best.meets"].said == "it raises an exception"
    assert found["s.ensemble.busy"].said == "it raises ZeroDivisionError"
    assert {found[name].fault for name in cells} == {NOTHING}
    assert "secret" not in str({name: found[name] for name in cells})
