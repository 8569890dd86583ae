"""Limits of a real site that a long command or a long address runs into.

Each is a variable of the process that starts the rehearsal, so a test can change it.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.responses import HTMLResponse

_EXECUTE = "REHEARSAL_EXECUTE_LIMIT_S"
_REQUEST_LINE = "REHEARSAL_REQUEST_LINE_BYTES"


@dataclass(frozen=True)
class Limits:
    """A site's limits for one request."""

    #: Seconds for which `execute` waits for a command in a container.
    #:
    #: Source: ChameleonCloud/zun, zun/conf/k8s.py, `execute_timeout`.
    execute_s: float = 5.0
    #: Bytes of a request's first line: method, address and protocol.
    #:
    #: Source: Apache's LimitRequestLine. No source of Chameleon's sets another value.
    request_line_bytes: int = 8190

    @classmethod
    def of(cls, variables: Mapping[str, str] = os.environ) -> "Limits":
        """Return the limits that the variables name, and the usual ones for the others.

        Raises:
            ValueError: A value is no number; the message names the variable.
        """
        execute = variables.get(_EXECUTE, str(cls.execute_s))
        request_line = variables.get(_REQUEST_LINE, str(cls.request_line_bytes))
        try:
            return cls(float(execute), int(request_line))
        except ValueError as error:
            raise ValueError(
                f"{_EXECUTE}={execute}, {_REQUEST_LINE}={request_line}: write both as numbers, "
                "seconds and bytes, without a unit"
            ) from error


class ShortRequestLines:
    """ASGI middleware that answers 414 to a request whose first line is too long."""

    def __init__(self, app: Callable[..., Awaitable[None]], limit_bytes: int) -> None:
        """Wrap an app."""
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Serve one request."""
        answer = self._app
        if scope["type"] == "http":
            path = scope.get("raw_path") or scope["path"].encode()
            target = b"?".join((path, scope["query_string"]))
            line = b" ".join((scope["method"].encode(), target, b"HTTP/1.1"))
            if len(line) > self._limit_bytes:
                page = "<html><body><h1>Request-URI Too Long</h1></body></html>"
                answer = HTMLResponse(page, 414)
        await answer(scope, receive, send)
