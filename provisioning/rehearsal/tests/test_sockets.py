"""The hooks for sockets: the rehearsal's nodes are found; this computer's own SSH daemon and
Chameleon never are.
"""

import json
import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chameleon_rehearsal import environment

STARTUP = Path(environment.__file__).with_name("startup")
TRY = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1] or None, int(sys.argv[2])), timeout=5) as s:
        print(s.recv(100).decode())
except OSError as error:
    print(type(error).__name__, error)
try:
    with socket.socket() as s:
        print(s.connect_ex((sys.argv[1] or "127.0.0.1", int(sys.argv[2]))))
except socket.gaierror as error:
    print(type(error).__name__, error)
"""


class Greeter(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"SSH-2.0-greeting")


@pytest.fixture
def listener():
    """A server that greets every client, at a free port of 127.0.0.1."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def attempt(tmp_path: Path, places: dict[str, int], host: str, port: int) -> list[str]:
    """Return what a new Python process reports that connects to (host, port)."""
    (tmp_path / "ports.json").write_text(json.dumps(places))
    variables = os.environ | {
        "PYTHONPATH": str(STARTUP),
        "REHEARSAL_PORTS": str(tmp_path / "ports.json"),
    }
    command = [sys.executable, "-c", TRY, host, str(port)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("host", "port", "reached"),
    [
        ("127.77.1.10", 22, True),
        ("127.0.0.1", None, True),  # every other port is left alone
        *((host, 22, False) for host in ("127.77.1.11", "127.0.0.1", "localhost", "::1", "")),
    ],
)
def test_port_22_leads_to_where_a_node_listens_and_to_no_other_daemon(
    tmp_path, listener, host, port, reached
) -> None:
    lines = attempt(tmp_path, {"127.77.1.10": listener}, host, port or listener)
    if reached:
        assert lines == ["SSH-2.0-greeting", "0"]
    else:
        assert lines[0].startswith("ConnectionRefusedError")
        assert "no rehearsed node answers SSH" in lines[0]


def test_without_the_rehearsals_variables_nothing_is_hooked_and_a_hidden_sitecustomize_runs(
    tmp_path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("REHEARSAL")
    }
    variables["PYTHONPATH"] = os.pathsep.join([str(STARTUP), str(tmp_path)])
    command = [sys.executable, "-c", "import socket; print(hasattr(socket.socket, 'rehearsal'))"]
    for ports, hooked in (({}, "False"), ({"REHEARSAL_PORTS": "/nowhere"}, "True")):
        done = subprocess.run(
            command, env=variables | ports, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["mine", hooked]


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("kvm.tacc.chameleoncloud.org", True),
        ("CHI.UC.chameleoncloud.org.", True),
        ("chameleoncloud.org", True),
        ("notchameleoncloud.org.invalid", False),
    ],
)
def test_no_name_of_chameleons_is_looked_up(tmp_path, host, refused) -> None:
    """The rehearsal's user and password stay on this computer."""
    lines = attempt(tmp_path, {}, host, 5000)
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("gaierror")
        assert ("is not rehearsed" in line) is refused
