"""Headers that every OpenStack service adds to its answers."""

import uuid
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.datastructures import MutableHeaders

from chameleon_rehearsal.services import microversions

_REQUEST_ID = "x-openstack-request-id"
#: Nova and Cinder also send the request's id under the older name.
_OLD_REQUEST_ID = "x-compute-request-id"


class OpenStackHeaders:
    """ASGI middleware that adds a request id, and the microversion where a service has one."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        added = microversions.headers(request) | {_REQUEST_ID: f"req-{uuid.uuid4()}"}
        if "/compute/" in request.url.path or "/volume/" in request.url.path:
            added[_OLD_REQUEST_ID] = added[_REQUEST_ID]

        async def send_with_headers(message: dict) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(added)
            await send(message)

        return await self._app(scope, receive, send_with_headers)
