"""The course's service behind a token, as ``labs.edge.serving`` starts it: on a device, a port is open to anybody."""

import hmac
import os

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from labs.serve.app import app as _service

#: Paths that answer without a token: they tell no more than that something runs.
_OPEN = frozenset({"/healthz"})

_WANTED = f"Bearer {os.environ['EDGE_TOKEN']}".encode()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a request on when it carries ``Authorization: Bearer …`` with the right token; refuse it with 401 else."""
    given = dict(scope.get("headers") or ()).get(b"authorization", b"")
    if scope["type"] != "http" or scope["path"] in _OPEN or hmac.compare_digest(given, _WANTED):
        await _service(scope, receive, send)
        return
    problem = {"title": "This service wants its token.", "status": 401}
    headers = {"WWW-Authenticate": "Bearer"}
    await JSONResponse(problem, 401, headers, "application/problem+json")(scope, receive, send)
