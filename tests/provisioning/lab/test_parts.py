"""The whole sequence of every part, through unmodified python-chi, on the rehearsal testbed."""

import getpass
import re
import socket

import pytest

from provisioning.sites.proofs import read
from tests.provisioning.pythons import older_python
from tests.tools import tool

NODE_STEPS = set(
    "lease server address ssh materials environment data work updates drivers services health links".split()
)


@pytest.mark.parametrize(
    ("part", "machine_type", "steps"),
    [
        ("model", "compute_liqid", NODE_STEPS | {"providers"}),
        ("model", "gpu_mi100", NODE_STEPS | {"providers"}),
        ("model", "g1.h100.vgpu.1g.12gb", NODE_STEPS | {"providers", "access"}),
        ("model", "g1.h100.pci.1", NODE_STEPS | {"providers", "access"}),
        (
            "edge",
            "raspberrypi5",
            set("lease container address materials environment data work health links".split()),
        ),
        pytest.param(
            "system", "gpu_p100", NODE_STEPS | {"docker", "containers"}, marks=pytest.mark.slow
        ),
    ],
)
def test_reserve_bring_up_resume_and_release(rehearsal, part, machine_type, steps):
    """What must hold on the way stands in the flow; nothing is left after the release."""
    if part != "edge":
        tool("ssh")  # which brings the machine's ports here
    user = f"ada-{re.sub('[_.]', '-', machine_type)}"
    found = rehearsal.run("part", user, part, machine_type)
    assert set(found["steps"]) == steps
    assert rehearsal.left(user) == []
    # The rehearsal's journal keeps every command that was run on a machine.
    journal = (rehearsal.home / "journal.txt").read_text()
    assert found["token"] not in journal
    proof = read(found["proof"])
    assert (proof["rehearsed"], proof["type"], set(proof["steps"])) == (True, machine_type, steps)
    assert proof["steps"]["environment"]["attempts"] == 2
    assert "Python 3" in proof["facts"]["system"]
    names = (user, found["token"], socket.gethostname(), getpass.getuser(), str(rehearsal.home))
    assert [name for name in names if re.search(rf"\b{re.escape(name)}\b", found["proof"])] == []
    if machine_type == "gpu_mi100":
        assert "rehearsed, not run: rocm-smi" in journal


@pytest.mark.machine
@pytest.mark.parametrize("part", ["model", "edge"])
def test_the_older_python_chi_brings_a_machine_up_too(rehearsal, part):
    """Chameleon's own Jupyter has whichever was current when its image was made."""
    found = rehearsal.run("killed", f"flo-{part}", part, python=older_python())
    assert found["failed"] == {}
    assert list(found["machine"]["held"].values()) == [1, 1, 1]
    assert rehearsal.left(f"flo-{part}") == []


def test_the_process_after_a_killed_one_goes_on_where_that_was(rehearsal):
    """Killed while the server boots, gets its address, receives the course: at no moment is a second one made."""
    killed_at = ("server line", "address started", "materials line")
    rehearsal.ask("POST", "/faults", {"fault": "slow-boot=20000@kit"})
    for seen in killed_at:
        process = rehearsal.start("killed", "kit", "model")
        try:
            assert any(line.startswith(seen) for line in process.stdout), process.stderr.read()[
                -2000:
            ]
        finally:
            process.kill()
            process.communicate()
        assert process.returncode != 0
    found = rehearsal.run("killed", "kit", "model")
    assert found["failed"] == {}
    seen, lease = found["machine"], found["lease"]
    assert seen["held"] == {"server": 1, "floating IP": 1, "lease": 1}
    assert (seen["statuses"], len(seen["addresses"])) == (["ACTIVE"], 1)
    assert [seen["steps"][name]["attempts"] for name in ("lease", "environment")] == [
        1 + len(killed_at),
        1,
    ]
    # The type is what the site's catalogue gives the node that the lease names.
    assert (lease["type"], lease["status"], lease["of_this_name"]) == ("compute_liqid", "ACTIVE", 1)
    assert lease["node"].startswith("liqid")
    assert found["release"]["held"] == []
    assert "no usable lease" in found["missing"]
    assert rehearsal.left("kit") == []
