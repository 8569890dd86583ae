"""Jupyter's start on a machine: a port that is lost in the second of its choice costs one more try, not the step."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "provisioning" / "node" / "bin" / "services.sh"

#: Stands in for Jupyter: refuses the first port that it is given, as if another one had just taken it; serves the next.
JUPYTER = """#!{python}
import http.server, pathlib, sys
home = pathlib.Path({home!r})
port = int(next(word for word in sys.argv if "ServerApp.port=" in word).rpartition("=")[2])
tries = home / "tries"
before = tries.read_text().split() if tries.exists() else []
tries.write_text(" ".join([*before, str(port)]))
if {broken!r}:
    sys.exit("a package is missing")
if not before:
    sys.exit(f"The port {{port}} is already in use.")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


@pytest.fixture
def start(tmp_path: Path):
    """Return a function that runs the script with a stand-in for Jupyter; what it starts ends with the test."""
    own = tmp_path / ".serving-labs"
    (own / "venv" / "bin").mkdir(parents=True)
    (own / "jupyter-token").write_text("secret")
    (own / "venv" / "bin" / "python").symlink_to(sys.executable)

    def run(broken: bool = False) -> subprocess.CompletedProcess[str]:
        jupyter = own / "venv" / "bin" / "jupyter"
        jupyter.write_text(JUPYTER.format(python=sys.executable, home=str(tmp_path), broken=broken))
        jupyter.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = f"{tmp_path}/bin:{os.environ['PATH']}"
        environment = {"HOME": str(tmp_path), "PATH": path, "REHEARSAL_MACHINE": "test"}
        command = ["bash", str(SCRIPT), "a100", "model", "127.0.0.1", str(port)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    yield run
    if (own / "jupyter-port").exists():
        os.kill(int((own / "jupyter.pid").read_text()), signal.SIGTERM)


def test_a_port_that_was_just_taken_gives_way_to_the_next_and_the_token_is_a_word_of_no_command(start, tmp_path: Path):
    """Two machines of one rehearsal share a loopback; whoever lists processes sees what programs are called with."""
    for name in ("curl", "seq", "nohup"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/calls\nexec {shutil.which(name)} "$@"\n')
        program.chmod(0o755)
    done = start()
    assert done.returncode == 0, done.stderr
    first, second = (tmp_path / "tries").read_text().split()
    assert int(second) > int(first)
    assert f"report jupyter_port={second}" in done.stdout
    calls = (tmp_path / "calls").read_text()
    assert "/api/status" in calls
    assert "ServerApp.port=" in calls
    assert "secret" not in calls


def test_another_failure_is_not_tried_again(start, tmp_path: Path):
    """A broken environment is said at once, with the end of its log."""
    done = start(broken=True)
    assert done.returncode == 70
    assert "a package is missing" in done.stderr
    assert len((tmp_path / "tries").read_text().split()) == 1
