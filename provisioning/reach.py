"""Reaching a machine: every port that a part's lessons use, brought here by SSH, as a table of links.

Nothing on a leased machine listens to the world, so its ports are brought to where the browser is. Which ones there are
stands in the lessons' front matter. Port N of the machine becomes port N + 10000 of this computer, or the next one that
is free: JupyterLab's 8888 is mostly taken here, by the JupyterLab in which this is read.

In Chameleon's Jupyter the tunnel ends in the Hub's container, where no browser reaches it; Jupyter's own proxy
(jupyter-server-proxy) shows its ports below the Hub's address. A container on a device has no SSH. Its ports are opened
when it is made, and its floating IP is the way.
"""

from __future__ import annotations

import asyncio
import html
import importlib.util
import logging
import os
import shlex
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labs.course import Lesson, lessons
from provisioning.errors import NoKeyError, NotReachableError, ProvisioningError
from provisioning.sites.spec import NUMBERS, Part
from provisioning.testbed import Way

if TYPE_CHECKING:
    import asyncssh

#: Port of Jupyter on the machine.
JUPYTER_PORT = 8888
SSH_PORT = 22
#: What a port of the machine is moved by. All of the lessons' ports have four digits, so that it puts a 1 before them.
OFFSET = 10_000
#: Ports that are tried here, a hundred apart: the next ones may be the lessons' own.
_ATTEMPTS = 50
#: Seconds between two looks at whether the other side is still there; after three without an answer it is not.
_KEEP_ALIVE_S = 15
#: Longest pause between two tries to connect again, in seconds.
_LONGEST_PAUSE_S = 20.0

#: What the machine's own folder says about its Jupyter, a line each.
_ASK = 'for each in token port base; do echo "$each=$(cat ".serving-labs/jupyter-$each" 2>/dev/null)"; done'


@dataclass(frozen=True)
class Row:
    """One port and the way to it."""

    #: On the machine.
    port: int
    #: On this computer; None where the machine's own address leads to it.
    local: int | None
    #: What is there.
    what: str
    #: What a browser opens; empty where there is no way to it from here.
    link: str


def ports_of(part: Part) -> dict[int, str]:
    """Return what listens on a part's machine, by port: Jupyter, and what the lessons' front matter names."""
    found = {JUPYTER_PORT: "JupyterLab"}
    for each in _lessons_of(part):
        for port in each.ports:
            found.setdefault(port, f"lesson {each.number}, {each.title}")
    return found


def usual_ports(part: Part, jupyter_port: int = JUPYTER_PORT, base: str = "/") -> dict[int, int]:
    """Return where a part's ports are brought when all of those are free here, by the machine's ports.

    Args:
        part: of the course.
        jupyter_port: where the machine's Jupyter listens; another program there may have had the usual port.
        base: path at which that Jupyter lives; behind a Hub's proxy it names the port.
    """
    there = [jupyter_port if port == JUPYTER_PORT else port for port in ports_of(part)]
    moved = {port: port + OFFSET if port < OFFSET else port for port in there}
    return moved | {jupyter_port: _named_in(base) or moved[jupyter_port]}


def first_notebook(part: Part) -> str:
    """Return the path of the notebook that is run on the machine, under the course's folder; empty where none is.

    A device's lease lesson is run from where the device was provisioned.
    """
    there = [each for each in _lessons_of(part) if each.where == ("node",)]
    return f"notebooks/{there[0].link}" if there else ""


def _lessons_of(part: Part) -> list[Lesson]:
    return [each for each in lessons() if each.part == NUMBERS[part]]


def hub_prefix(environ: Mapping[str, str] = os.environ) -> str:
    """Return the path below which a JupyterHub shows this user's server, such as '/user/ada/'; empty elsewhere."""
    return environ.get("JUPYTERHUB_SERVICE_PREFIX", "")


def jupyter_base(environ: Mapping[str, str] = os.environ) -> str:
    """Return the path at which the machine's Jupyter has to live, so that a browser finds it from here.

    Jupyter writes absolute addresses into its pages. Behind a proxy it has to know the path that the browser sees.
    """
    prefix = hub_prefix(environ)
    return f"{prefix}proxy/absolute/{JUPYTER_PORT + OFFSET}/" if prefix else "/"


def jupyter_link(address: str, base: str, token: str, notebook: str) -> str:
    """Return the link that opens a notebook in the machine's Jupyter.

    Args:
        address: 'http://127.0.0.1:18888', or empty for a path below the Hub's own address.
        base: path at which that Jupyter lives.
        token: lets whoever has it in.
        notebook: path below that Jupyter's root.
    """
    return f"{address}{base}lab{f'/tree/{notebook}' if notebook else ''}?token={token}"


