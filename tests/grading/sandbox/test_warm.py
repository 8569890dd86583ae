"""Walls around a fork are the walls around a command: seen from inside they are the same, and every test of the sandbox
is run once more behind them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.artefacts.inspect import _path
from grading.sandbox import Limits, Outcome, Sandbox, abilities
from grading.sandbox.run import unprivileged
from grading.sandbox.warm import Warm
from labs.workspace import PROJECT_DIR
from tests.grading.sandbox import probe
from tests.grading.sandbox.test_sandbox import *  # noqa: F403  # once more, behind the other walls
from tests.grading.sandbox.test_sandbox import _command_lines
from tests.grading.sandbox.test_surroundings import *  # noqa: F403

CAN = abilities()

PROBE = "tests.grading.sandbox.probe"

pytestmark = pytest.mark.skipif(not Warm.is_possible(CAN), reason="not every wall can be built here")

LIMITS = Limits(wall_s=20, cpu_s=20, memory_bytes=1 << 30, processes=40, open_files=200)


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    """Return a process that forks."""
    made = Warm(PROBE, _path())
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _walls_of_forks(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command of the sandbox's own tests run in a fork, where the host that a test plays has all walls."""
    usual = Sandbox.run

    def run(self: Sandbox, command, *, limits: Limits, variables=None) -> Outcome:
        if not Warm.is_possible(self.can):
            return usual(self, command, limits=limits, variables=variables)
        found = warm.call(self, command, limits)
        assert found is not None, warm.refused
        return found

    monkeypatch.setattr(Sandbox, "run", run)
    monkeypatch.setattr(Sandbox, "started", usual, raising=False)


def both(sandbox: Sandbox, warm: Warm) -> tuple[dict, dict]:
    """Return what is seen by a command that was started, and by a fork, in one sandbox."""
    command = [sys.executable, "-S", "-m", PROBE]
    started = sandbox.started(command, limits=LIMITS, variables={"PYTHONPATH": _path()})
    assert started.returncode == 0, started.errors
    forked = warm.call(sandbox, [], LIMITS)
    assert forked is not None, warm.refused
    assert forked.returncode == 0, forked.errors
    return json.loads(started.output), json.loads(forked.output)


def test_seen_from_inside_both_kinds_of_walls_are_the_same(warm: Warm, tmp_path: Path):
    """User, groups, capabilities, limits, mounts, environment, descriptors, processes: line by line."""
    with Sandbox(hide=[tmp_path, PROJECT_DIR / "grading" / "answers"]) as sandbox:
        started, forked = both(sandbox, warm)
        user = [str(sandbox.user)] * 4
    here = probe.seen()
    for found in (started, forked):
        spaces = found.pop("namespaces")
        # A fork is not told what its own are, which only shows in that it is not: its files in /proc are root's.
        apart = {name for name, told in spaces.items() if told != here["namespaces"][name]}
        assert {"mnt", "net", "ipc", "pid"} <= apart
    assert forked == started
    assert forked["status"]["Uid"] == forked["status"]["Gid"] == user
    assert forked["status"]["NoNewPrivs"] == ["1"]
    assert forked["status"]["Groups"] == []
    assert {forked["status"][name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert forked["open files"] == [0, 1, 2]
    assert forked["networks"] == 1


def test_namespaces_are_new_ones(warm: Warm):
    """Looked at from outside, where they are told."""
    with Sandbox() as sandbox:
        calling = threading.Thread(target=warm.call, args=(sandbox, ["/bin/sleep", "20"], LIMITS))
        calling.start()
        found: list[Path] = []
        while not found and calling.is_alive():
            found = [path for path in Path("/proc").iterdir() if path.name.isdigit() and _user(path) == sandbox.user]
        for name in ("mnt", "net", "ipc", "pid"):
            mine, its = (Path(place, "ns", name).readlink() for place in ("/proc/self", found[0]))
            assert mine != its, name
        sandbox.kill_leftovers()
        calling.join()


def test_forks_know_nothing_of_each_other_nor_of_the_grader(warm: Warm, monkeypatch: pytest.MonkeyPatch):
    """What one left in its memory or folder is gone with it, and no variable of the grader's comes through."""
    monkeypatch.setenv("TOKEN", "secret")
    for _ in range(2):
        with Sandbox() as sandbox:
            found = warm.call(sandbox, ["/bin/sh", "-c", "ls; env; id -u; echo x > left; cat /proc/1/environ"], LIMITS)
            assert found is not None
            assert "left" not in found.output
            assert "secret" not in found.output
            assert str(sandbox.user) in found.output


def test_a_process_that_died_is_replaced_and_the_call_in_hand_is_said_to_have_failed(warm: Warm):
    """By the kernel, for memory, say: what was asked of it ends with it."""
    with Sandbox() as sandbox:
        assert warm.call(sandbox, ["/bin/true"], LIMITS).returncode == 0
        threading.Timer(1, os.kill, (warm._process.pid, signal.SIGKILL)).start()
        marker = f"5{os.getpid()}1"
        found = warm.call(sandbox, ["/bin/sh", "-c", f"exec setsid sleep {marker}"], LIMITS)
        assert (found.returncode, found.timed_out) == (-9, False)
        assert marker not in _command_lines()
        assert warm.call(sandbox, ["/bin/echo", "again"], LIMITS).output == "again\n"


def test_where_a_wall_cannot_be_built_nothing_is_opened_and_nothing_is_asked_again():
    """The usual way is taken instead, which knows what a host lacks."""
    made = Warm(PROBE, _path())
    try:
        with Sandbox() as sandbox:
            asked = made._asked
            made._asked = lambda *given: {**asked(*given), "view": "exit 97"}
            assert made.call(sandbox, ["/bin/sh", "-c", "echo opened"], LIMITS) is None
            assert "view of the files" in made.refused
            made._asked = asked
            assert made.call(sandbox, ["/bin/true"], LIMITS) is None
    finally:
        made.close()


def test_a_host_without_all_walls_is_not_asked():
    """Most containers, and a grader who is no root."""
    assert not Warm.is_possible(unprivileged(CAN))
    with Sandbox(can=unprivileged(CAN)) as sandbox:
        assert Warm(PROBE, _path()).call(sandbox, ["/bin/true"], LIMITS) is None


def _user(process: Path) -> int:
    """Return the user that a process runs as; its files in /proc are root's where it may not be looked at."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return -1
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))
