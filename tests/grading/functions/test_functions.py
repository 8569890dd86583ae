"""Functions in the sandbox: called on cases that were drawn outside, judged outside, and nothing to
copy inside.
"""

import random

import pytest

from grading.grade.functions import run
from grading.grade.functions.run import run_on
from labs.course.question import Question
from labs.judge.calls import encode
from tests.tools import sandboxed

pytestmark = sandboxed


def drawn(name: str) -> list[dict]:
    """Return secret cases of a function that returns the slowest samples, up to a limit."""
    dice = random.Random(f"a secret {name}")
    cases = []
    for most in (1, 3, 4):
        samples_s = [dice.random() for _ in range(9)]
        slowest = sorted(samples_s)[-most:]
        cases.append({"args": encode([samples_s, most]), "expected": slowest, "says": "No."})
    return cases


@pytest.fixture(autouse=True)
def _asked(monkeypatch):
    """Let every question be one for this function."""

    class Any(dict):
        def __missing__(self, id: str) -> Question:
            return Question(id, "The slowest", "function", 1, name="slowest")

    monkeypatch.setattr(run, "all_questions", Any)


#: What students may write; all share one run.
CELLS = {
    "honest": "def slowest(samples_s, most):\n    return np.sort(samples_s)[-most:]",
    # What speaks to nbval and to Jupyter is text here.
    "speaks": (
        "# NBVAL_SKIP\nget_ipython().run_line_magic('time', '')\n"
        "def slowest(samples_s, most):\n    return sorted(samples_s)[-most:]"
    ),
    "surrogate": "'\ud800'\ndef slowest(samples_s, most):\n    return sorted(samples_s)[-most:]",
    "mistaken": "def slowest(samples_s, most):\n    return np.sort(samples_s)[:most]",
    "raises": (
        "def slowest(samples_s, most):\n    raise ValueError('the secret of ' + str(samples_s))"
    ),
    "names": "raise type('a secret', (Exception,), {})('a secret')",
    "prints": "import sys; _ = print('a secret'), print('a secret', file=sys.stderr), 1 / 0",
    "syntax": "def slowest(samples_s, most:\n    return 1",
    # A comparison that always says yes.
    "spies": (
        "class Spy(list):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "def slowest(samples_s, most):\n    return Spy([0.0] * most)"
    ),
}


def is_right(called: run.Called) -> bool:
    return not called.fault and called.is_right is True


def test_functions_are_judged_outside_by_what_they_return_inside():
    """Only the honest one is right on secret cases, and a cell's output never leaves the
    sandbox.
    """
    rounds = {f"t.{name}.slowest": drawn(name) for name in CELLS}
    cells = {f"t.{name}.slowest": cell for name, cell in CELLS.items()}
    by_id = run_on(rounds, cells, wall_s=200)
    called = {name: by_id[f"t.{name}.slowest"] for name in CELLS}
    assert called["honest"].is_right, called["honest"].fault
    assert {name for name in CELLS if is_right(called[name])} == {"honest", "speaks"}
    # Of what a cell raises, the name of a built-in exception: through others, cases could be read
    # out.
    raised = {"syntax": "SyntaxError", "names": "an exception", "prints": "ZeroDivisionError"}
    for name, error in raised.items():
        assert called[name].fault == run.NOTHING
        assert called[name].ending == f"it raises {error}"
    for function in called.values():
        assert "secret" not in function.fault
        assert "secret" not in function.ending


def test_a_grader_that_can_run_nothing_blames_nobody(monkeypatch):
    """Whose kernel does not start, it says so; whose kernel does start misses a function that gives
    no answer.
    """
    rounds = {"t.cell.slowest": drawn("cell")}
    cells = {"t.cell.slowest": "raise ValueError"}
    (missed,) = run_on(rounds, cells, wall_s=60).values()
    assert (missed.ending, missed.is_absent) == ("it raises ValueError", True)
    monkeypatch.setattr(run, "_command", lambda folder: ["false"])
    (unknown,) = run_on(rounds, cells, wall_s=60).values()
    assert (unknown.fault, unknown.is_absent) == (
        "this grader could not run a cell of its own either",
        False,
    )


