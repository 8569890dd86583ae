"""Shared by all tests: marks by folder, and a workspace that is never the developer's own."""

import itertools
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from labs.runtimes.loopback import ANY_PORT_VARIABLE
from labs.workspace import PROJECT_DIR, WORKSPACE_VARIABLE
from provisioning.node.archive import pack, unpack

# glibc gives memory back to the system after each large tensor, and torch, which asks for the next
# at once, then spends two thirds of its time in page faults (of a batch of 64 images: 20,000 faults
# and 58 of 92 ms per image). Keeping it gives the same results sooner. The C library reads this
# when a process starts: the suite's workers, and its kernels.
os.environ.update(
    {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31), "MALLOC_TOP_PAD_": str(2**26)}
)


# `make test` hands its own variables, such as PYTHON, to every process below it. A test's own
# `make` begins without them.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "PYTHON", "ARGS", "MACHINES"):
    os.environ.pop(_name, None)


# An example's time depends on this machine's load, not on the tested code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


# Several workers run lessons at once, and the lessons' known ports are there once.
os.environ[ANY_PORT_VARIABLE] = "1"


#: Of a longer text or file, a test's id shows the beginning. Each of xdist's processes keeps all
#: ids: those of four files of 20 MB took 1.4 GB.
MOST_IN_ID = 60


def pytest_make_parametrize_id(val: object) -> str | None:
    """Return a short id of a long parameter; pytest numbers equal ids."""
    if not isinstance(val, str | bytes) or len(val) <= MOST_IN_ID:
        return None
    beginning = val[:MOST_IN_ID]
    if isinstance(beginning, bytes):
        beginning = beginning.decode("ascii", "backslashreplace")
    return f"{beginning}..."


# First, because xdist reads the groups in a hook of the same name: what is marked after it has no
# effect. The order is set after all hooks, when only the tests that will run are left.
@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """Mark the tests in a folder that is named like a marker, group tests that must run on one
    worker, and order the groups.

    A file's tests share fixtures. Files that share more name a group themselves, as `KNOWN_PORTS`.
    """
    path = config.getoption("--also")
    also = set(path.read_text(encoding="utf-8").splitlines()) if path else set()
    for item in items:
        room = group = _room_of(item.path)
        if room.startswith("notebooks/") and {"part", "number", "machine"} & set(
            getattr(item, "fixturenames", ())
        ):
            group = f"{room}::{item.name}"  # each part of the course on a worker of its own
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
        for folder, marker in (
            ("browser", "browser"),
            ("triton", "triton"),
            ("emulation", "machine"),
        ):
            if folder in room.split("/"):
                item.add_marker(marker)
        if item.nodeid in also:
            item.add_marker("machine")
    yield
    items[:] = _in_the_order_of_workers(items, getattr(config, "workerinput", {}))


def _room_of(path: Path) -> str:
    """Return the path of a file of tests below ``tests/``; a deep dive's own tests are in its
    folder.
    """
    tests = Path(__file__).parent
    return path.relative_to(tests if path.is_relative_to(tests) else PROJECT_DIR).as_posix()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the name of a file for the ids of skipped tests, and of one whose tests run with the
    machines'.
    """
    parser.addoption(
        "--skipped-to", type=Path, help="write the ids of skipped tests to a file, one per line"
    )
    parser.addoption("--also", type=Path, help="mark the tests of such a file with 'machine'")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Write the file, if its path was given."""
    if path := config.getoption("--skipped-to"):
        ids = {report.nodeid for report in terminalreporter.stats.get("skipped", ())}
        # xdist adds a test's group to its id.
        path.write_text(
            "".join(f"{re.sub(r'@[^@]*$', '', id)}\n" for id in sorted(ids)), encoding="utf-8"
        )


def _in_the_order_of_workers(items: list[pytest.Item], worker: dict) -> Iterable[pytest.Item]:
    """Return the tests in the order in which workers take groups: what lasts long begins first.

    A test's own timeout says that it may take longer than others; a group of several files takes
    longer than one of a single file. At the start xdist gives each worker a second group, which
    waits until the first one ends: none that lasts long may wait there.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(item.get_closest_marker("xdist_group").args[0], []).append(item)
    ordered = sorted(groups.values(), key=_lasts_long, reverse=True)
    workers = worker.get("workercount", 0)
    first, others = ordered[:workers], ordered[workers:]
    place = max(0, len(others) - workers)
    return itertools.chain(*first, *others[place:], *others[:place])


def _lasts_long(group: list[pytest.Item]) -> tuple[float, bool]:
    return max(map(_timeout_s, group)), len({item.path for item in group}) > 1


def _timeout_s(item: pytest.Item) -> float:
    own = item.get_closest_marker("timeout")
    return max(own.args[0], 600) if own else 600


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a new, empty workspace."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    """Forget what a test drew: pyplot keeps its figures for all of the process, and the next test
    would find them.
    """
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def unpack_course(target: Path) -> Path:
    """Unpack the archive that students get, and return where."""
    with tarfile.open(pack(PROJECT_DIR, target.with_suffix(".tar.gz")).path) as packed:
        unpack(packed, target)
    return target


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The students' archive, unpacked, with this environment where set-up would make one."""
    folder = unpack_course(tmp_path_factory.mktemp("a student's") / "course")
    (folder / ".venv").mkdir()
    for name in ("lib", "pyvenv.cfg"):
        (folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    programs = folder / ".venv" / "bin"
    programs.mkdir()
    for program in (Path(sys.prefix) / "bin").iterdir():
        # A program in Python starts the Python beside it; of a linked one that would be this
        # environment's.
        if program.is_file() and program.read_bytes().startswith(b"#!"):
            shutil.copy(program, programs)
        else:
            (programs / program.name).symlink_to(program)
    (folder / ".venv" / ".installed").write_text(f"{folder}\n")
    return folder
