"""The sandbox: what runs in it ends, leaves nothing, reaches nothing, and cannot come back to privileges.

Each test runs with all walls that this host allows, and once more as on a host without namespaces, where it is root.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grading.sandbox import Limits, Outcome, Sandbox, abilities
from grading.sandbox.run import unprivileged

CAN = abilities()

pytestmark = pytest.mark.skipif(not CAN.apart, reason="; ".join(CAN.missing()))

#: Without namespaces, Python itself may lie in a folder that only root can pass; /bin/sh never does.
BARE = unprivileged(CAN)

walls = pytest.mark.parametrize(
    "can", [CAN, BARE] if CAN.own_user else [CAN], ids=["all walls", "no namespaces"][: 1 + CAN.own_user]
)


def shell(script: str, can=CAN, **limits: float) -> Outcome:
    """Run a shell script in a sandbox of its own."""
    with Sandbox(can=can) as sandbox:
        return sandbox.run(["/bin/sh", "-c", script], limits=Limits(**{"wall_s": 10, **limits}))


def python(code: str, **limits: float) -> Outcome:
    """Run Python in a sandbox of its own."""
    with Sandbox() as sandbox:
        return sandbox.run([sys.executable, "-c", code], limits=Limits(**{"wall_s": 20, **limits}))


@walls
def test_a_command_runs_in_its_folder_and_its_words_come_back(can):
    """Walls that let nothing through would pass every other test."""
    found = shell("pwd; echo trouble >&2; echo kept > file; cat file; exit 3", can)
    assert (found.returncode, found.timed_out, found.errors.strip()) == (3, False, "trouble")
    assert found.output.splitlines()[-1] == "kept"


@walls
def test_what_does_not_end_is_ended_with_all_that_it_started(can):
    """An endless loop, a child that ignores being asked, and a daemon that left its session."""
    marker = f"8{os.getpid()}{time.monotonic_ns() % 1000}"
    script = f"trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; sleep {marker}' &) ; while :; do :; done"
    found = shell(script, can, wall_s=1)
    assert found.timed_out
    assert marker not in _command_lines()


@walls
def test_a_daemon_does_not_outlive_a_command_that_ended(can):
    """It would wait for the next student's files."""
    marker = f"7{os.getpid()}{time.monotonic_ns() % 1000}"
    found = shell(f"(setsid sleep {marker} >/dev/null 2>&1 &); exit 0", can)
    assert found.returncode == 0
    assert marker not in _command_lines()


@walls
def test_killing_everybody_kills_nobody_else(can):
    """`kill -9 -1`, its parent, and process 1."""
    found = shell("kill -9 $PPID 2>/dev/null; kill -9 1 2>/dev/null; kill -9 -1; echo alive", can)
    assert found.wall_s < 9
    assert shell("echo still here", can).output == "still here\n"


@walls
def test_the_environment_is_empty_and_privileges_are_gone(can, monkeypatch):
    """A token in the grader's environment is nobody else's business."""
    monkeypatch.setenv("TOKEN", "secret")
    found = shell("env; cat /proc/self/status", can)
    assert "secret" not in found.output
    assert "NoNewPrivs:\t1" in found.output
    assert "CapEff:\t0000000000000000" in found.output
    assert "CapBnd:\t0000000000000000" in found.output


@walls
def test_files_of_others_cannot_be_written_nor_private_ones_read(can, tmp_path: Path):
    """Not the results, which only their owner may see."""
    results = tmp_path / "results"
    results.mkdir(mode=0o700)
    (results / "results.json").write_text("{}")
    found = shell(f"cat {results}/results.json; echo 100 > {results}/results.json; echo x > {results}/new; id -u", can)
    assert (results / "results.json").read_text() == "{}"
    assert [path.name for path in results.iterdir()] == ["results.json"]
    assert "{}" not in found.output


@walls
def test_nothing_is_left_where_everybody_may_write(can):
    """One student's file must not wait for the next one's run."""
    name = f"left-{os.getpid()}-{time.monotonic_ns()}"
    places = [folder for folder in ("/tmp", "/var/tmp", "/dev/shm") if Path(folder).is_dir()]
    shell(
        "; ".join(f"mkdir {place}/{name}; echo x > {place}/{name}/x; echo x > {place}/{name}.txt" for place in places),
        can,
    )
    assert [path for place in places for path in Path(place).glob(f"{name}*")] == []


@pytest.mark.skipif(not (CAN.mounts and CAN.own_user), reason="an ordinary user cannot be tried here")
def test_an_ordinary_user_is_kept_apart_by_mounts_or_runs_nothing(tmp_path: Path):
    """The same walls, built by a user without privileges: nothing of that user's can be read or written."""
    outcome = python(AS_ORDINARY_USER, wall_s=40)
    assert outcome.returncode == 0, outcome.errors
    assert outcome.output.splitlines()[-1] in ("kept apart", "nothing is run"), outcome


