"""The port 22 hook: connections to (floating IP, 22) reach the rehearsed node's SSH server.

A rehearsed node's floating IP is a loopback address, 127.77.x.y. Only root may listen at port 22, so for everybody
else the node listens at a high port. This module changes exactly one thing in the process that loads it: when a
socket connects to port 22 of a loopback address, the rehearsal's `ports.json` says where the node really listens,
and when it lists no such node the connection is refused. So the SSH daemon of this computer can never pass for a
rehearsed node, nor can `localhost`, to which python-chi connects for a server without a floating IP. Every other
address and port is left alone. It imports the standard library only.
"""

import errno
import ipaddress
import json
import os
import socket
from typing import Any

_VARIABLE = "REHEARSAL_PORTS"


def place_of(address: Any) -> Any:
    """Return where a connection to an address should really go.

    Args:
        address: What a socket connects to, for example `("127.77.1.10", 22)`.

    Returns:
        The address itself, unless it is port 22 of a loopback address; then the node's own.

    Raises:
        ConnectionRefusedError: Port 22 of a loopback address where no rehearsed node answers SSH now.
    """
    if not isinstance(address, tuple) or len(address) < 2 or address[1] != 22:
        return address
    host = "127.0.0.1" if address[0] in ("", "localhost") else address[0]
    try:
        if not ipaddress.ip_address(host).is_loopback:
            return address
    except ValueError:
        return address
    try:
        with open(os.environ[_VARIABLE], encoding="utf-8") as file:  # noqa: PTH123 - loaded at every start-up
            places = json.load(file)
    except (KeyError, OSError, ValueError):
        places = {}
    if host not in places:
        raise ConnectionRefusedError(
            errno.ECONNREFUSED, f"no rehearsed node answers SSH at {host} (this computer's own is hidden)"
        )
    real_host, real_port = places[host]
    return (real_host, real_port)


def install() -> None:
    """Change `socket.socket.connect` and `connect_ex` in this process; a second call changes nothing."""
    kind = socket.socket
    if getattr(kind, "rehearsal_port22", False):
        return
    connect, connect_ex = kind.connect, kind.connect_ex

    def hooked_connect(self: socket.socket, address: Any) -> None:
        connect(self, place_of(address))

    def hooked_connect_ex(self: socket.socket, address: Any) -> int:
        try:
            return connect_ex(self, place_of(address))
        except ConnectionRefusedError:
            return errno.ECONNREFUSED

    kind.connect, kind.connect_ex = hooked_connect, hooked_connect_ex
    kind.rehearsal_port22 = True
