"""Reach a machine: forward every port that a part's lessons use by SSH, and show a table of links.

A leased machine's servers listen on loopback only, so their ports are forwarded to the browser's
computer. The lessons' front matter lists them. Port N of the machine becomes port N + 10000 of this
computer, or a free one. Port 8888 is mostly taken here, by the student's own JupyterLab.

In Chameleon's Jupyter the tunnel ends in the Hub's container, where no browser reaches it;
Jupyter's own proxy (jupyter-server-proxy) shows its ports below the Hub's address. A container on a
device has no SSH. Its ports are opened when it is made, and you reach them at its floating IP.
"""

import contextlib
import html
import os
import shlex
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labs.course.lessons import Lesson, lessons
from labs.shell import python
from labs.sites.spec import NUMBERS, Part
from provisioning.testbed import Shell, Way
from provisioning.testbed.errors import HostKeyError, NoKeyError, NotReachableError

#: Port of Jupyter on the machine.
JUPYTER_PORT = 8888
#: Offset of a machine's port here. All of the lessons' ports have four digits, so it puts a 1
#: before them.
OFFSET = 10_000

_HERE = "http://127.0.0.1:"

#: OpenSSH's options for a tunnel. ssh looks every 15 s whether the other side is still there, and
#: does not ask for a passphrase without a terminal.
_SSH_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ExitOnForwardFailure=yes",
    "LogLevel=ERROR",
)

#: Reads the facts about Jupyter in the machine's own folder, in one line.
ASK = (
    'for each in token port base; do printf "$each=%s " "$(cat .serving-labs/jupyter-$each '
    '2>/dev/null)"; done; echo'
)


@dataclass(frozen=True)
class PortRow:
    """One port and the way to it."""

    port: int
    #: On this computer; None where the machine's own address leads to it.
    local: int | None
    what: str
    #: The address for a browser; empty if it cannot be reached from here.
    link: str


@dataclass(frozen=True)
class Jupyter:
    """A machine's report about its Jupyter."""

    token: str
    port: int
    #: Path at which it lives; behind a Hub's proxy it names a port of this side.
    base: str


def jupyter_of(answer: str) -> Jupyter:
    """Return the machine's Jupyter from the machine's answer to ``ASK``."""
    values = {}
    for word in answer.split():
        name, _, value = word.partition("=")
        values[name] = value
    port = values.get("port", "")
    # In rehearsal all machines share one loopback, so that most of them have another port than the
    # usual one.
    port_number = int(port) if port.isdigit() else JUPYTER_PORT
    return Jupyter(values.get("token", ""), port_number, values.get("base") or "/")


def container_token(shell: Shell) -> str:
    """Return the token that a container's Jupyter was started with."""
    return shell.run('printf %s "$JUPYTER_TOKEN"').output.strip()


def ports_of(part: Part) -> dict[int, str]:
    """Return the services on a part's machine, by port: Jupyter, and those in the lessons' front
    matter.
    """
    ports = {JUPYTER_PORT: "JupyterLab"}
    for each in _lessons_of(part):
        for port in each.ports:
            ports.setdefault(port, each.title)
    return ports


def usual_port(port: int, base: str = "") -> int:
    """Return where a port of the machine is brought when that is free here; behind a Hub's proxy
    the base names it.
    """
    last = base.strip("/").rpartition("/")[2]
    if "/proxy/absolute/" in base and last.isdigit():
        return int(last)
    return port + OFFSET if port < OFFSET else port


def first_notebook(part: Part) -> str:
    """Return the path of the first notebook that may be run on the machine, under the course's
    folder, or nothing.

    A device's lessons are run from where the device was provisioned.
    """
    on_machine = [lesson for lesson in _lessons_of(part) if "node" in lesson.where]
    return f"notebooks/{on_machine[0].link}" if on_machine else ""


def _lessons_of(part: Part) -> list[Lesson]:
    number = NUMBERS[part]
    return [lesson for lesson in lessons() if lesson.part == number]


def hub_prefix(environ: Mapping[str, str] = os.environ) -> str:
    """Return the path below which a JupyterHub shows this user's server, such as '/user/ada/';
    empty elsewhere.
    """
    return environ.get("JUPYTERHUB_SERVICE_PREFIX", "")


