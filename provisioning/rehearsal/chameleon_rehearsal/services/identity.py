"""Keystone: tokens by password, the caller's one project, and the service catalogue of each
site.
"""

import hmac
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from chameleon_rehearsal import place
from chameleon_rehearsal.catalogue import stable_id
from chameleon_rehearsal.services import refusals
from chameleon_rehearsal.services.access import (
    body_of,
    caller_of,
    check,
    open_to_all,
    whose_token,
    world_of,
)
from chameleon_rehearsal.services.door import refuse_unless_valid
from chameleon_rehearsal.world.clock import stamp
from chameleon_rehearsal.world.world import Caller, World

# python-chi appends `:5000/v3` to the site's address, so the port lands in the path: one process
# serves all.
router = APIRouter(prefix="/{site}:5000/v3", dependencies=[Depends(open_to_all)])
_guarded = APIRouter(dependencies=[Depends(check("identity"))])
#: Keystone's own root, above every version.
roots = APIRouter(dependencies=[Depends(open_to_all)])

_TOKEN_LIFE_S = 8 * 3600.0
_WRONG = "The request you have made requires authentication."


def caller_named(user: str) -> Caller:
    """Return a student with a project whose only member is the student."""
    project = f"CHI-rehearsal-{user}"
    ids = (stable_id("user", user), stable_id("project", project))
    return Caller(user, ids[0].replace("-", ""), project, ids[1].replace("-", ""))


@router.get("")
@router.get("/")
async def version(request: Request) -> dict[str, Any]:
    """Return the version document that keystoneauth asks for first."""
    return {"version": _version(str(request.url).rstrip("/") + "/")}


@roots.get("/{site}:5000")
@roots.get("/{site}:5000/")
async def versions(site: str, request: Request) -> JSONResponse:
    """Return the versions of a site's Keystone; there is one, and the status is 300."""
    here = f"{str(request.base_url).rstrip('/')}/{site}:5000/v3/"
    return JSONResponse({"versions": {"values": [_version(here)]}}, 300, {"Vary": "X-Auth-Token"})


