"""A script that was stopped ends well the second time, whatever stopped it; an index that is away is told."""

import functools
from pathlib import Path

import pytest

from tests.provisioning.node.conftest import Machine
from tests.provisioning.node.test_recipes import tool
from tests.provisioning.node.test_scripts import NO_KEY


def _with_free(gb: str, machine: Machine) -> None:
    machine.write("free-gb", gb)


def _half_made(machine: Machine) -> None:
    (machine.home / ".serving-labs/venv/lib").mkdir(parents=True)


@pytest.mark.parametrize(
    ("script", "first", "left", "called"),
    [
        ("environment.sh", False, _half_made, "uv venv"),
        ("environment.sh", True, functools.partial(_with_free, "1"), ""),
        ("containers.sh", True, functools.partial(_with_free, "1"), "docker compose up"),
        ("docker.sh", False, lambda machine: machine.write("interrupted", ""), "dpkg --force-confold --configure -a"),
    ],
    ids=["a half-made environment", "no room, and nothing to make", "no room, and the image is there", "half of dpkg"],
)
def test_what_an_earlier_run_left_is_no_obstacle(machine: Machine, script: str, first: bool, left, called: str):
    """Whatever state it is in; what is needed is asked for only by a run that still has work to do."""
    if script == "containers.sh":
        tool("docker-compose")
        machine.install("docker.io", "nvidia-container-toolkit")
    if first:
        assert machine.run(script, "p100", "system", changes=NO_KEY).returncode == 0
    before = len(machine.calls)
    left(machine)
    done = machine.run(script, "p100", "system", changes=NO_KEY)
    assert done.returncode == 0, done.stderr
    assert [call for call in machine.calls[before:] if call.startswith(called)]


@pytest.mark.parametrize(
    ("script", "name"),
    [("drivers.sh", "p100"), ("environment.sh", "p100"), ("docker.sh", "p100"), ("containers.sh", "p100")],
)
def test_stopped_after_any_command_a_script_ends_as_if_it_had_not_been(tmp_path: Path, script: str, name: str):
    """Killed after its first, second, … last command and run again: the same files, and the same report."""
    if script == "containers.sh":
        tool("docker-compose")

    def ran(stop: int) -> tuple[list[str], list[str], set[str]]:
        machine = Machine(tmp_path / str(stop))
        if script == "containers.sh":
            machine.install("docker.io", "nvidia-container-toolkit")
        if stop:
            machine.run(script, name, "system", changes=NO_KEY, STUB_STOP=str(stop))
            assert len(machine.calls) >= stop
        done = machine.run(script, name, "system", changes=NO_KEY)
        assert done.returncode == 0, f"stopped after {machine.calls[:stop][-1:]}: {done.stderr}"
        places = [machine.home, machine.folder / "etc", machine.folder / "bin", machine.folder / "keyrings"]
        files = {str(path.relative_to(machine.folder)) for place in places for path in place.rglob("*")}
        return machine.calls, [line for line in done.stdout.splitlines() if line.startswith("report ")], files

    calls, *whole = ran(0)
    assert whole[0]
    for stop, call in enumerate(calls, 1):
        if not call.startswith(("sudo ", "df ")):  # sudo's own command is the next one
            assert list(ran(stop)[1:]) == whole, f"stopped after {call}"


@pytest.fixture
def real_apt(machine: Machine) -> Machine:
    """A machine with this computer's apt, in a root of its own, and a script that only updates the indexes."""
    root = machine.folder
    for name in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg", "index", "unsigned"):
        (root / name).mkdir(parents=True)
    for name in ("var/lib/dpkg/status", "index/Packages", "unsigned/Packages"):
        (root / name).touch()
    machine.program("apt-get", f'#!/bin/sh\nexec {tool("apt-get")} "$@"\n')
    machine.write("apt.conf", f'Dir "{root}"; Acquire::Retries "0"; APT::Sandbox::User "root";')
    fetch = machine.home / "serving-labs/provisioning/node/bin/fetch.sh"
    (fetch.parent / "update.sh").write_text(f"set -eu\n. {fetch}\napt_get update\n")
    return machine


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("", ""),
        ("deb [trusted=yes] http://127.0.0.1:9/ubuntu noble main", "http://127.0.0.1:9/ubuntu/dists/noble/InRelease"),
        ("deb [trusted=yes] file:{root}/nothing ./", "file:{root}/nothing/./Packages"),
        ("deb file:{root}/unsigned ./", "file:{root}/unsigned"),
    ],
    ids=["every index is there", "nothing answers", "no index there", "nobody signed it"],
)
def test_an_index_that_cannot_be_had_is_a_failure_that_names_it(real_apt: Machine, source: str, named: str):
    """By a real apt, which otherwise ends well with what it has; the other index is there each time."""
    root = real_apt.folder
    lines = ["deb [trusted=yes] file:{root}/index ./", source]
    (root / "etc/apt/sources.list").write_text("\n".join(lines).format(root=root) + "\n")
    done = real_apt.run("update.sh", APT_CONFIG=str(root / "apt.conf"))
    if not named:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 100
    assert f"found: no index of packages at {named.format(root=root)}\n" in done.stderr
    assert "way out: run this step again" in done.stderr
