"""A machine of one's own in the place of a leased one: everything in one folder, nothing left after
the release.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import asyncssh
import psutil
import pytest

from chameleon_rehearsal.testing import ReachableNode
from labs.course.lease_record import CLASS_SITE
from labs.sites.spec import load_spec, own_option
from provisioning.own.look import Inspection
from provisioning.own.place import way_to
from provisioning.own.shared import SharedPlace
from provisioning.setup.plan import plan
from provisioning.setup.steps import steps_for
from provisioning.testbed import LeaseRequest
from tests.provisioning.own.plain import PlainMachine, differences, make_root, require_root
from tests.provisioning.rehearsed import KNOWN_PORTS, REHEARSAL, ROOT, small_course
from tests.tools import tool

pytestmark = KNOWN_PORTS
slow = partial(pytest.param, marks=pytest.mark.slow)
FLOWS = Path(__file__).with_name("flows")


class OwnNode(ReachableNode):
    """A rehearsed node that knows nothing of Chameleon, with a file of its owner's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.home / "thesis.txt").write_text("the owner's")
        acceptor = next(iter(self._listeners._open.values())).acceptor
        self.port = acceptor.get_port()
        public = asyncssh.read_private_key(folder / "world" / "host_key").export_public_key()
        #: Its line of known_hosts.
        self.host_key = f"[127.0.0.1]:{self.port} {public.decode().strip()}"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OwnNode]:
    tool("ssh")
    own_node = OwnNode(tmp_path)
    try:
        yield own_node
    finally:
        # A test that ends before its release leaves a Jupyter in a session of its own.
        for pid in processes_of(own_node.home):
            psutil.Process(pid).kill()
        own_node.end()