def _version(here: str) -> dict[str, Any]:
    version: dict[str, Any] = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z"}
    version["links"] = [{"rel": "self", "href": here}]
    version["media-types"] = [
        {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
    ]
    return version


@router.post("/auth/tokens", status_code=201)
async def issue(site: str, request: Request, response: Response) -> dict[str, Any]:
    """Issue a token for a password, with a project or without one.

    Raises:
        RefusalError: 400 for a body that Keystone's schema refuses, 401 for a wrong password or
            another user's project, 404 at an unknown site.
    """
    world = world_of(request)
    if site not in world.catalogue.sites:
        raise refusals.keystone(404, f"no rehearsed site {site!r}")
    auth = await body_of(request, "auth")
    refuse_unless_valid(request, "keystone POST tokens", auth)
    try:
        claim = auth["identity"]["password"]["user"]
        user, offered = str(claim["name"]), str(claim["password"])
        wanted = (auth.get("scope") or {}).get("project")
    except (KeyError, TypeError, AttributeError) as error:
        raise refusals.keystone(
            400, "Expecting to find a user's name and password in auth.identity."
        ) from error
    known = place.password(world.secret, user)
    if not hmac.compare_digest(offered.encode(), known.encode()) or world.faults.strike(
        "token-401", user
    ):
        raise refusals.keystone(401, _WRONG)
    caller = caller_named(user)
    if wanted and caller.project != wanted.get("name") and caller.project_id != wanted.get("id"):
        raise refusals.keystone(401, _WRONG)
    short = world.faults.strike("token-expiry", user)
    record = {
        "id": f"rehearsal-{uuid.uuid4().hex}",
        "site": site,
        **vars(caller),
        "issued_s": world.clock.now(),
    }
    record["expires_s"] = world.clock.now() + (short["seconds"] if short else _TOKEN_LIFE_S)
    if not wanted:
        record |= {"project": "", "project_id": ""}
    world.store.put("token", record)
    response.headers["X-Subject-Token"] = record["id"]
    response.headers["Vary"] = "X-Auth-Token"
    return {"token": _body(world, request, record)}


@_guarded.get("/auth/tokens")
async def show_token(site: str, request: Request, response: Response) -> dict[str, Any]:
    """Show the token that the header X-Subject-Token names."""
    world, subject = world_of(request), request.headers.get("x-subject-token", "")
    record = world.store.get("token", subject)
    if record is None or record["user_id"] != caller_of(request).user_id:
        raise refusals.keystone(404, f"Could not find token: {subject}.")
    if whose_token(world, site, subject) is None:
        raise refusals.keystone(404, f"Could not find token: {subject}.")
    response.headers["X-Subject-Token"] = subject
    response.headers["Vary"] = "X-Auth-Token"
    return {"token": _body(world, request, record)}


@_guarded.get("/auth/catalog")
async def show_catalog(site: str, request: Request) -> dict[str, Any]:
    """Show the services that the caller's token opens."""
    root = str(request.base_url).rstrip("/")
    catalog = _catalog(world_of(request), root, site, caller_of(request).project_id)
    return {"catalog": catalog, "links": {"self": str(request.url), "next": None, "previous": None}}


@_guarded.get("/users/{user_id}/projects")
@_guarded.get("/auth/projects")
async def projects(request: Request) -> dict[str, Any]:
    """List the caller's projects; there is one each."""
    links = {"self": str(request.url), "next": None, "previous": None}
    return {"projects": [_project_body(request)], "links": links}


@_guarded.get("/projects/{project_id}")
async def project(project_id: str, request: Request) -> dict[str, Any]:
    shown = _project_body(request)
    if project_id != shown["id"]:
        # Whether such a project exists is not a stranger's business, so it is 403 and not 404.
        raise refusals.keystone(
            403, "You are not authorized to perform the requested action: identity:get_project."
        )
    return {"project": shown}


def _body(world: World, request: Request, record: dict[str, Any]) -> dict[str, Any]:
    domain = {"id": "default", "name": "chameleon"}
    user = {
        "id": record["user_id"],
        "name": record["user"],
        "domain": domain,
        "password_expires_at": None,
    }
    pattern = "%Y-%m-%dT%H:%M:%S.000000Z"
    body: dict[str, Any] = {
        "methods": ["password"],
        "user": user,
        "expires_at": stamp(record["expires_s"], pattern),
        "issued_at": stamp(record["issued_s"], pattern),
        "audit_ids": [record["id"][-22:]],
    }
    if record["project"]:
        body["is_domain"] = False
        body["project"] = {"id": record["project_id"], "name": record["project"], "domain": domain}
        body["roles"] = [{"id": stable_id("role", "member").replace("-", ""), "name": "member"}]
        body["catalog"] = _catalog(
            world, str(request.base_url).rstrip("/"), record["site"], record["project_id"]
        )
    return body


def _catalog(world: World, root: str, site: str, project_id: str) -> list[dict[str, Any]]:
    region = world.catalogue.sites[site].name
    below = {
        "network": "network",
        "image": "image",
        "compute": "compute/v2.1",
        "reservation": "reservation/v1",
    }
    paths = {"identity": f"/{site}:5000/v3"} | {
        kind: f"/{site}/{rest}" for kind, rest in below.items()
    }
    match world.catalogue.sites[site].site_class:
        case "edge":
            paths["container"] = f"/{site}/container/v1"
        case "kvm":
            paths["volumev3"] = f"/{site}/volume/v3/{project_id}"
        case _:
            # Named, as on Chameleon, so that who asks for them is told that they are not rehearsed.
            paths |= {"object-store": f"/{site}/object-store/v1", "sharev2": f"/{site}/share/v2"}
    entries = []
    for kind, path in paths.items():
        endpoint = {
            "id": stable_id("endpoint", site, kind),
            "interface": "public",
            "url": root + path,
        }
        endpoints = [endpoint | {"region": region, "region_id": region}]
        entries.append(
            {
                "type": kind,
                "name": kind,
                "id": stable_id("service", site, kind),
                "endpoints": endpoints,
            }
        )
    return entries


def _project_body(request: Request) -> dict[str, Any]:
    own = caller_named(caller_of(request).user)
    shown: dict[str, Any] = {"id": own.project_id, "name": own.project}
    shown |= {"domain_id": "default", "parent_id": "default"}
    shown |= {
        "description": "A project of the rehearsal. It costs nothing and ends with it.",
        "enabled": True,
    }
    links = {"self": f"{request.base_url}v3/projects/{own.project_id}"}
    return shown | {"is_domain": False, "tags": [], "options": {}, "links": links}


router.include_router(_guarded)
