"""All ports of a part's machine come here with one command, by a real SSH server, and the links
work.
"""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncssh
import pytest

from chameleon_rehearsal.testing import ADDRESS, ReachableNode
from labs.course.lessons import lesson, lessons
from labs.sites.spec import PARTS
from provisioning.setup import reach
from provisioning.testbed import Way
from provisioning.testbed.errors import NoKeyError, NotReachableError
from tests.provisioning.rehearsed import KNOWN_PORTS
from tests.tools import tool

pytestmark = KNOWN_PORTS

PORTS = lesson("http").ports
TOKEN = "0123abcd"


class Node(ReachableNode):
    """A rehearsed machine that set-up has reached before: it has the course's folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.home / ".serving-labs").mkdir()
        #: How OpenSSH is called to come here.
        self.ssh = f"{tool('ssh')} -F {self.ssh_config}"


@contextmanager
def answering(port: int, text: str) -> Iterator[int]:
    """Serve one text at a port of this computer's loopback, which the node shares; 0 takes a free
    one.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as reply:
        return reply.read().decode()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    (node.home / ".serving-labs/jupyter-token").write_text(TOKEN)
    (node.home / ".serving-labs/jupyter-base").write_text("/")
    yield node
    node.end()


@pytest.fixture
def jupyter(node: Node) -> Iterator[int]:
    with answering(0, "Jupyter") as port:
        (node.home / ".serving-labs" / "jupyter-port").write_text(f"{port}\n")
        yield port


@pytest.fixture
def open_tunnel(node: Node, jupyter: int, tmp_path: Path):
    opened = []

    def open_(part="system", key="key", **more):
        opened.append(reach.Tunnel(Way(ADDRESS, str(tmp_path / key)), part, node.ssh, **more))
        return opened[-1].start()

    yield open_
    for each in opened:
        each.stop()


@pytest.mark.parametrize("part", PARTS)
def test_every_port_that_a_lesson_of_the_part_names_is_known(part) -> None:
    """The lessons' front matter is the one place where ports stand."""
    named = {port for each in lessons() if each.part == reach.NUMBERS[part] for port in each.ports}
    assert set(reach.ports_of(part)) == named | {reach.JUPYTER_PORT}
    assert all(1024 < port < reach.OFFSET for port in named)
    # `make lab` has Jupyter's own port: what comes there would show the student's own login page.
    assert all(reach.usual_port(port) != reach.JUPYTER_PORT for port in reach.ports_of(part))


def test_all_ports_come_here_and_the_links_lead_to_them(open_tunnel, jupyter) -> None:
    """Jupyter's link opens the next lesson on the machine; a link opened before its service runs
    costs a failed page, not the tunnel.
    """
    tunnel = open_tunnel()
    rows = {row.port: row for row in tunnel.rows}
    assert set(rows) == {jupyter, *reach.ports_of("system")} - {reach.JUPYTER_PORT} | {jupyter}
    assert rows[jupyter].link.endswith(f"/lab/tree/{reach.first_notebook('system')}?token={TOKEN}")
    assert get(f"http://127.0.0.1:{rows[jupyter].local}/") == "Jupyter"
    for _ in range(3):
        with pytest.raises((ConnectionError, http.client.HTTPException, urllib.error.URLError)):
            get(rows[PORTS[0]].link)
    with answering(PORTS[0], "a page"):
        assert get(rows[PORTS[0]].link) == "a page"
    assert TOKEN in repr(tunnel)


def test_what_is_taken_here_is_left_alone(open_tunnel, jupyter) -> None:
    """Another program has the usual ports, as `make lab` has 8888: the tunnel takes free ones, and
    the table shows them.
    """
    with answering(PORTS[0] + reach.OFFSET, "somebody else"):
        rows = {row.port: row.local for row in open_tunnel().rows}
    assert rows[PORTS[0]] != PORTS[0] + reach.OFFSET
    assert reach.JUPYTER_PORT not in rows.values()
    assert len(set(rows.values())) == len(rows)


def test_a_lost_connection_is_said_and_the_same_call_brings_the_same_ports(
    node, open_tunnel
) -> None:
    """A laptop sleeps, a network goes: the links that are open in the browser work again after one
    more call.
    """
    tunnel = open_tunnel()
    tunnel.stop()
    tunnel.stop()  # twice is fine
    second_tunnel = open_tunnel()
    assert second_tunnel.rows == tunnel.rows
    node.cut()
    with pytest.raises(NotReachableError, match="is lost") as raised:
        second_tunnel.wait()
    assert "same ports" in raised.value.way_out


def test_a_tunnel_ends_with_its_process_however_that_ends(node, jupyter, tmp_path) -> None:
    """A killed kernel gives its ports back."""
    program = (
        "import os, signal; from provisioning.setup.reach import Tunnel; from "
        f"provisioning.testbed import Way;tunnel = Tunnel(Way({ADDRESS!r}, "
        f"{str(tmp_path / 'key')!r}), 'model', {node.ssh!r}).start();print(tunnel.rows[0].local, "
        "flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    for _ in range(100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", int(done.stdout)))
            return
        time.sleep(0.1)
    raise AssertionError("its port is still taken")


@pytest.mark.parametrize(
    ("key", "passphrase"), [("other", None), ("locked", "a long one"), ("none", None)]
)
def test_a_key_that_does_not_open_the_machine_is_named(
    node, open_tunnel, tmp_path, key, passphrase
) -> None:
    """Another machine's key, one with a passphrase, a missing one: the message names the tried key,
    and the fix.
    """
    private_key = node.key if passphrase else asyncssh.generate_private_key("ssh-ed25519")
    if key != "none":
        private_key.write_private_key(tmp_path / key, passphrase=passphrase, rounds=50)
        (tmp_path / key).chmod(0o600)
    with pytest.raises(NoKeyError, match=key) as raised:
        open_tunnel(key=key)
    assert raised.value.way_out


def test_a_machine_that_is_not_there_is_said_not_to_answer() -> None:
    """Not a traceback out of a library."""
    with pytest.raises(NotReachableError, match="no SSH connection"):
        reach.Tunnel(Way("127.0.0.1"), "model", f"{tool('ssh')} -F none -p 9").start()


def test_on_the_hub_the_links_lead_through_jupyters_proxy(open_tunnel, node, jupyter) -> None:
    """Below the user's own path; a Jupyter that was started for a laptop has none: its pages lead
    to the Hub's root.
    """
    hub = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}
    tunnel = open_tunnel(environ=hub)
    assert {row.port: row.link for row in tunnel.rows}[jupyter] == ""
    assert "no way" in repr(reach.Reached(tunnel.rows))
    tunnel.stop()
    (node.home / ".serving-labs" / "jupyter-base").write_text(reach.jupyter_base(hub))
    rows = {row.port: row for row in open_tunnel(environ=hub).rows}
    place = reach.JUPYTER_PORT + reach.OFFSET
    assert rows[jupyter].link.startswith(
        f"/user/ada/proxy/absolute/{place}/lab/tree/notebooks/3_system/"
    )
    assert rows[PORTS[0]].link == f"/user/ada/proxy/{rows[PORTS[0]].local}/"


def test_a_device_is_reached_at_its_address_and_all_its_ports() -> None:
    """No SSH there: the ports were opened when the container was made."""
    links = {
        row.port: row.link for row in reach.at_address("192.0.2.7", "edge", TOKEN, "serving-labs")
    }
    assert set(links) == set(reach.ports_of("edge"))
    assert links[reach.JUPYTER_PORT].startswith(
        "http://192.0.2.7:8888/lab/tree/serving-labs/?token="
    )