def jupyter_base(environ: Mapping[str, str] = os.environ) -> str:
    """Return the path at which the machine's Jupyter has to live, so that a browser finds it from
    here.

    Jupyter writes absolute addresses into its pages. Behind a proxy it has to know the path that
    the browser sees.
    """
    prefix = hub_prefix(environ)
    return f"{prefix}proxy/absolute/{JUPYTER_PORT + OFFSET}/" if prefix else "/"


def jupyter_link(address: str, base: str, token: str, notebook: str) -> str:
    """Return the link that opens a notebook in the machine's Jupyter; behind a Hub it is a path,
    without an address.
    """
    path = f"lab/tree/{notebook}" if notebook else "lab"
    return f"{address}{base}{path}?token={token}"


def ssh_line(way: Way, ssh: str) -> str:
    """Return the command that signs in; a rehearsal calls OpenSSH with its own configuration and
    key.
    """
    if way.key and " -i " not in ssh:
        ssh = f"{ssh} -i {shlex.quote(way.key)}"
    if way.port != 22:
        ssh = f"{ssh} -p {way.port}"
    return f"{ssh} {way.user}@{way.host}"


def _host_key_options(way: Way) -> tuple[str, str]:
    """Return OpenSSH's options about host keys: addresses of leased machines go from lease to
    lease, so an unknown key is the rule there.
    """
    if way.known_hosts:
        return "StrictHostKeyChecking=yes", f'UserKnownHostsFile="{way.known_hosts}"'
    return "StrictHostKeyChecking=no", f"UserKnownHostsFile={os.devnull}"


class Reached:
    """The ways to a machine's services; shows itself as a table of links."""

    def __init__(
        self, rows: Iterable[PortRow] = (), environ: Mapping[str, str] = os.environ
    ) -> None:
        self.rows: tuple[PortRow, ...] = tuple(rows)
        self._prefix = hub_prefix(environ)

    def __repr__(self) -> str:
        lines = ["on the machine   here"]
        for row in self.rows:
            link = row.link or "no way to it from here"
            lines.append(f"{row.port:>14}   {link}")
            lines.append(f"{'':>14}   {row.what}")
        if self._prefix:
            lines.append("The links go behind the address of the Hub that you look at (https://…).")
            install = python("pip install jupyter-server-proxy")
            lines.append(f"Should they say 404: `{install}`, then stop and start your server.")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        heads = "<tr><th>on the machine</th><th>what</th><th>here</th></tr>"
        rows = "".join(_html_row(row) for row in self.rows)
        return f"<table>{heads}{rows}</table>"


def _html_row(row: PortRow) -> str:
    link = html.escape(row.link)
    anchor = f'<a href="{link}" target="_blank" rel="noopener">{link}</a>'
    return f"<tr><td>{row.port}</td><td>{html.escape(row.what)}</td><td>{anchor}</td></tr>"


