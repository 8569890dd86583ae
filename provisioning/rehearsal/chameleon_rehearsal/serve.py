"""The rehearsal's process: every service of every site on one port, and the machines' SSH servers.

`python -m chameleon_rehearsal.serve HOME SPEED`, started by `control.start`, which hands it the
folder's lock.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from chameleon_rehearsal import named, place
from chameleon_rehearsal.answers import OpenStackHeaders
from chameleon_rehearsal.limits import ShortRequestLines
from chameleon_rehearsal.loopback import LoopbackHosts, listen
from chameleon_rehearsal.machines.scratch import Processes
from chameleon_rehearsal.machines.ssh import Listeners
from chameleon_rehearsal.services import (
    actions,
    admin,
    compute,
    container,
    discovery,
    flavors,
    identity,
    image,
    network,
    refusals,
    reservation,
    volume,
)
from chameleon_rehearsal.world.clock import Clock
from chameleon_rehearsal.world.world import World

LOG = logging.getLogger(__name__)

_KEEP_ALIVE_S = 600
#: How often SSH servers are opened and closed to agree with the world, in seconds.
_TICK_S = 0.2


def build(
    world: World,
    stop: Callable[[], None] = lambda: None,
    names: Mapping[str, int] = MappingProxyType({}),
) -> FastAPI:
    """Return the ASGI application that serves a world; its lifespan keeps the nodes' SSH servers
    open.

    Sites that are found by a name answer at the ports of `names`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        listeners = Listeners(world, app.state.processes, names)
        ticking = asyncio.create_task(_tick(world, listeners))
        try:
            yield
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            await listeners.close()
            app.state.processes.end_all()

    app = FastAPI(title="Chameleon, rehearsed", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.world, app.state.stop, app.state.processes = world, stop, Processes()
    # A page of a foreign name that resolves to 127.0.0.1 is no client of the rehearsal.
    refusal = JSONResponse({"error": {"message": "The rehearsal is on loopback."}}, 421)
    app.add_middleware(OpenStackHeaders)
    app.add_middleware(LoopbackHosts, refusal=refusal)
    app.add_middleware(ShortRequestLines, limit_bytes=world.limits.request_line_bytes)
    app.add_exception_handler(refusals.RefusalError, _refuse)
    app.add_exception_handler(HTTPException, _not_rehearsed)
    services = (
        identity,
        reservation,
        flavors,
        compute,
        actions,
        network,
        image,
        volume,
        container,
        discovery,
    )
    routers = [service.router for service in services]
    for router in (admin.router, admin.unguarded, identity.roots, *routers):
        app.include_router(router)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, refusals.RefusalError):
        raise error
    # A 401 without this header is not read as "get a new token" by keystoneauth's older relatives.
    headers = {"WWW-Authenticate": 'Keystone uri="rehearsal"'} if error.status == 401 else None
    if isinstance(error.body, str):
        return HTMLResponse(error.body, error.status)
    plain = "/object-store/" in request.url.path
    if plain or ("/image/" in request.url.path and "json" not in request.headers.get("accept", "")):
        # Glance's own client does not ask for JSON, and cannot read a refusal in it; Swift's shows
        # 60 characters.
        return PlainTextResponse(str(error), error.status, headers)
    return JSONResponse(error.body, error.status, headers)


async def _not_rehearsed(request: Request, error: Exception) -> Response:
    """Answer a request without a handler with the message that it is not rehearsed."""
    status = getattr(error, "status_code", 500)
    asked = f"{request.method} {request.url.path}"
    if "/object-store/" in request.url.path:
        asked = "The object store"
    message = f"{asked} is not rehearsed (the rehearsal's README lists what is)."
    refusal = refusals.of_service(request.url.path, status, message, "NotRehearsed")
    return await _refuse(request, refusal)


async def _tick(world: World, listeners: Listeners) -> None:
    while True:
        try:
            world.settle()
            await listeners.agree()
        except Exception:
            # A failing tick must be seen, but must not end the rehearsal for every student.
            LOG.exception("the rehearsal's timer failed; it goes on")
        await asyncio.sleep(_TICK_S)


def main(folder: str, speed: str) -> None:
    """Serve a folder's world on loopback until asked to stop; the folder must hold the file
    `secret`.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    # Before the first file is made: nothing of the rehearsal is for another user's eyes.
    os.umask(0o077)
    path = Path(folder)
    world = World(path, place.secret(path), Clock(speed=float(speed)))

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    # The last port used here when it is free: a printed environment stays valid from day to day.
    listeners = [listen([place.port(path) or 0, 0]), listen()]
    port, by_name = (listener.getsockname()[1] for listener in listeners)
    app = build(
        world, stop, {site.host: by_name for site in world.catalogue.sites.values() if site.host}
    )
    certificate, key = named.certificate(path, world.catalogue)
    encrypted: dict[str, Any] = {"ssl_certfile": certificate, "ssl_keyfile": key}
    # A connection that is closed at the very moment at which a client asks again looks like a
    # broken service. python-chi asks every few seconds; uvicorn's own patience of 5 s meets that.
    how: dict[str, Any] = {
        "log_level": "warning",
        "timeout_graceful_shutdown": 2,
        "timeout_keep_alive": _KEEP_ALIVE_S,
    }
    servers = [
        uvicorn.Server(uvicorn.Config(app, **how)),
        uvicorn.Server(
            uvicorn.Config(
                named.ByName(app, world.catalogue, f"127.0.0.1:{port}"),
                lifespan="off",
                **encrypted,
                **how,
            )
        ),
    ]
    place.replace(path / "port", str(port))

    async def serve() -> None:
        pairs = zip(servers, listeners, strict=True)
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in pairs))

    # Python's own event loop: with uvloop, which uvicorn takes where it is installed, a command
    # that leaves a program running in a machine's background never ends.
    asyncio.run(serve())


if __name__ == "__main__":
    main(*sys.argv[1:])
