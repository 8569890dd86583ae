"""Hostile answer cells: nothing hangs, nothing is won, and the lesson beside them is judged as ever.

What they can reach, the sandbox's own tests and Gradescope's say.
"""

from grading.grade.functions import run
from grading.grade.functions.run import NOTHING, Called
from tests.grading.functions.conftest import ADD, HONEST, NAMES
from tests.tools import sandboxed

pytestmark = sandboxed

#: Each ends the kernel, pytest, or patience.
KILLERS = (
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "import os, signal; gone = os.kill(os.getppid(), signal.SIGKILL), os.kill(-1, signal.SIGKILL)",
    "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
)

#: An honest cell in the lesson whose others end its run.
BESIDE = f"spoiled.{NAMES[-1]}"


def right(found: dict[str, Called]) -> set[str]:
    """Return the questions that earned their point."""
    return {name for name, one in found.items() if not one.fault and one.is_right}


def test_cells_that_end_their_run_take_no_other_with_them(rerun):
    """Swallowed interrupts, killing the parent and all, a fork storm.

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
    assert {name for name, one in found.items() if one.is_absent} >= set(list(cells)[1:])


def test_the_same_cells_run_once_where_they_were_right_and_any_others_again(rerun, monkeypatch):
    """Of a run that was not right in everything nothing is kept: one of its cells may have disturbed another."""
    same, wrong = {BESIDE: ADD.format(name=NAMES[-1])}, {BESIDE: ADD.format(name=NAMES[-1]) + " + 1"}
    assert [right(rerun(cells)) for cells in (same, wrong)] == [{BESIDE, HONEST}, {HONEST}]
    ran = []
    monkeypatch.setattr(run, "run_on", lambda *given, **limits: ran.append(given) or {})
    assert right(rerun(same)) == {BESIDE, HONEST}
    assert (len(ran), rerun(wrong)[HONEST].is_absent, len(ran)) == (0, True, 1)


def test_of_what_a_cell_raises_nothing_but_a_built_in_name_comes_out(rerun):
    """Neither its text, nor the name of a class of its own, through which a file could be read out letter by letter.

    Students get no name at all: one for each five bits of a secret case would do.
    """
    raised = {
        "raise ValueError('a secret')": "it raises ValueError",
        "raise type('a secret', (Exception,), {})('a secret')": "it raises an exception",
        "import sys; _ = print('a secret'), print('a secret', file=sys.stderr), 1 / 0": "it raises ZeroDivisionError",
    }
    cells = {f"spoiled.{name}": source for name, source in zip(NAMES, raised, strict=False)}
    found = rerun(cells)
    assert [found[name].said for name in cells] == list(raised.values())
    assert {found[name].fault for name in cells} == {NOTHING}
    assert "secret" not in str({name: found[name] for name in cells})
