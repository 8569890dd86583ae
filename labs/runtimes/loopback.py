"""Listen on loopback, at a known port, for this computer's own names, and show a link.

A port on loopback is open to every page in the computer's browsers. A page can make its own name
resolve to 127.0.0.1; to the browser, page and service then have the same origin (DNS rebinding).
The browser still sends the foreign name as ``Host``, so the service checks it. A number needs no
name server and cannot be rebound.

On a leased machine a browser reaches only the ports that ``python -m provisioning forward``
forwards. They are listed in the lessons' front matter, so every page for students listens at one of
them.
"""

import errno
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

#: If set, known ports are not tried, and a free one is taken. For running many lessons at once.
ANY_PORT_VARIABLE = "SERVING_LABS_ANY_PORT"
#: Where a browser finds a port of this machine when it runs on another one:
#: 'http://127.0.0.1:1{port}/'.
LINKS_VARIABLE = "SERVING_LABS_LINKS"

#: Chameleon's Jupyter, whose proxy passes its own name on.
_HUB = "jupyter.chameleoncloud.org"


class PortsTakenError(OSError):
    """Every possible port is taken; the message names the likely program, and the fix."""


def listen(host: str = "127.0.0.1", ports: int | Iterable[int] = 0) -> socket.socket:
    """Return a listening socket at the first of some ports that is free; 0 stands for any.

    Args:
        ports: One port, or several in the order in which they are tried.

    Raises:
        PortsTakenError: None of them is free.
        OSError: The address is none of this machine's, or the port is not for everybody.
    """
    known = [ports] if isinstance(ports, int) else list(ports)
    any_port = len(known) > 1 and os.environ.get(ANY_PORT_VARIABLE)
    for port in [0] if any_port else known:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(2048)
            return listening
        except OSError as error:
            listening.close()
            if error.errno != errno.EADDRINUSE:
                raise
    numbers = ", ".join(map(str, known))
    named = f"port {numbers} is" if len(known) == 1 else f"ports {numbers} are all"
    raise PortsTakenError(
        f"{named} taken on {host}. Likely: another notebook's kernel still runs its services "
        "there. Fix: shut that kernel down (Running Terminals and Kernels, on the left), "
        f"then run this cell again; or set {ANY_PORT_VARIABLE}=1 for ports that are free, but "
        "that no tunnel knows."
    )


def link(url: str) -> str:
    """Return the address at which a browser opens what this machine serves at a loopback address.

    Args:
        url: Such as 'http://127.0.0.1:8090/docs'. On a leased machine the link leads to where the
            tunnel brings that port; on a JupyterHub through Jupyter's own proxy
            (jupyter-server-proxy), below the Hub's address.
    """
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    pattern = f"{hub}proxy/{{port}}/" if hub else os.environ.get(LINKS_VARIABLE, "")
    parts = urlsplit(url)
    if not pattern or not parts.port:
        return url
    base = pattern.replace("{port}", str(parts.port))
    return base + parts.path.lstrip("/")


def is_own_host(header: str) -> bool:
    """Return whether ``Host`` names this computer: a number, localhost, the Hub, or nothing."""
    try:
        name = (urlsplit(f"//{header}").hostname or "").rstrip(".")
        if name not in {"", "localhost", _HUB}:
            ipaddress.ip_address(name)
    except ValueError:
        return False
    return bool(name) or not header


class OwnHosts:
    """ASGI middleware that answers requests for this computer's own names only.

    Starlette's ``TrustedHostMiddleware`` needs a list, cannot allow "any number", and reads
    '[::1]:80' as the name '['.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], refusal: Callable[..., Awaitable[None]]
    ) -> None:
        """Wrap an app; ``refusal``, such as a Starlette response, answers the others."""
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            hosts = (value for name, value in scope["headers"] if name == b"host")
            host = next(hosts, b"")
            if not is_own_host(host.decode("latin-1")):
                await self._refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
