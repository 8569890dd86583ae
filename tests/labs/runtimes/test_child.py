"""A process that ends with its notebook: after any end, it leaves nothing, and other users cannot
read it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from labs.runtimes import child
from labs.runtimes.child import SECRET, ChildError
from labs.runtimes.progress import Cancelled

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="orphans are adopted on Linux only")

#: A program with a child of its own in another session, which a signal to the program's group does
#: not reach.
PROGRAM = """
import os, signal, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(sys.argv[1], "w").write("left behind")
print("ready", flush=True)
if sys.argv[2:] == ["stubborn"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""

#: A notebook that starts the program and says which processes there are.
NOTEBOOK = """
import os, sys, time
from pathlib import Path
from labs.runtimes import child
room = Path(sys.argv[1])
command = [sys.executable, "-c", sys.argv[2], room / "left.txt"]
program = child.start(command, room / "log", leftovers=[room / "left*"])
program.wait_for(lambda: "ready" in program.log(), what="it", within_s=60)
if os.fork():  # the copy lives on
    print(program.pid, *(process.pid for process in program.processes()), flush=True)
time.sleep(600)
"""


def start(room: Path, *words: str) -> child.Child:
    """Return the program, running."""
    command = [sys.executable, "-c", PROGRAM, room / "left.txt", *words]
    program = child.start(command, room / "log", leftovers=[room / "left*"])
    program.wait_for(lambda: "ready" in program.log(), what="the program", within_s=60)
    return program


def gone(processes: list[psutil.Process], within_s: float = 30) -> bool:
    """Return whether all of them end within some time."""
    _, alive = psutil.wait_procs(processes, within_s)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ((), lambda program: program.stop()),
        (("stubborn",), lambda program: program.stop(0.2)),
        ((), lambda program: program.kill()),
        ((), lambda program: program.processes()[0].kill()),
        ((), lambda program: os.kill(program.pid, signal.SIGKILL)),
    ],
    ids=["stopped", "stubborn", "killed", "ended by itself", "keeper killed"],
)
def test_however_it_ends_nothing_is_left(words, end, tmp_path, request) -> None:
    """All processes and the named files are gone; if the keeper is killed, the program ends too."""
    program = start(tmp_path, *words)
    family = program.processes()
    assert len(family) == 2
    end(program)
    program.process.wait(30)
    if "keeper" in request.node.name:
        assert gone(family[:1])
        family[1].kill()
    else:
        assert gone(family)
        assert not (tmp_path / "left.txt").exists()
    assert not program.alive
    program.stop()


def test_it_ends_when_its_notebook_is_killed(tmp_path) -> None:
    """A kernel that is killed cannot tidy up, and a forked copy of it may live on."""
    command = [sys.executable, "-c", NOTEBOOK, str(tmp_path), PROGRAM]
    notebook = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    processes = [psutil.Process(int(number)) for number in notebook.stdout.readline().split()]
    notebook.kill()
    notebook.wait()
    try:
        assert gone(processes)
        assert not (tmp_path / "left.txt").exists()
    finally:
        os.killpg(notebook.pid, signal.SIGKILL)
        notebook.stdout.close()


def test_a_process_that_is_not_ready_is_stopped_and_its_words_are_told(tmp_path) -> None:
    """One that ends, and one that takes too long; a wait that is cancelled leaves no process
    either.
    """
    command = [sys.executable, "-c", "print('no model'); raise SystemExit(3)"]
    ended = child.start(command, tmp_path / "log")
    with pytest.raises(ChildError, match=r"it ended with status 3:\nno model"):
        ended.wait_for(lambda: False, what="it", within_s=60)
    slow = start(tmp_path)
    with pytest.raises(ChildError, match="not ready within"):
        slow.wait_for(lambda: False, what="it", within_s=0.1)
    cancelled = start(tmp_path)
    cancel = Mock(side_effect=Cancelled)
    with pytest.raises(Cancelled):
        cancelled.wait_for(lambda: False, what="it", within_s=60, on_progress=cancel)
    assert (slow.alive, cancelled.alive) == (False, False)


def test_only_its_owner_reads_its_log_its_files_and_its_secret(tmp_path) -> None:
    """Once the program listens, no command line contains the secret; only their owner can read its
    files.
    """
    code = """
import pathlib, socket, sys, time
pathlib.Path(sys.argv[1]).touch()
listening = socket.create_server(("", 0))
print("ready", flush=True)
time.sleep(600)
"""
    command = [sys.executable, "-c", code, tmp_path / "made", f"--key={SECRET}"]
    with child.start(command, tmp_path / "log", secret="0123abcd") as program:
        program.wait_for(lambda: "ready" in program.log(), what="it", within_s=60)
        for process in (psutil.Process(program.pid), *program.processes()):
            deadline_s = time.monotonic() + 30
            while shows(process, "0123abcd") and time.monotonic() < deadline_s:
                time.sleep(0.05)
            assert not shows(process, "0123abcd")
        for name in ("log", "made"):
            assert (tmp_path / name).stat().st_mode & 0o77 == 0


def shows(process: psutil.Process, secret: str) -> bool:
    """Return whether a process's command line holds a secret."""
    return secret in " ".join(process.cmdline())


def test_a_socket_is_inherited_and_freed_again(tmp_path) -> None:
    """No other program can take the port in between, and it is free once the program has ended."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        code = """
import socket, sys, time
listening = socket.socket(fileno=int(sys.argv[1]))
print("ready", flush=True)
time.sleep(600)
"""
        command = [sys.executable, "-c", code, ours.fileno()]
        program = child.start(command, tmp_path / "log", sockets=[ours.fileno()])
    program.wait_for(lambda: "ready" in program.log(), what="it", within_s=60)
    socket.create_connection(("127.0.0.1", port), timeout=10).close()
    program.stop()
    socket.create_server(("127.0.0.1", port)).close()
