"""Run the notebooks' kernels on one processor, with shorter measurements than a student's.

Everything is real, only shorter. These tests prove that every cell runs, and check each
checkpoint's message; ``make rehearse`` shows the precision of a measurement.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.builder.sources import sources
from labs.course.lessons import lessons
from labs.machine import fingerprint

_HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a ``part`` once for each part of the course, so that the suite's
    workers can share them. All but the first part take long.
    """
    if "part" in metafunc.fixturenames:
        first, *others = sorted({lesson.part for lesson in lessons()})
        slow = [pytest.param(part, marks=pytest.mark.slow) for part in others]
        metafunc.parametrize("part", [first, *slow])


@pytest.fixture(autouse=True)
def one_processor() -> Iterator[None]:
    """Keep this test, and the kernels that it starts, on one processor, its worker's.

    Runtimes spin while they wait for their own threads. Two kernels with two threads each on two
    processors then spend most of their time waiting for each other: the same lessons took five
    times longer.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS
        yield
        return
    usable, worker = sorted(os.sched_getaffinity(0)), os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    os.sched_setaffinity(0, {usable[int(worker.removeprefix("gw")) % len(usable)]})
    yield
    os.sched_setaffinity(0, usable)
    # This process may have looked at the machine meanwhile, and taken it for one with a single
    # processor.
    fingerprint.cache_clear()


@pytest.fixture
def kernels_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes kernels brisk or hasty from then on, by words that
    quick_startup.py knows. A lesson may have such a file of its own, beside its tests.
    """

    def use(*pace: str) -> None:
        startup = tmp_path / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True, exist_ok=True)
        shutil.copy(_HERE / "quick_startup.py", startup)
        for lesson in sources():
            # IPython runs it next: the order is that of the names.
            copy = startup / f"quick_startup_{lesson.id}.py"
            own = lesson.folder / "tests" / "quick_startup.py"
            copy.unlink(missing_ok=True)
            if f"lesson-{lesson.id}" in pace and own.is_file():
                shutil.copy(own, copy)
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        monkeypatch.setenv("NOTEBOOKS_PACE", " ".join(pace))

    return use