def ssh_line(way: Way, ssh: str, ports: Mapping[int, int] | None = None) -> str:
    """Return the plain command that signs in, or that brings ports here, for those who prefer it.

    Args:
        way: to the machine.
        ssh: how OpenSSH is called; a rehearsal has its own configuration and key.
        ports: of the machine, each with one of this computer.
    """
    key = f" -i {shlex.quote(way.key)}" if way.key and " -i " not in ssh else ""
    brought = "".join(f" -L 127.0.0.1:{local}:127.0.0.1:{port}" for port, local in (ports or {}).items())
    return f"{ssh}{key}{f' -N -o ExitOnForwardFailure=yes{brought}' if brought else ''} {way.user}@{way.host}"


def table(rows: Iterable[Row], environ: Mapping[str, str] = os.environ) -> str:
    """Return the rows as text."""
    lines = ["on the machine   here"]
    for row in rows:
        lines.append(f"{row.port:>14}   {row.link or 'no way to it from here'}")
        lines.append(f"{'':>14}   {row.what}")
    if hub_prefix(environ):
        lines.append("The links go behind the address of the Hub that you look at (https://…).")
        if importlib.util.find_spec("jupyter_server_proxy") is None:
            lines.append(
                "jupyter-server-proxy was not found here. Should the links say 404: `pip install jupyter-server-proxy` "
                "in a terminal, then File > Hub Control Panel > Stop My Server, and start it again."
            )
    return "\n".join(lines)


