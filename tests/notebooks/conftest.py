"""How the notebooks' kernels run here: on one processor, and measuring less than a student would.

Everything is real, only shorter. These tests prove that every cell runs, and what each checkpoint says; how precise
a measurement is, ``make rehearse`` shows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labs.course import lessons
from labs.machine import fingerprint

_HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a ``part`` once for each part of the course, so that the suite's workers can share them.

    No part needs what another one has left in the workspace.
    """
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", sorted({lesson.part for lesson in lessons()}))


@pytest.fixture(autouse=True)
def one_processor() -> Iterator[None]:
    """Keep this test, and the kernels that it starts, on one processor, each worker of the suite on another.

    Runtimes spin while they wait for their own threads. Two kernels with two threads each on two processors then spend
    most of their time waiting for each other: the same lessons took five times as long.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS
        yield
        return
    usable = sorted(os.sched_getaffinity(0))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.sched_setaffinity(0, {usable[worker % len(usable)]})
    yield
    os.sched_setaffinity(0, usable)
    # This process may have looked at the machine meanwhile, and taken it for one with a single processor.
    fingerprint.cache_clear()


@pytest.fixture
def kernels_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that lets every kernel of this test run files of this folder before its first cell."""

    def use(*names: str) -> None:
        startup = tmp_path / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        for number, name in enumerate(names):
            shutil.copy(_HERE / name, startup / f"{number:02d}-{name}")
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    return use
