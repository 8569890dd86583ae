"""How the notebooks' kernels run here: on one processor, and measuring less than a student would.

Everything is real, only shorter. These tests prove that every cell runs, and what each checkpoint says; how precise
a measurement is, ``make rehearse`` shows.
"""

import contextlib
import fcntl
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labs.course.lessons import lessons
from labs.machine import fingerprint

_HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a ``part`` once for each part of the course, so that the suite's workers can share them."""
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", sorted({lesson.part for lesson in lessons()}))


@pytest.fixture(autouse=True)
def one_processor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep this test, and the kernels that it starts, on one processor, where the fewest other such tests are.

    Runtimes spin while they wait for their own threads. Two kernels with two threads each on two processors then spend
    most of their time waiting for each other: the same lessons took five times as long.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS
        yield
        return
    usable = sorted(os.sched_getaffinity(0))
    # A worker's own folder lies in the run's.
    own = tmp_path_factory.getbasetemp()
    locks = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with contextlib.ExitStack() as held:
        places = ((processor, rank) for rank in itertools.count() for processor in _where(request, usable))
        chosen = next(one for one, rank in places if _take(locks / f"processor-{one}-{rank}", held))
        os.sched_setaffinity(0, {chosen})
        yield
        os.sched_setaffinity(0, usable)
    # This process may have looked at the machine meanwhile, and taken it for one with a single processor.
    fingerprint.cache_clear()


def _where(request: pytest.FixtureRequest, usable: list[int]) -> list[int]:
    """Return the processors for a test: the first part's student, whom a whole run waits for, has the first alone."""
    callspec = getattr(request.node, "callspec", None)
    student = callspec and callspec.params.get("number")
    if student is None:
        return usable[::-1]
    return usable[:1] if student == 1 else usable[1:] or usable


def _take(path: Path, held: contextlib.ExitStack) -> bool:
    """Take a processor's lock until ``held`` ends; say whether nobody else had it."""
    lock = held.enter_context(path.open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.fixture
def kernels_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes kernels brisk or hasty from then on, and lets them run more files of this folder."""

    def use(pace: str, *more: str) -> None:
        home = tmp_path / "-".join(("ipython", pace, *more))
        startup = home / "profile_default" / "startup"
        startup.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(("quick", *more)):
            shutil.copy(_HERE / f"{name}_startup.py", startup / f"{number:02d}-{name}.py")
        monkeypatch.setenv("IPYTHONDIR", str(home))
        monkeypatch.setenv("NOTEBOOKS_PACE", pace)

    return use
