"""The kernel's filter refuses calls that reach past the walls with an error, and honest programs
continue.

Each test runs with bubblewrap and without it.
"""

import ctypes
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import onnx
import onnx.parser
import pytest

from grading.grade.sandbox import Outcome, Sandbox, SandboxLimits, abilities, system_calls
from grading.grade.sandbox.system_calls import REFUSED
from tests.tools import sandboxed

CAN = abilities()

pytestmark = [
    sandboxed,
    pytest.mark.skipif(not CAN.filters, reason="the kernel has no such filter here"),
]

walls = pytest.mark.parametrize(
    "can",
    [CAN, replace(CAN, bubblewrap=False)] if CAN.own_user else [CAN],
    ids=["all walls", "no namespaces"][: 1 + CAN.own_user],
)


def python(code: str, can=CAN, variables=None, **limits: int) -> Outcome:
    """Run code in a sandbox; without bubblewrap, by a Python that every user reaches."""
    executable = sys.executable if can.bubblewrap or can.in_reach else "/usr/bin/python3"
    if not Path(executable).exists():
        pytest.skip("without bubblewrap, no Python is within reach of the sandbox's user here")
    with Sandbox(can) as sandbox:
        return sandbox.run(
            [executable, "-c", code],
            variables=variables,
            limits=SandboxLimits(**{"wall_s": 30, **limits}),
        )


@walls
@pytest.mark.parametrize("name", sorted(REFUSED[platform.machine()]))
def test_a_refused_call_returns_an_error_and_the_program_runs_on(can, name):
    """As on a kernel without this call. Zeros would be wrong arguments of most, which is another
    error.
    """
    code = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall({REFUSED[platform.machine()][name]}, 0, 0, 0, 0, 0, 0) == -1
print(os.strerror(ctypes.get_errno()))
"""
    outcome = python(code, can)
    assert (outcome.output, outcome.returncode) == ("Function not implemented\n", 0), outcome


@walls
def test_memory_that_no_limit_counts_cannot_be_had(can):
    """By the C library's own names, so that no number of ours is believed."""
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
try:
    os.memfd_create("held")
except OSError as error:
    print("memfd:", error.strerror)
print("segment:", libc.shmget(0, 1 << 20, 0o1600))
print("queue:", libc.msgget(0, 0o1600))
print("semaphores:", libc.semget(0, 1, 0o1600))
print("user namespace:", libc.unshare(0x10000000))
"""
    outcome = python(code, can)
    expected = ["memfd: Function not implemented", *(f"{name}: -1" for name in _REFUSED_BY_NAME)]
    assert outcome.output.splitlines() == expected, outcome


_REFUSED_BY_NAME = ("segment", "queue", "semaphores", "user namespace")


@walls
def test_no_tmpfs_is_mounted_in_a_user_namespace(can):
    """Its files are in memory, and a process in a new user namespace may mount one."""
    with Sandbox(can) as sandbox:
        outcome = sandbox.run(
            ["/usr/bin/unshare", "--user", "--map-root-user", "--mount", "echo", "mounted"]
        )
    assert outcome.output == ""
    assert "Operation not permitted" in outcome.errors


@walls
@pytest.mark.parametrize(
    "family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_ALG", "AF_VSOCK", "AF_PACKET", "AF_TIPC"]
)
def test_sockets_of_every_family_but_unix_are_refused(can, family):
    """AF_VSOCK reaches the host of a virtual machine from within every network namespace."""
    code = f"""
import socket
socket.socket(socket.AF_UNIX).close()
a, b = socket.socketpair()
try:
    socket.socket(socket.{family}, socket.SOCK_STREAM)
except OSError as error:
    print(error.strerror)
"""
    assert python(code, can).output == "Address family not supported by protocol\n"


@walls
def test_children_inherit_the_filter(can):
    """However deep they are, and whatever they have become."""
    code = """
