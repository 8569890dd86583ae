"""The course's service behind a token, since a device's port is open to whoever finds its address."""

from __future__ import annotations

import hmac
import json
import os

from labs.serve.app import create_app

#: Paths that answer without a token: they tell no more than that something runs.
_OPEN = frozenset({"/healthz", "/readyz"})


class Guard:
    """An ASGI app that hands a request on only when it carries ``Authorization: Bearer …`` with the right token."""

    def __init__(self) -> None:
        """Load nothing; the app is made at its first event, in the process that serves it."""
        self._inner = None

    async def __call__(self, scope: dict, receive, send) -> None:
        """Hand on, or refuse with 401."""
        self._inner = self._inner or create_app()
        given = dict(scope.get("headers") or ()).get(b"authorization", b"")
        if scope["type"] != "http" or scope["path"] in _OPEN or allowed(given):
            await self._inner(scope, receive, send)
            return
        body = json.dumps({"title": "This service wants its token.", "status": 401}).encode()
        headers = [(b"content-type", b"application/problem+json"), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def allowed(header: bytes) -> bool:
    """Return whether an Authorization header shows the token; without a token nobody is let in."""
    token = os.environ.get("EDGE_TOKEN", "")
    return bool(token) and hmac.compare_digest(header, f"Bearer {token}".encode())


app = Guard()
