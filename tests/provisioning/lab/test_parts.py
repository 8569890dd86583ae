"""The whole sequence of every part, through unmodified python-chi, on the rehearsal testbed."""

import getpass
import re
import socket
from functools import partial

import pytest

from labs.sites.proofs import read
from tests.provisioning.pythons import older_python
from tests.provisioning.rehearsed import KNOWN_PORTS
from tests.tools import tool

pytestmark = KNOWN_PORTS
slow = partial(pytest.param, marks=pytest.mark.slow)

NODE_STEPS = {
    "lease",
    "server",
    "address",
    "ssh",
    "materials",
    "environment",
    "data",
    "work",
    "updates",
    "drivers",
    "services",
    "health",
    "links",
}


@pytest.mark.parametrize(
    ("part", "machine_type", "steps"),
    [
        ("model", "compute_liqid", NODE_STEPS | {"providers"}),
        slow("model", "gpu_mi100", NODE_STEPS | {"providers"}),
        slow("model", "g1.h100.vgpu.1g.12gb", NODE_STEPS | {"providers", "access"}),
        slow("model", "g1.h100.pci.1", NODE_STEPS | {"providers", "access"}),
        (
            "edge",
            "raspberrypi5",
            {
                "lease",
                "container",
                "address",
                "materials",
                "environment",
                "data",
                "work",
                "health",
                "links",
            },
        ),
        slow("system", "gpu_p100", NODE_STEPS | {"docker", "containers"}),
    ],
)
def test_reserve_bring_up_resume_and_release(rehearsal, part, machine_type, steps):
    """The flow checks the steps on the way; nothing is left after the release."""
    if part != "edge":
        tool("ssh")  # which brings the machine's ports here
    user = f"ada-{re.sub('[_.]', '-', machine_type)}"
    result = rehearsal.run("part", user, part, machine_type)
    assert set(result["steps"]) == steps
    assert rehearsal.left(user) == []
    # The rehearsal's journal keeps every command that was run on a machine.
    journal = (rehearsal.home / "journal.txt").read_text()
    assert result["token"] not in journal
    proof = read(result["proof"])
    assert proof["rehearsed"] is True
    assert proof["type"] == machine_type
    assert set(proof["steps"]) == steps
    assert proof["steps"]["environment"]["attempts"] == 2
    assert "Python 3" in proof["facts"]["system"]
    names = (user, result["token"], socket.gethostname(), getpass.getuser(), str(rehearsal.home))
    for name in names:
        assert re.search(rf"\b{re.escape(name)}\b", result["proof"]) is None
    if machine_type == "gpu_mi100":
        assert "rehearsed, not run: rocm-smi" in journal


@pytest.mark.machine
@pytest.mark.parametrize("part", ["model", "edge"])
def test_the_older_python_chi_brings_a_machine_up_too(rehearsal, part):
    """Chameleon's own Jupyter has whichever was current when its image was made."""
    result = rehearsal.run("killed", f"flo-{part}", part, python=older_python())
    assert result["failed"] == {}
    assert list(result["machine"]["held"].values()) == [1, 1, 1]
    assert rehearsal.left(f"flo-{part}") == []


def test_the_process_after_a_killed_one_goes_on_where_that_was(rehearsal):
    """Killed while the server boots, gets its address, receives the course: at no moment is a
    second one made.
    """
    killed_at = ("server line", "address started", "materials line")
    rehearsal.ask("POST", "/faults", {"fault": "slow-boot=20000@kit"})
    for moment in killed_at:
        process = rehearsal.start("killed", "kit", "model")
        try:
            reached = any(line.startswith(moment) for line in process.stdout)
            assert reached, process.stderr.read()[-2000:]
        finally:
            process.kill()
            process.communicate()
        assert process.returncode != 0
    result = rehearsal.run("killed", "kit", "model")
    assert result["failed"] == {}
    machine = result["machine"]
    assert machine["held"] == {"server": 1, "floating IP": 1, "lease": 1}
    assert machine["statuses"] == ["ACTIVE"]
    assert len(machine["addresses"]) == 1
    assert machine["steps"]["lease"]["attempts"] == 1 + len(killed_at)
    assert machine["steps"]["environment"]["attempts"] == 1
    # The type is the catalogue's type of the lease's node.
    lease = result["lease"]
    assert lease["type"] == "compute_liqid"
    assert lease["status"] == "ACTIVE"
    assert lease["of_this_name"] == 1
    assert lease["node"].startswith("liqid")
    assert result["release"]["held"] == []
    assert "no usable lease" in result["missing"]
    assert rehearsal.left("kit") == []
