"""The whole sequence of every part, through unmodified python-chi, on the rehearsal testbed."""

from __future__ import annotations

import re

import pytest

from provisioning.setup.reach import JUPYTER_PORT, first_notebook, ports_of
from tests.provisioning.pythons import older_python

NODE_STEPS = set("lease server address ssh materials environment data work drivers services health links".split())


@pytest.mark.parametrize(
    ("part", "machine_type", "steps"),
    [
        ("model", "compute_liqid", NODE_STEPS | {"providers"}),
        ("model", "gpu_mi100", NODE_STEPS | {"providers"}),
        ("model", "g1.h100.vgpu.1g.12gb", NODE_STEPS | {"providers", "access"}),
        ("model", "g1.h100.pci.1", NODE_STEPS | {"providers", "access"}),
        ("edge", "raspberrypi5", set("lease container address materials environment data work health links".split())),
        pytest.param("system", "gpu_p100", NODE_STEPS | {"docker", "containers"}, marks=pytest.mark.slow),
    ],
)
def test_reserve_bring_up_resume_and_release(rehearsal, part, machine_type, steps):
    """One of everything, also after a second run; what was copied is whole; nothing is left after the release."""
    user = f"ada-{re.sub('[_.]', '-', machine_type)}"
    virtual = "access" in steps
    found = rehearsal.run("part", user, part, machine_type)
    assert found["failed"] == {}
    assert found["found"] == machine_type
    assert set(found["steps"]) == steps
    assert found["held"] == found["held again"] == [1, 1, 1, int(virtual)]
    assert set(found["attempts"].values()) == {2}
    assert found["model bytes"] == 11 * 2**20
    address, _, token = found["links"]["jupyter"].partition("token=")
    assert address
    # The rehearsal's journal keeps every command that was run on a machine.
    assert token not in (rehearsal.home / "journal.txt").read_text()
    assert "failed" not in found["checks"].values()
    assert found["left"] == [0, 0, 0, 0]
    assert rehearsal.left(user) == []
    assert not found["record left"]
    if part != "edge":
        # Jupyter really runs on the rehearsed node, and refuses whoever has no token.
        assert found["checks"]["Jupyter"] == "ok"
        assert "127.0.0.1" in found["links"]["jupyter"]
        assert found["links"]["ssh"].startswith("ssh -F ")
        # Through the node's SSH server, with python-chi's key, to the port that the link names.
        assert found["opened"]["status"] == 200
        assert {int(port) for port in found["reached"]} >= set(ports_of(part)) - {JUPYTER_PORT}
        assert first_notebook(part) in found["links"]["jupyter"]
        # What a laptop has made arrives with no more than the address and the key, once.
        assert found["moved"] == [1, 0, 0]
        assert "token" not in found["links"]["ssh"] + found["links"]["forward"]
    else:
        # A container's ports are opened when it is made, or never.
        assert found["container's ports"] == [sorted(ports_of(part))]
        assert {int(port) for port in found["reached"]} == set(ports_of(part))
        assert found["device"].startswith(f"serve-edge-{user} at 127.77.3.")
    if machine_type == "gpu_mi100":
        lines = (rehearsal.home / "journal.txt").read_text().splitlines()
        assert any("rehearsed, not run: rocm-smi" in line for line in lines)
    name = f"serve-{part}-{user}"
    for command, words in {
        "plan": ("choose a block (rehearsal",),
        "reserve": (f"{name} is ACTIVE",),
        "up": ("Costs about", "All done."),
        "sweep": (f"0 of {3 + virtual} are orphans.",),
        "release": (f"nothing named {name} is left",),
        "sweep after": ("Nothing of the labs is left.",),
        "up without a lease": ("no usable lease", "Way out:"),
    }.items():
        code, text = found["said"][command]
        assert code == int(command == "up without a lease"), text
        assert all(word in text for word in words), text


@pytest.mark.machine
@pytest.mark.parametrize("part", ["model", "edge"])
def test_the_older_python_chi_brings_a_machine_up_too(rehearsal, part):
    """Chameleon's own Jupyter has whichever was current when its image was made."""
    found = rehearsal.run("killed", f"flo-{part}", part, python=older_python())
    assert found["failed"] == {}
    assert (found["held"], found["left"]) == ([1, 1, 1], [0, 0])


def test_the_process_after_a_killed_one_goes_on_where_that_was(rehearsal):
    """Killed while the server boots, gets its address, receives the course: at no moment is a second one made."""
    killed_at = ("server line", "address started", "materials line")
    rehearsal.ask("POST", "/faults", {"fault": "slow-boot=20000@kit"})
    for seen in killed_at:
        process = rehearsal.start("killed", "kit", "model")
        try:
            assert any(line.startswith(seen) for line in process.stdout), process.stderr.read()[-2000:]
        finally:
            process.kill()
            process.communicate()
        assert process.returncode != 0
    found = rehearsal.run("killed", "kit", "model")
    assert found["failed"] == {}
    assert found["held"] == [1, 1, 1]
    assert found["attempts"]["lease"] == 1 + len(killed_at)
    assert found["attempts"]["environment"] == 1
    assert found["left"] == [0, 0]
    assert rehearsal.left("kit") == []