class Reached:
    """The ways to a machine's services; shows itself as a table of links."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """Hold rows."""
        self.rows: tuple[Row, ...] = tuple(rows)

    def __repr__(self) -> str:
        return table(self.rows)

    def _repr_html_(self) -> str:
        lines = "".join(
            f"<tr><td>{row.port}</td><td>{html.escape(row.what)}</td><td>{_anchor(row.link)}</td></tr>"
            for row in self.rows
        )
        return f"<table><tr><th>on the machine</th><th>what</th><th>here</th></tr>{lines}</table>"


def _anchor(link: str) -> str:
    shown = html.escape(link)
    return f'<a href="{shown}" target="_blank" rel="noopener">{shown}</a>' if link else "no way to it from here"


class Tunnel(Reached):
    """All ports of a part's machine, brought here until ``stop``; a lost connection is made again.

    Args:
        way: to the machine.
        part: of the course, which decides the ports.
        say: called with each line worth showing, none of which holds the token.
        environ: tells a JupyterHub.
    """

    def __init__(
        self, way: Way, part: Part, say: Callable[[str], None] = print, environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__()
        self.way = way
        self._part = part
        self._say = say
        self._prefix = hub_prefix(environ)
        self._over = asyncio.Event()
        self._settled = threading.Event()
        self._host_key: object = None
        self.error: ProvisioningError | None = None
        # A thread with a loop of its own: a notebook's kernel has one, and needs it while a cell runs.
        self._thread = threading.Thread(target=self._run, name="tunnel", daemon=True)

    def start(self) -> Tunnel:
        """Connect, and return when the ports are here.

        Raises:
            NoKeyError: the machine does not accept the key.
            NotReachableError: no connection, or no free port here.
        """
        self._thread.start()
        self._settled.wait()
        if self.error is not None:
            raise self.error
        return self

    def plain_line(self, ssh: str) -> str:
        """Return the ``ssh`` command that does the same; ``ssh`` is how OpenSSH is called."""
        return ssh_line(self.way, ssh, {row.port: row.local for row in self.rows if row.local})

    def wait(self) -> None:
        """Return when it has ended, which it does by itself only when it can never come back.

        Raises:
            ProvisioningError: why it cannot.
        """
        while self._thread.is_alive():
            self._thread.join(0.5)  # in pieces, so that Ctrl+C is heard
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """Close the tunnel; again is fine."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()

    def __enter__(self) -> Tunnel:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self._loop.run_until_complete(self._keep())
        except ProvisioningError as error:
            self.error = error
            if self._settled.is_set():
                self._say(str(error))
        finally:
            self._settled.set()
            self._loop.close()

    async def _keep(self) -> None:
        """Hold the connection, and make it again when it is lost, until told to stop."""
        import asyncssh

        # A browser that leaves before its answer has come is no news; asyncio would tell each time.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        if self.way.key and not Path(self.way.key).expanduser().exists():
            raise NoKeyError(f"there is no key {self.way.key}")
        pause_s = 1.0
        while not self._over.is_set():
            try:
                async with self._connect() as connection:
                    self._know(connection)
                    await self._bring(connection)
                    self._say("the tunnel is open" if not self._settled.is_set() else "the tunnel is open again")
                    self._settled.set()
                    pause_s = 1.0
                    await self._either(connection.wait_closed())
            except asyncssh.PermissionDenied as error:
                raise NoKeyError(f"{self.way.host} does not accept the key {self.way.key or ''} ({error})") from error
            except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
                raise NoKeyError(
                    f"the key {self.way.key} cannot be used: {error}",
                    likely="It has a passphrase, or it is not a private key.",
                    way_out="Use the plain `ssh` line, which asks for the passphrase; or name another key.",
                ) from error
            except (OSError, asyncssh.Error) as error:
                if not self._settled.is_set():
                    raise NotReachableError(f"no SSH connection to {self.way.host}: {error}") from error
            if not self._over.is_set():
                self._say(f"the connection to {self.way.host} is lost; trying again in {pause_s:.0f} s")
                await self._either(asyncio.sleep(pause_s))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _connect(self):
        import asyncssh

        return asyncssh.connect(
            self.way.host,
            SSH_PORT,
            username=self.way.user,
            # Addresses go from lease to lease, so an unknown host key is the rule; `_know` sees that it stays.
            known_hosts=None,
            connect_timeout=20,
            keepalive_interval=_KEEP_ALIVE_S,
            **({"client_keys": [self.way.key]} if self.way.key else {}),
        )

    def _know(self, connection: asyncssh.SSHClientConnection) -> None:
        seen = connection.get_server_host_key().public_data
        if self._host_key not in (None, seen):
            raise NotReachableError(
                f"another machine answers at {self.way.host} now",
                likely="The lease has ended, and the address has gone to somebody else.",
                way_out="Bring your machine up again, then start the tunnel again.",
            )
        self._host_key = seen

    async def _either(self, awaited) -> None:
        """Return when something has ended, or when told to stop."""
        tasks = [asyncio.ensure_future(awaited), asyncio.ensure_future(self._over.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _bring(self, connection: asyncssh.SSHClientConnection) -> None:
        said = str((await connection.run(_ASK)).stdout or "")
        there = dict(line.partition("=")[::2] for line in said.splitlines())
        token, port, base = (there.get(name, "").strip() for name in ("token", "port", "base"))
        # In rehearsal all machines share one loopback, so that most of them have another port than the usual one.
        jupyter = int(port) if port.isdigit() else JUPYTER_PORT
        held = {row.port: row.local for row in self.rows}
        words = {jupyter if port == JUPYTER_PORT else port: what for port, what in ports_of(self._part).items()}
        rows: list[Row] = []
        for number, usual in usual_ports(self._part, jupyter, base).items():
            exact = number in held or (number == jupyter and _named_in(base))
            first = held.get(number) or usual
            tried = range(first, first + 1) if exact else range(first, first + 100 * _ATTEMPTS, 100)
            local = await _forward(connection, number, tried)
            rows.append(Row(number, local, words[number], self._link(number == jupyter, local, token, base or "/")))
        self.rows = tuple(rows)

    def _link(self, jupyter: bool, local: int, token: str, base: str) -> str:
        if not jupyter:
            return f"{self._prefix}proxy/{local}/" if self._prefix else f"http://127.0.0.1:{local}/"
        if self._prefix and not base.startswith(self._prefix):
            return ""  # it was started for another place, where its pages would point
        address = "" if self._prefix else f"http://127.0.0.1:{local}"
        return jupyter_link(address, base, token, first_notebook(self._part))


def _named_in(base: str) -> int | None:
    """Return the port that a Jupyter's path behind a proxy names."""
    last = base.strip("/").rpartition("/")[2]
    return int(last) if "/proxy/absolute/" in base and last.isdigit() else None


async def _forward(connection: asyncssh.SSHClientConnection, port: int, tried: range) -> int:
    """Bring one port of the machine to the first of some ports that is free here, and return that.

    Raises:
        NotReachableError: none of them is free.
    """
    for local in tried:
        try:
            return (await connection.forward_local_port("127.0.0.1", local, "127.0.0.1", port)).get_port()
        except OSError:
            continue
    raise NotReachableError(
        f"port {tried[0]} of this computer is taken"
        + (f", and so is every one up to {tried[-1]}" if tried[1:] else ""),
        likely="Another tunnel runs here already.",
        way_out="Use that one, or stop it (Ctrl+C where it runs) and run this again.",
    )


def at_address(address: str, part: Part, token: str, root: str = "") -> Reached:
    """Return the ways to a device's container, whose ports are open at its floating IP.

    Args:
        address: its floating IP.
        part: of the course.
        token: of its Jupyter.
        root: where the course lies below that Jupyter's root.
    """
    rows = []
    for port, what in ports_of(part).items():
        notebook = f"{root}/{first_notebook(part)}".lstrip("/")
        open_ = f"http://{address}:{port}"
        link = jupyter_link(open_, "/", token, notebook) if port == JUPYTER_PORT else f"{open_}/"
        rows.append(Row(port, None, what, link))
    return Reached(rows)


def key_file() -> str:
    """Return the key that python-chi would use here, for whoever has only a machine's address; empty for the usual."""
    named = os.environ.get("OS_KEYPAIR_PRIVATE_KEY", "")
    return named if named and Path(named).expanduser().exists() else ""
