"""The allowed connections of a rehearsing process: its nodes at port 22, and no part of the real
Chameleon.

A rehearsed node's floating IP is a loopback address, 127.77.x.y. Only root may listen at port 22,
so the node listens at a high port. If a process loads this module and connects to port 22 of a
loopback address, the rehearsal's `ports.json` gives the node's real port. If it lists no such node,
the connection is refused. So this computer's SSH daemon can never pass for a rehearsed node. Nor
can `localhost`, to which python-chi connects for a server without a floating IP.

Names below chameleoncloud.org are not looked up. KVM@TACC's name, which is built into python-chi,
leads to the rehearsal itself, which answers there with its own certificate. A request to any other
such name would carry the rehearsal's user and password, so it is refused. All other addresses and
ports are unchanged. The module imports the standard library only.
"""

import errno
import ipaddress
import json
import os
import socket
from typing import Any

_VARIABLE = "REHEARSAL_PORTS"
_CHAMELEON = "chameleoncloud.org"


def place_of(address: Any) -> Any:
    """Return where a connection to an address should really go.

    Returns:
        The address itself, unless it is port 22 of a loopback address; then the node's own.

    Raises:
        ConnectionRefusedError: Port 22 of a loopback address where no rehearsed node answers SSH
            now.
        socket.gaierror: A name of Chameleon's.
    """
    if not isinstance(address, tuple) or len(address) < 2:
        return address
    port = found_by_name(address[0])
    if port is not None:
        return ("127.0.0.1", port)
    if address[1] != 22:
        return address
    host = "127.0.0.1" if address[0] in ("", "localhost") else address[0]
    try:
        if not ipaddress.ip_address(host).is_loopback:
            return address
    except ValueError:
        return address
    places = _places()
    if host not in places:
        raise ConnectionRefusedError(
            errno.ECONNREFUSED,
            f"no rehearsed node answers SSH at {host} (this computer's own is hidden)",
        )
    return ("127.0.0.1", places[host])


def _places() -> dict[str, int]:
    """Return the ports at which the rehearsal's nodes listen, by floating IP, and its sites that
    have a name.
    """
    try:
        with open(os.environ[_VARIABLE], encoding="utf-8") as file:  # noqa: PTH123 - loaded at every start-up
            return json.load(file)
    except (KeyError, OSError, ValueError):
        return {}


def found_by_name(host: Any) -> int | None:
    """Return the port of 127.0.0.1 at which the rehearsal answers for a name of Chameleon's; None
    for other names.

    Raises:
        socket.gaierror: It does not; nothing was asked of any name server.
    """
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    name = name.rstrip(".").lower()
    if name != _CHAMELEON and not name.endswith(f".{_CHAMELEON}"):
        return None
    port = _places().get(name)
    if port is None:
        raise socket.gaierror(
            socket.EAI_NONAME,
            f"{name} is not rehearsed, and a rehearsal stays on this computer: choose a site that "
            "`context.list_sites()` names, while the testbed runs",
        )
    return port


def install() -> None:
    """Change the two ways to connect, and the look-up of names, in this process; a second call
    changes nothing.
    """
    kind = socket.socket
    if getattr(kind, "rehearsal", False):
        return
    connect, connect_ex, getaddrinfo = kind.connect, kind.connect_ex, socket.getaddrinfo

    def hooked_connect(self: socket.socket, address: Any) -> None:
        connect(self, place_of(address))

    def hooked_connect_ex(self: socket.socket, address: Any) -> int:
        try:
            return connect_ex(self, place_of(address))
        except ConnectionRefusedError:
            return errno.ECONNREFUSED

    def hooked_getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        ours = found_by_name(host)
        return (
            getaddrinfo(host, port, *args, **kwargs)
            if ours is None
            else getaddrinfo("127.0.0.1", ours, *args, **kwargs)
        )

    hooks = {"connect": hooked_connect, "connect_ex": hooked_connect_ex, "rehearsal": True}
    for name, hook in hooks.items():
        setattr(kind, name, hook)
    socket.getaddrinfo = hooked_getaddrinfo