class Tunnel(Reached):
    """All ports of a part's machine, forwarded here by one ``ssh -L`` until ``stop`` or until the
    connection is lost.

    After a loss the same call forwards the same ports again, and links that are open in a browser
    work as before.
    """

    def __init__(
        self, way: Way, part: Part, ssh: str = "ssh", environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__(environ=environ)
        self.way = way
        self._part = part
        self._ssh = ssh
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> "Tunnel":
        """Connect, and return when the ports are here.

        Raises:
            NoKeyError: the machine does not accept the key.
            NotReachableError: no connection, or no free port here.
        """
        if self.way.key and not Path(self.way.key).expanduser().exists():
            raise NoKeyError(f"there is no key {self.way.key}")
        child, answer = self._open([], ASK)
        child.communicate()
        jupyter = jupyter_of(answer)
        titles = ports_of(self._part)
        titles = {jupyter.port: titles.pop(JUPYTER_PORT), **titles}
        local_ports = {}
        for port in titles:
            base = jupyter.base if port == jupyter.port else ""
            # A path behind the Hub's proxy names its port; else another will do.
            local_ports[port] = _free(usual_port(port, base), only="/proxy/" in base)
        forwards = []
        for port, local in local_ports.items():
            forwards += ["-L", f"127.0.0.1:{local}:127.0.0.1:{port}"]
        self._child, _ = self._open(forwards, "echo; exec cat")
        address = f"{self._prefix}proxy/" if self._prefix else _HERE
        rows = []
        for port, local in local_ports.items():
            is_jupyter = port == jupyter.port
            link = self._jupyter(jupyter, local) if is_jupyter else f"{address}{local}/"
            rows.append(PortRow(port, local, titles[port], link))
        self.rows = tuple(rows)
        return self

    def wait(self) -> None:
        """Return when it was stopped.

        Raises:
            NotReachableError: the connection was lost.
        """
        child = self._child
        if child is not None and child.wait() and self._child is not None:
            raise NotReachableError(
                f"the connection to {self.way.host} is lost",
                likely="The network went, this computer slept, or the lease has ended.",
                way_out="Run this again: the same ports come to the same links.",
            )

    def stop(self) -> None:
        """Close the tunnel; again is fine."""
        child, self._child = self._child, None
        if child is not None:
            child.terminate()
            child.communicate()

    def __enter__(self) -> "Tunnel":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _open(self, more: Sequence[str], command: str) -> tuple[subprocess.Popen[str], str]:
        """Start ssh and return it with the command's first line: once that has come, so has the
        forwarding.
        """
        *ssh, account = shlex.split(ssh_line(self.way, self._ssh))
        options = [f"-o{option}" for option in (*_SSH_OPTIONS, *_host_key_options(self.way))]
        inside = f"sh -c {shlex.quote(self.way.inside(command))}"
        line = [*ssh, *options, *more, account, inside]
        try:
            # Its input is ours: when this process ends, however it ends, so does the command, and
            # ssh with it.
            pipe = subprocess.PIPE
            child = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        except FileNotFoundError as error:
            raise NotReachableError(
                "OpenSSH is missing here", way_out="Install OpenSSH's client."
            ) from error
        if child.stdout:
            first_line = child.stdout.readline()
            if first_line:
                return child, first_line
        complaint = child.communicate()[1].strip()
        if "Host key verification failed" in complaint:
            raise HostKeyError(f"{self.way.host}: {complaint}")
        if "Permission denied" in complaint or "invalid format" in complaint:
            key = self.way.key or "that ssh usually takes"
            raise NoKeyError(
                f"{self.way.host} does not accept the key {key}: {complaint}",
                likely="It is another machine's key, it has a passphrase, or it is a public key.",
                way_out="Name another key. The plain `ssh` command also accepts a passphrase.",
            )
        raise NotReachableError(f"no SSH connection to {self.way.host}: {complaint}")

    def _jupyter(self, jupyter: Jupyter, local: int) -> str:
        if self._prefix and not jupyter.base.startswith(self._prefix):
            return ""  # it was started for another place, where its pages would point
        address = "" if self._prefix else f"{_HERE}{local}"
        return jupyter_link(address, jupyter.base, jupyter.token, first_notebook(self._part))


def _free(usual: int, *, only: bool) -> int:
    # A hundred apart, since the next ones may be the lessons' own; and in order, so that a link
    # stays what it is.
    candidates = [usual] if only else range(usual, usual + 5000, 100)
    for port in candidates:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise NotReachableError(
        f"port {usual} of this computer is taken",
        likely="Another tunnel runs here already.",
        way_out="Use that one, or stop it (Ctrl+C where it runs) and run this again.",
    )


def at_address(address: str, part: Part, token: str, root: str = "") -> tuple[PortRow, ...]:
    """Return the ways to a device's container, whose ports are open at its floating IP; Jupyter's
    is the first.

    The course lies at ``root`` below that Jupyter's own.
    """
    notebook = f"{root}/{first_notebook(part)}".lstrip("/")
    rows = []
    for port, what in ports_of(part).items():
        link = f"http://{address}:{port}/"
        if port == JUPYTER_PORT:
            link = jupyter_link(f"http://{address}:{port}", "/", token, notebook)
        rows.append(PortRow(port, None, what, link))
    return tuple(rows)