def environment(home: Path) -> dict[str, str]:
    """Return the variables of a laptop with an empty home."""
    home.mkdir(exist_ok=True)
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "LABS_OWNER": "ada"}
    variables["LABS_STATE"] = str(home / "state")
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(REHEARSAL)])
    return variables


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def processes_of(home: Path) -> list[int]:
    """Return the processes whose home is below a folder."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME", "").startswith(f"{home}/"):
                left.append(process.pid)
        except psutil.Error:
            continue
    return left


def start(flow: str, home: Path, *words: object) -> subprocess.Popen[str]:
    """Start a flow as a laptop's program: with a home, and so with known hosts, of its own."""
    command = [sys.executable, str(FLOWS / f"{flow}.py"), *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=environment(home), stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def run(flow: str, home: Path, *words: object) -> str:
    """Run a flow, in which all that it asserts must hold, and return what it printed."""
    process = start(flow, home, *words)
    try:
        output, _ = process.communicate(timeout=1500)
    finally:
        process.kill()
    assert process.returncode == 0, output[-8000:]
    return output


@pytest.mark.parametrize("part", [slow("model"), slow("system"), "edge"])
def test_a_part_runs_there_and_leaves_nothing(node: OwnNode, tmp_path: Path, part: str):
    """From the unknown host key to the release; the flow asserts what must hold on the way."""
    course = small_course(tmp_path / "course", "a100", "p100", "edge")
    before = tree(node.home)
    words = (course, part, f"cc@127.0.0.1:{node.port}", tmp_path / "key", node.host_key)
    run("part", tmp_path / "laptop", *words)
    assert tree(node.home) == before
    assert processes_of(node.home) == []


@pytest.mark.slow
def test_students_take_turns_with_one_machine(node: OwnNode, tmp_path: Path):
    """Each has it in the block alone; the flow asserts that the second finds nothing of the first,
    whether or not the first one's block ended in order.
    """
    course = small_course(tmp_path / "course", "a100")
    before = tree(node.home)
    laptop = tmp_path / "laptop"
    (laptop / ".ssh").mkdir(parents=True)
    (tmp_path / "key").rename(laptop / ".ssh" / "id_ed25519")
    output = run("turns", laptop, course, f"cc@127.0.0.1:{node.port}", node.host_key, node.home)
    assert "CLEARED BY ITSELF" in output
    assert "RELEASED" in output
    assert tree(node.home) == before
    assert processes_of(node.home) == []


@pytest.mark.slow
def test_nine_kills_leave_one_set_up(node: OwnNode, tmp_path: Path):
    """Killed after any line, the next run goes on; at the end there is one of everything."""
    course = small_course(tmp_path / "course", "a100")
    laptop = tmp_path / "laptop"
    words = (course, "model", f"cc@127.0.0.1:{node.port}", tmp_path / "key", node.host_key)
    draw = random.Random(46)
    kills = 0
    for _ in range(9):
        process = start("up", laptop, *words)
        try:
            # Twelve steps begin and end, and say something in between.
            for _ in range(draw.randint(1, 40)):
                process.stdout.readline()
        finally:
            process.kill()
            process.communicate()
        kills += process.returncode < 0
    assert kills == 9
    assert "RESULT" in run("up", laptop, *words)
    home = node.home / "serve-model-ada"
    own = home / ".serving-labs"
    assert not list(own.glob("*.new"))
    assert {path.name for path in node.home.iterdir()} == {"thesis.txt", "serve-model-ada"}
    jupyters = []
    for pid in processes_of(node.home):
        line = psutil.Process(pid).cmdline()
        if "--no-browser" in line:
            jupyters.append(pid)
    assert jupyters == [int((own / "jupyter.pid").read_text())]


def left_on(machine: PlainMachine, before: dict[str, list[str]], most: int = 0) -> list[str]:
    """Return the differences from before, as soon as there are few enough, or after a minute: a
    session of OpenSSH ends a moment after its connection.
    """
    until_s = time.monotonic() + 60
    left = differences(before, machine.state())
    while len(left) > most and time.monotonic() < until_s:
        time.sleep(0.2)
        left = differences(before, machine.state())
    return left


@pytest.mark.slow
@pytest.mark.machine
@pytest.mark.parametrize("account", ["ada", "bob"], ids=["with sudo", "without sudo"])
def test_a_plain_server_is_left_as_it_was(tmp_path: Path, account: str):
    """OpenSSH's own server and a real environment from the pins: files, processes, ports, users
    and groups are the same before and after.
    """
    require_root()
    root = tmp_path / "root"
    make_root(root)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    machine = PlainMachine(root, key.export_public_key().decode())
    try:
        before = machine.state()
        words = (ROOT, "edge", f"{account}@127.0.0.1:{machine.port}", tmp_path / "key")
        output = run("part", tmp_path / "laptop", *words, machine.host_key)
        assert ("sudo: without a password" in output) == (account == "ada")
        assert left_on(machine, before) == []
    finally:
        machine.end()


@pytest.mark.slow
@pytest.mark.machine
def test_a_plain_server_clears_itself_between_two_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """On OpenSSH's own server, without sudo: a block's end leaves nothing but the calendar, and the
    last booking takes that along.
    """
    require_root()
    make_root(tmp_path / "root")
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    machine = PlainMachine(tmp_path / "root", key.export_public_key().decode())
    try:
        before = machine.state()
        known_hosts = tmp_path / ".ssh" / "known_hosts"
        known_hosts.parent.mkdir()
        known_hosts.write_text(f"{machine.host_key}\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("LABS_SSH_KEY", str(tmp_path / "key"))
        place = SharedPlace(f"{CLASS_SITE}bob@127.0.0.1:{machine.port}")
        in_an_hour = place.now() + timedelta(hours=1)
        first = LeaseRequest("serve-edge-ada", "own", "class-edge", None, in_an_hour)
        lease = place.reserve(first)
        place.boot(lease.name, lease.id, "", "")
        (seen,) = place.machines()
        # A server that nobody ends, and a file.
        shell = place.shell(seen)
        assert (
            shell.run("echo private > notes; setsid sleep 9999 > /dev/null 2>&1 &").exit_code == 0
        )
        assert "sleep 9999" in " ".join(machine.state()["processes"])
        place.extend_lease(lease.id, place.now() + timedelta(seconds=1))
        left = left_on(machine, before, most=2)
        # The folder of the calendar, and its file.
        assert len(left) == 2
        assert all(".serving-labs-class" in line for line in left), left
        second = replace(first, name="serve-edge-eve")
        its_lease = place.reserve(second)
        place.boot(second.name, its_lease.id, "", "")
        (seen,) = place.machines()
        assert "notes" not in place.shell(seen).run("find .").output
        for held in (its_lease, lease):
            place.delete_lease(held.id)
        assert left_on(machine, before) == []
    finally:
        machine.end()


# The look

GPU = ["NVIDIA A100, 40960 MiB, 560.35"]
PLAIN = {"kernel": ["Linux 6.8 x86_64"], "venv": ["yes"], "free_gb": ["200"], "home": ["/home/ada"]}


@pytest.mark.parametrize(
    ("part", "seen", "machine", "lacking"),
    [
        ("model", {"gpu": GPU}, "a100", ""),
        ("system", {"gpu": GPU}, "p100", ""),
        ("model", {"amd": ["AMD Instinct MI100"]}, "mi100", ""),
        ("edge", {}, "edge", ""),
        ("model", {}, "", "a GPU with its driver"),
        ("system", {"amd": ["AMD Instinct MI100"]}, "", "a GPU with its driver"),
        ("edge", {"venv": []}, "edge", "sudo apt-get install python3-venv"),
        ("edge", {"lacks": ["ps", "flock"]}, "edge", "apt-get install procps util-linux"),
        ("model", {"gpu": GPU, "free_gb": ["9"]}, "a100", "9 GB are free"),
        ("edge", {"folder": ["not ours"]}, "edge", "is there already"),
    ],
)
def test_the_look_says_what_a_machine_lacks(part, seen, machine, lacking):
    """By what it says about itself, and before anything is made on it."""
    inspection = Inspection(part, "ada@box", {**PLAIN, **seen})
    assert inspection.machine == machine
    said = "; ".join(inspection.lacking())
    assert (lacking in said) if lacking else said == ""
    assert ("Everything goes into ~/serve-" in inspection.text()) == bool(machine)


def test_a_resumed_set_up_needs_no_more_room():
    """The packages that fill the disk are its own."""
    inspection = Inspection("edge", "ada@box", {**PLAIN, "free_gb": ["1"], "folder": ["ours"]})
    assert inspection.lacking() == []


@pytest.mark.parametrize(
    ("part", "machine", "names"),
    [
        ("model", "a100", {"environment", "providers", "services"}),
        ("system", "p100", {"environment", "containers", "services"}),
        ("edge", "edge", {"environment"}),
    ],
)
def test_set_up_changes_nothing_of_the_system(part, machine, names):
    """Neither updates nor drivers nor Docker are touched, and what is left keeps its order."""
    steps = plan(steps_for(load_spec(part), own_option(machine, "a box"))).steps
    usual = {"lease", "server", "ssh", "materials", "data", "work", "health", "links"}
    assert {step.name for step in steps} == usual | names
    needs = {step.name: set(step.needs) for step in steps}
    assert needs["environment"] == {"materials"}
    assert needs["ssh"] == {"server"}
    assert needs["health"] >= ({"services"} if "services" in names else {"environment"})


def test_a_machine_is_named_as_ssh_names_it():
    """With a user, so that nobody signs in as somebody else; and with its port."""
    way = way_to("ada@box.example:2222", "")
    assert (way.user, way.host, way.port) == ("ada", "box.example", 2222)
    for wrong in ("box", "ada@", "ada@box:", "ada@box; rm -r x", "-oProxyCommand=x@box"):
        with pytest.raises(ValueError, match="write it as user@host"):
            way_to(wrong, "")
