"""Listening on loopback, for this computer's own names.

A port on loopback is open to every page in the computer's browsers. A page can make its own name
resolve to 127.0.0.1; page and service then have the same origin (DNS rebinding). The browser still
sends the foreign name as `Host`. A number needs no name server, and cannot be rebound.
"""

import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit


def listen(ports: Iterable[int] = (0,)) -> socket.socket:
    """Return a socket that listens on 127.0.0.1 at the first free port; 0 stands for any.

    Raises:
        OSError: None of them is free.
    """
    taken: OSError | None = None
    for port in ports:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen(2048)
        except OSError as error:
            listening.close()
            if error.errno != errno.EADDRINUSE:
                raise
            taken = error
        else:
            return listening
    raise taken or OSError("no port was named")


def is_own_host(header: str) -> bool:
    """Return whether a request's `Host` names this computer: a number, localhost, or nothing."""
    try:
        name = (urlsplit(f"//{header}").hostname or "").rstrip(".")
        if name not in {"", "localhost"}:
            ipaddress.ip_address(name)
    except ValueError:
        return False
    return bool(name) or not header


class LoopbackHosts:
    """ASGI middleware that answers requests for this computer's own names only.

    Starlette's `TrustedHostMiddleware` needs a list, and cannot allow "any number".
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], refusal: Callable[..., Awaitable[None]]
    ) -> None:
        """Wrap an app; `refusal`, such as a Starlette response, answers the others."""
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Serve one request."""
        answer = self._app
        if scope["type"] == "http":
            host = next((value for name, value in scope["headers"] if name == b"host"), b"")
            if not is_own_host(host.decode("latin-1")):
                answer = self._refusal
        await answer(scope, receive, send)
