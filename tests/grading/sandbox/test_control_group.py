"""Memory that the kernel counts for all processes together, where a control group was handed over.

``systemd-run --scope -p Delegate=yes .venv/bin/python -m pytest tests/grading/sandbox`` hands one
over.
"""

import sys
from dataclasses import replace

import pytest

from grading.grade.sandbox import Sandbox, SandboxLimits, abilities, control_group
from tests.tools import sandboxed

CAN = abilities()

pytestmark = [
    sandboxed,
    pytest.mark.skipif(
        not CAN.control_group,
        reason="no control group was handed over (systemd-run --scope -p Delegate=yes python -m "
        "pytest …)",
    ),
]

walls = pytest.mark.parametrize(
    "can",
    [CAN, replace(CAN, bubblewrap=False)] if CAN.own_user else [CAN],
    ids=["all walls", "no namespaces"][: 1 + CAN.own_user],
)

#: Fills the buffers of all sockets that one process may open, without growing the memory of a
#: process.
SOCKETS = """
import socket
held = []
sent_bytes = 0
try:
    while True:
        held += socket.socketpair()
        for end in held[-2:]:
            end.setblocking(False)
            try:
                while True:
                    sent_bytes += end.send(bytes(4096))
            except BlockingIOError:
                pass
except OSError:
    print(sent_bytes >> 20, "MB", flush=True)
"""


@walls
def test_memory_of_sockets_counts(can):
    """Without a group, the same program runs to its end: no other limit sees these bytes."""
    executable = sys.executable if can.bubblewrap or can.in_reach else "/usr/bin/python3"
    limits = SandboxLimits(wall_s=60, together_bytes=23 << 20, folder_bytes=1 << 20)
    endings = []
    for choice in (can, replace(can, control_group=False)):
        with Sandbox(choice) as sandbox:
            endings.append(sandbox.run([executable, "-c", SOCKETS], limits=limits))
    with_group, without_group = endings
    assert with_group.returncode != 0, with_group
    assert with_group.output == ""
    assert without_group.returncode == 0, without_group


@walls
def test_an_honest_command_stays_and_no_group_is_left(can):
    """Its files may be in a tmpfs, and may together be as large as their own limit."""
    with Sandbox(can) as sandbox:
        command = ["/bin/sh", "-c", "head -c 30000000 /dev/zero >file; (sleep 300 &) ; echo end"]
        limits = SandboxLimits(wall_s=60, together_bytes=24 << 20, folder_bytes=32 << 20)
        outcome = sandbox.run(command, limits=limits)
    assert outcome.output == "end\n", outcome
    assert not list(control_group.handed_over().glob("run-*"))