class Clock:
    """A sandbox whose time is the sum of given seconds for a kernel and cells; it reads no clock of
    this machine.
    """

    def __init__(self, kernel_s: float) -> None:
        self.now_s = 0.0
        self.kernel_s = kernel_s

    def monotonic(self) -> float:
        return self.now_s

    def run(self, cells, functions, cases, wall_s):
        """Run cells as long as there is time: most write something, one writes nothing, and one
        ends the kernel.
        """
        left_s = wall_s - self.kernel_s
        results = {}
        endings = {0: (True, "")} if left_s > 0 else {}
        alive = True
        for place, (name, source) in enumerate(cells.items(), start=1):
            if alive and left_s > 0:
                left_s -= run.CELL_S if source == "hangs" else 0.1
                alive = source != "hangs"
                if source not in ("hangs", "nothing"):
                    results[name] = [{"value": 1}]
                if alive and left_s > 0:
                    endings[place] = (source != "nothing", "it raises NameError")
        self.now_s += wall_s - max(0.0, left_s)
        return results, endings


@pytest.mark.parametrize(
    ("kernel_s", "hanging", "excused"),
    [
        pytest.param(3, 2, False, id="a grader in time"),
        pytest.param(40, 2, False, id="a slow grader"),
        pytest.param(
            3, 12, False, id="a grader in time, and more cells that hang than it has time for"
        ),
        pytest.param(
            40, 12, True, id="a slow grader, and more cells that hang than it has time for"
        ),
    ],
)
def test_a_cell_that_hangs_costs_itself_and_hides_no_other(
    monkeypatch, kernel_s: int, hanging: int, excused: bool
):
    """The following cells are judged, or lost, in the same way. Only a slow grader whose time ran
    out blames no cell.
    """
    clock = Clock(kernel_s)
    monkeypatch.setattr(run, "time", clock)
    monkeypatch.setattr(run, "_in_sandbox", clock.run)
    sources = ["writes", *["hangs"] * hanging, *["writes", "nothing"] * 5]
    names = [f"t.a{place}.slowest" for place in range(len(sources))]
    cells = dict(zip(names, sources, strict=True))
    called = run_on({name: drawn(name) for name in names}, cells, wall_s=150)
    writing = {name for name in names if cells[name] == "writes"}
    judged = {name for name in names if called[name].is_right is not None}
    assert judged == (writing if hanging < 12 else {names[0]})
    assert excused or all(called[name].is_absent for name in set(names) - judged)
    assert excused == any("this grader" in function.fault for function in called.values())


#: Each ends the kernel, pytest, or patience.
KILLERS = (
    "while True: print('x' * 100, flush=True)",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "import signal; gone = os.kill(os.getppid(), signal.SIGKILL), os.kill(-1, signal.SIGKILL)",
    "while True:\n    try: os.fork()\n    except OSError: pass",
)


def test_cells_that_end_their_run_take_no_other_with_them(monkeypatch):
    """The first of them ends the common run; the rest runs again without it, and the honest one is
    right.

    A cell that has defined its function before it kills has still not come to its end.
    """
    # Long enough for a set-up on a machine with ten other jobs, and still short beside for ever.
    monkeypatch.setattr(run, "CELL_S", 6)
    cells = {}
    for place, killer in enumerate(KILLERS):
        cells[f"t.a{place}.slowest"] = f"{CELLS['honest']}\nimport os\n{killer}"
    last_two = list(cells)[-2:]
    cells["t.b"] = CELLS["honest"]
    called = run_on({name: drawn(name) for name in cells}, cells, wall_s=300)
    assert [name for name, function in called.items() if is_right(function)] == ["t.b"]
    assert all(called[name].is_absent for name in last_two)


def test_the_same_cells_run_once_where_they_were_right_and_any_others_again(monkeypatch):
    """A run with a wrong result is discarded completely, because one of its cells may have
    disturbed another.
    """
    cases = {name: drawn(name) for name in ("t.a", "t.b")}

    def rerun(last: str) -> list[bool]:
        cells = {"t.a": CELLS["honest"], "t.b": CELLS[last]}
        called = run.run_again(cells, wanted=set(cells), cases=cases, wall_s=300)
        return [is_right(called[name]) for name in cells]

    assert [rerun("honest"), rerun("mistaken")] == [[True, True], [True, False]]
    ran = []
    monkeypatch.setattr(run, "run_on", lambda *given, **limits: ran.append(given) or {})
    assert (rerun("honest"), len(ran)) == ([True, True], 0)
    assert (rerun("mistaken"), len(ran)) == ([False, False], 1)
