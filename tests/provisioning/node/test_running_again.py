"""A script that was stopped ends well the second time, wherever it was stopped; an index that is
away is told.
"""

import itertools
import re
import shutil
import subprocess
import time

import pytest

from labs.sites.spec import load_spec
from provisioning.setup.steps import steps_for
from tests.provisioning.node.conftest import Machine
from tests.provisioning.node.test_recipes import SCRIPTS, tool
from tests.provisioning.node.test_scripts import MACHINES

#: The first option of each folder of pins, and every script of node/bin in the order of its steps.
KINDS = {option.machine: (part, option) for (*_, part), option in reversed(MACHINES.items())}
STEPS = {name: steps_for(load_spec(part), option) for name, (part, option) in KINDS.items()}
SCRIPTED = [path.stem for path in SCRIPTS if path.stem != "proof"]  # that one only looks
RUNS = {
    name: [step.name for step in steps if step.name in SCRIPTED] for name, steps in STEPS.items()
}
CASES = [(name, script) for script in SCRIPTED for name, run in RUNS.items() if script in run]


def _state(machine: Machine, output: str = "") -> dict[str, bytes]:
    """Return a machine's state: its files by path, its running services, the script's report."""
    files = {}
    for top in (machine.folder / name for name in ("home", "etc", "bin", "keyrings", "unpacked")):
        files |= {
            str(path): path.read_bytes() if path.is_file() else b""
            for path in [top, *top.rglob("*")]
        }
    key = next((name for name in files if name.endswith("p100/.env")), "")
    files |= (
        {key: re.sub(b"(?<=LABS_TRITON_KEY=)[0-9a-f]{32}", b"drawn", files[key])} if key else {}
    )
    files.pop(str(machine.home / ".serving-labs/jupyter.pid"), None)
    files["reports"] = "".join(re.findall("^report .*\n", output, re.MULTILINE)).encode()
    files["serves"] = str(_served(machine)).encode()
    return files


def _served(machine: Machine) -> list[str]:
    locks = machine.folder.glob("serves-*")
    return [
        lock.name
        for lock in locks
        if subprocess.run(["flock", "-n", lock, "true"], check=False).returncode
    ]


# Every point with the machines, since that takes some minutes; every twelfth one each time.
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.machine)])
@pytest.mark.parametrize(("name", "script"), CASES)
def test_stopped_at_any_point_a_script_ends_as_if_it_had_not_been(
    prepared, name: str, script: str, every: int
):
    """Killed with its process group after its first, second, … command, or amid one, and run again:
    the same machine.

    And one that ended well leaves everything as it is, with no more room than there is left.
    """
    assert {script for _, script in CASES} == {*SCRIPTED}
    part, option = KINDS[name]
    machine, arguments = prepared(option.image), (name, part, "127.0.0.1", "8888")

    def run(script: str, stop: int = 0):
        (machine.folder / "points").write_text("")
        return machine.run(f"{script}.sh", *arguments, STUB_STOP=str(stop))

    for earlier in RUNS[name][: RUNS[name].index(script)]:
        assert (done := run(earlier)).returncode == 0, done.stderr
    original, seen = machine.folder.rename(machine.folder.with_name("kept")), []
    shutil.copytree(original, machine.folder, symlinks=True)
    whole = _state(machine, run(script).stdout)
    for stop in itertools.count(1, every):
        shutil.rmtree(machine.folder)
        shutil.copytree(original, machine.folder, symlinks=True)
        first = run(script, stop)
        assert first.returncode in (-9, 0), first.stderr
        while first.returncode and _served(machine):
            time.sleep(0.01)  # killed, and not gone yet
        # A state equal to an earlier point's is repaired in the same way.
        if (left := _state(machine)) not in seen:
            seen.append(left)
            done = run(script)
            assert done.returncode == 0, f"stopped at {stop}: {done.stderr}"
            assert _state(machine, done.stdout) == whole, f"stopped at {stop}"
        if first.returncode == 0:
            # it has no more points; and a second run after a whole one leaves everything as it is
            break
    print(
        f"{script}.sh on {name}: {stop - 1} points, {len(seen)} states, each then as an "
        "uninterrupted run leaves it"
    )


@pytest.fixture
def real_apt(machine: Machine) -> Machine:
    """A machine with this computer's apt, in a separate root, and a script that only updates the
    indexes.
    """
    root = machine.folder
    for name in (
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/lib/dpkg",
        "index",
        "unsigned",
    ):
        (root / name).mkdir(parents=True)
    for name in ("var/lib/dpkg/status", "index/Packages", "unsigned/Packages"):
        (root / name).touch()
    machine.program("apt-get", f'#!/bin/sh\nexec {tool("apt-get")} "$@"\n')
    machine.write("apt.conf", f'Dir "{root}"; Acquire::Retries "0"; APT::Sandbox::User "root";')
    fetch = machine.home / "serving-labs/provisioning/node/bin/fetch.sh"
    (fetch.parent / "update.sh").write_text(f"set -euo pipefail\n. {fetch}\napt_get update\n")
    return machine


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("", ""),
        (
            "deb [trusted=yes] http://127.0.0.1:9/ubuntu noble main",
            "http://127.0.0.1:9/ubuntu/dists/noble/InRelease",
        ),
        ("deb [trusted=yes] file:{root}/nothing ./", "file:{root}/nothing/./Packages"),
        ("deb file:{root}/unsigned ./", "file:{root}/unsigned"),
    ],
    ids=["every index is there", "nothing answers", "no index there", "nobody signed it"],
)
def test_an_index_that_cannot_be_had_is_a_failure_that_names_it(
    real_apt: Machine, source: str, named: str
):
    """By a real apt, which otherwise succeeds with its old indexes; the other index is there each
    time.
    """
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