AS_ORDINARY_USER = """
import os, sys
from pathlib import Path
from grading.sandbox import Limits, Sandbox, abilities
assert os.getuid() != 0 and not abilities().own_user
if not abilities().apart:
    print("nothing is run")
    sys.exit()
secret, mine = Path("secret"), Path("mine")
secret.mkdir(mode=0o700)
(secret / "file").write_text("42")
mine.write_text("mine")
with Sandbox(hide=[secret]) as sandbox:
    script = f"cat {secret.resolve()}/file; echo x > {secret.resolve()}/new; echo x > {mine.resolve()}; echo end"
    outcome = sandbox.run(["/bin/sh", "-c", script], limits=Limits(wall_s=10))
assert outcome.output == "end\\n", outcome
assert [path.name for path in secret.iterdir()] == ["file"]
assert mine.read_text() == "mine"
print("kept apart")
"""


@pytest.mark.skipif(not CAN.mounts, reason="folders cannot be hidden here")
def test_hidden_folders_are_empty_inside(tmp_path: Path):
    """Answers, hidden pictures, other submissions, even where their mode would let everybody read them."""
    secret = Path("/var/tmp") / f"secret-{os.getpid()}"
    secret.mkdir(mode=0o755)
    try:
        (secret / "answer").write_text("42")
        with Sandbox(hide=[secret]) as sandbox:
            found = sandbox.run(
                ["/bin/sh", "-c", f"ls {secret}; cat {secret}/answer; echo end"], limits=Limits(wall_s=10)
            )
        assert found.output == "end\n"
    finally:
        (secret / "answer").unlink()
        secret.rmdir()


@pytest.mark.skipif(not CAN.network, reason="the network cannot be taken away here")
def test_there_is_no_network():
    """Not even this machine's own services."""
    found = python(
        "import socket\nfor address in (('1.1.1.1', 53), ('127.0.0.1', 22)):\n"
        "    try: socket.create_connection(address, 2); print('reached')\n    except OSError: print('none')"
    )
    assert found.output.split() == ["none", "none"], found.errors


@pytest.mark.skipif(not (CAN.filters and (CAN.mounts or not CAN.blocked)), reason="the kernel has no such filter here")
def test_without_a_namespace_the_kernel_refuses_network_sockets():
    """In a container nobody may make namespaces; a filter needs no privileges, and children inherit it."""
    can = replace(CAN, unshare=tuple(flag for flag in CAN.unshare if flag != "--net"))
    assert can.network
    with Sandbox(can=can) as sandbox:
        found = sandbox.run([sys.executable, "-c", SOCKETS], limits=Limits(wall_s=20))
    assert found.output.split() == ["refused", "refused", "open", "refused"], found


SOCKETS = """
import socket, subprocess, sys
def attempt(family):
    try:
        socket.socket(family).close()
        return "open"
    except OSError:
        return "refused"
print(attempt(socket.AF_INET), attempt(socket.AF_INET6), attempt(socket.AF_UNIX), flush=True)
child = "import socket\\ntry: socket.socket()\\nexcept OSError: print('refused')"
subprocess.run([sys.executable, "-c", child])
"""


def test_memory_files_and_processes_have_ends():
    """A 9 GB allocation, a large file, a fork storm: each fails inside, and nothing happens outside."""
    found = python(GREEDY, file_bytes=4 << 20, processes=40)
    assert found.output.splitlines()[:2] == ["memory ends", "files end"], found
    if CAN.own_user:
        assert found.output.splitlines()[2] == "processes end"


GREEDY = """
import os, signal
try:
    bytearray(9 << 30)
except MemoryError:
    print("memory ends", flush=True)
try:
    with open("large", "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
except OSError:
    print("files end", flush=True)
try:
    for _ in range(500):
        if not os.fork():
            signal.pause()
except OSError:
    print("processes end", flush=True)
"""


@walls
def test_a_flood_of_words_is_cut(can):
    """200 MB of prints would otherwise lie in the grader's memory."""
    found = shell("yes | head -c 50000000; echo end >&2", can, output_bytes=1000)
    assert (len(found.output), found.errors) == (1000, "end\n")


def test_what_is_missing_is_said():
    """An instructor has to know what the host could not do."""
    nothing = replace(CAN, unshare=(), own_user=False, blocked=(), filters=False)
    assert len(nothing.missing()) == 4
    assert not nothing.apart
    assert "can reach the network" in nothing.missing()[0]


def _command_lines() -> str:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(line for line in lines if "pytest" not in line)
