"""The check in front of every service: site, faults that strike anywhere, and the token."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request

from chameleon_rehearsal.services import door, microversions, refusals
from chameleon_rehearsal.world.world import Caller, Document, World


def world_of(request: Request) -> World:
    return request.app.state.world


def caller_of(request: Request) -> Caller:
    return request.state.caller


def own(request: Request, kind: str, identifier: str) -> Document:
    """Return a resource of the caller's project at the requested site.

    Raises:
        RefusalError: 404 in the form of the service that was asked, as if what is another project's
            did not exist.
    """
    for thing in all_own(request, kind):
        if thing["id"] == identifier:
            return thing
    name = {"floatingip": "FloatingIP", "security_group": "SecurityGroup"}.get(
        kind, kind.capitalize()
    )
    raise refusals.of_service(
        request.url.path, 404, f"{name} {identifier} could not be found.", f"{name}NotFound"
    )


def all_own(request: Request, kind: str) -> list[Document]:
    """Return all resources of a kind of the caller's project at the requested site, oldest
    first.
    """
    site, project_id = request.path_params["site"], caller_of(request).project_id
    return world_of(request).store.find(kind, site=site, project_id=project_id)


async def body_of(request: Request, key: str) -> dict[str, Any]:
    """Return the object that a request's body holds under a key.

    Raises:
        RefusalError: 400 in the form of the service that was asked; the body is no JSON, or has no
            such object.
    """
    value = (await door.body_of(request)).get(key)
    if not isinstance(value, dict):
        raise refusals.of_service(request.url.path, 400, f"the body needs an object {key!r}")
    return value


def check(service: str) -> Callable[[Request], Awaitable[None]]:
    """Return the dependency that a service's router runs before each of its handlers.

    It lets time pass, strikes armed faults, and raises a refusal when the token is missing,
    unknown, expired, of another site, or has no project.
    """

    async def let_in(request: Request) -> None:
        world, site = world_of(request), request.path_params["site"]
        if site not in world.catalogue.sites:
            raise refusals.keystone(404, f"no rehearsed site {site!r}")
        world.settle()
        caller = whose_token(world, site, request.headers.get("x-auth-token", ""))
        if caller is None or world.faults.strike("session-401", caller.user):
            refuse = refusals.glance if service == "image" else refusals.keystone
            raise refuse(401, "The request you have made requires authentication.")
        if not caller.project_id and service != "identity":
            raise refusals.keystone(
                401, "The token is not scoped to a project: choose a project first."
            )
        if service != "identity" and world.faults.strike("maintenance", caller.user, site):
            raise refusals.page(503)
        request.state.caller = caller
        # Before the handler: a version that is not supported, and a body that is no object.
        microversions.of(request)
        await door.body_of(request)

    return let_in


async def open_to_all(request: Request) -> None:
    """Refuse all requests to a site's Keystone, which does not know the user yet, while the site is
    in maintenance.
    """
    if world_of(request).faults.strike("maintenance", "", request.path_params["site"]):
        raise refusals.page(503)


def whose_token(world: World, site: str, token: str) -> Caller | None:
    """Return who holds a token, or None when it is unknown, expired or of another site."""
    record = world.store.get("token", token) if token else None
    if record is None or record["site"] != site or world.clock.now() >= record["expires_s"]:
        return None
    return Caller(record["user"], record["user_id"], record["project"], record["project_id"])