import subprocess, sys
child = "import socket\\ntry: socket.socket()\\nexcept OSError: print('refused')"
subprocess.run(["/bin/sh", "-c", 'exec "$@"', "sh", sys.executable, "-c", child])
"""
    assert python(code, can).output == "refused\n"


@pytest.mark.skipif(not Path("/proc/keys").exists(), reason="the kernel has no keyrings")
@walls
def test_the_graders_keyring_stays_outside(can):
    """The sandbox cannot list or read a key of the grader's session, though processes inherit their
    session.
    """
    assert "a grader's secret" in _in_a_keyring(lambda: Path("/proc/keys").read_text())
    code = "print(open('/proc/keys').read())"
    listed = _in_a_keyring(lambda: (outcome := python(code, can)).output + outcome.errors)
    assert "a grader's secret" not in listed
    assert "_ses" in listed  # its own session's keyring is there, and empty


def test_a_key_is_out_of_reach_once_the_keyring_was_left():
    """Without the filter, which would refuse every call that reads a key."""
    folder = Path(system_calls.__file__).parent
    leave = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import system_calls; "
        "system_calls.leave_keyring()"
    )
    find = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
request_key = {REFUSED[platform.machine()]["request_key"]}
number = libc.syscall(request_key, b"user", b"a grader's secret", None, 0)
print("found" if number > 0 else "not found")
"""

    def output_of(code: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout

    assert _in_a_keyring(lambda: output_of(find)) == "found\n"
    assert _in_a_keyring(lambda: output_of(f"{leave}\n{find}")) == "not found\n"


def _in_a_keyring(action) -> str:
    """Return what an action returns in a process whose session keyring holds a secret."""
    numbers = REFUSED[platform.machine()]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        text = "the child failed"
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall(numbers["keyctl"], 1, None)
            if libc.syscall(numbers["add_key"], b"user", b"a grader's secret", b"42", 2, -3) < 0:
                text = "no key could be added"
            else:
                text = action()
        finally:
            os.write(writing, text.encode()[:60_000])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if text == "no key could be added":
        pytest.skip("keyrings are refused here")
    return text


HONEST = {
    "threads, children and pipes": """
import asyncio, subprocess, sys, threading, multiprocessing
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
print(asyncio.run(asyncio.sleep(0, "loop")))
""",
    "numpy": "import numpy as np\nprint(np.linalg.inv(np.eye(200) * 2).sum() == 100)",
    "onnxruntime": """
import os, numpy as np, onnxruntime as ort
session = ort.InferenceSession(os.environ["MODEL"])
print(session.run(None, {"x": np.ones((64, 64), np.float32)})[0].sum())
""",
    "torch": """
import torch
layer = torch.nn.Conv2d(3, 8, 3)
print(layer(torch.zeros(1, 3, 16, 16)).sum().backward())
""",
}


#: A network of one layer, as ONNX's text.
MULTIPLIES = """
<ir_version: 8, opset_import: ["" : 17]>
network (float[64, 64] x) => (float[64, 64] y) { y = MatMul(x, x) }
"""


@pytest.mark.skipif(not CAN.bubblewrap, reason="no bubblewrap here")
@pytest.mark.parametrize("name", HONEST)
def test_honest_libraries_run_behind_the_filter(name):
    """Some would take a memfd, io_uring or clone3, and take another way where a kernel has none."""
    if name == "torch":
        pytest.importorskip("torch")
    with Sandbox() as sandbox:
        model = sandbox.folder / "model.onnx"
        onnx.save(onnx.parser.parse_model(MULTIPLIES), model)
        command = [sys.executable, "-c", HONEST[name]]
        limits = SandboxLimits(wall_s=120, memory_bytes=16 << 30, together_bytes=4 << 30)
        outcome = sandbox.run(command, variables={"MODEL": str(model)}, limits=limits)
    assert outcome.returncode == 0, outcome
    assert outcome.output
