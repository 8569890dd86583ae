"""The application: every service of every site in one process on one port."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from labs.loopback import OwnHosts
from provisioning.rehearsal.machines.listeners import Listeners
from provisioning.rehearsal.machines.processes import Processes
from provisioning.rehearsal.services import (
    admin,
    compute,
    container,
    discovery,
    identity,
    image,
    network,
    reservation,
    security_groups,
    unrehearsed,
)
from provisioning.rehearsal.services.refusals import RefusalError
from provisioning.rehearsal.world.world import World

LOG = logging.getLogger(__name__)

#: How often SSH servers are opened and closed to agree with the world, in seconds.
_TICK_S = 0.2


def build(world: World, stop: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the application that serves a world.

    Args:
        world: The world to serve.
        stop: Called when the admin service is asked to end the process.

    Returns:
        An ASGI application; its lifespan keeps the nodes' SSH servers open.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        listeners = Listeners(world, app.state.processes)
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
    app.add_middleware(OwnHosts, refusal=JSONResponse({"error": {"message": "The rehearsal is on loopback."}}, 421))
    app.add_exception_handler(RefusalError, _refuse)
    app.add_exception_handler(HTTPException, _not_rehearsed)
    services = (discovery, identity, reservation, compute, network, security_groups, unrehearsed, image, container)
    for router in (admin.router, admin.unguarded, *(service.router for service in services)):
        app.include_router(router)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """Return a service's refusal as it would send it."""
    if not isinstance(error, RefusalError):
        raise error
    # A 401 without this header is not read as "get a new token" by keystoneauth's older relatives.
    headers = {"WWW-Authenticate": 'Keystone uri="rehearsal"'} if error.status == 401 else None
    if error.html is not None and "json" not in request.headers.get("accept", ""):
        return HTMLResponse(error.html, error.status, headers)
    return JSONResponse(error.body, error.status, headers)


async def _not_rehearsed(request: Request, error: Exception) -> Response:
    """Say of a request that nobody takes that it is not rehearsed, instead of the framework's two words."""
    status = getattr(error, "status_code", 500)
    if status not in (404, 405):
        return JSONResponse({"detail": str(error)}, status)
    return await _refuse(request, unrehearsed.unknown(request, status))


async def _tick(world: World, listeners: Listeners) -> None:
    """Let time pass and keep the SSH servers in agreement, until cancelled."""
    while True:
        try:
            world.settle()
            await listeners.agree()
        except Exception:
            # A failing tick must be seen, but must not end the rehearsal for every student.
            LOG.exception("the rehearsal's timer failed; it goes on")
        await asyncio.sleep(_TICK_S)
