"""Keystone: tokens by password, access token or token; projects; the service catalogue of each site."""

import hmac
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from provisioning.rehearsal import refusals, unrehearsed
from provisioning.rehearsal.access import caller_of, door, whose_token, world_of
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.clock import iso_stamp
from provisioning.rehearsal.world import World

# python-chi appends `:5000/v3` to the site's address, so the port lands in the path: one process serves all.
router = APIRouter(prefix="/{site}:5000/v3")
_guarded = APIRouter(dependencies=[Depends(door("identity"))])

_TOKEN_LIFE_S = 8 * 3600.0
_WRONG = "The request you have made requires authentication."


def project_of(user: str) -> str:
    """Return the name of a student's own project: nobody else is a member."""
    return f"CHI-rehearsal-{user}"


def access_token(world: World, user: str) -> str:
    """Return the OpenID access token that stands for a student, as Chameleon's Jupyter hands one out."""
    return f"{user}.{world.password(user)}"


@router.get("")
@router.get("/")
async def version(request: Request) -> dict[str, Any]:
    """Return the version document that keystoneauth asks for first."""
    here = str(request.url).rstrip("/") + "/"
    version = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z"}
    version["links"] = [{"rel": "self", "href": here}]
    version["media-types"] = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]
    return {"version": version}


@router.post("/auth/tokens", status_code=201)
async def issue(site: str, request: Request, response: Response) -> dict[str, Any]:
    """Issue a token for a password, an application credential or an older token."""
    world = world_of(request)
    auth = (await request.json()).get("auth", {})
    identity, scope = auth.get("identity", {}), auth.get("scope")
    methods = identity.get("methods", [])
    user = _user_by(world, site, methods, identity)
    if methods == ["application_credential"] and scope:
        raise refusals.keystone(401, "Application credentials cannot request a scope.")
    return _answer(world, request, response, site, user, methods, _project(user, scope))


@router.api_route(
    "/OS-FEDERATION/identity_providers/{provider}/protocols/{protocol}/auth",
    methods=["GET", "POST"],
    status_code=201,
)
async def federated(site: str, provider: str, protocol: str, request: Request, response: Response) -> dict[str, Any]:
    """Exchange an access token for a token without a project, as `v3oidcaccesstoken` does first."""
    world = world_of(request)
    user, _, _ = request.headers.get("authorization", "").removeprefix("Bearer ").rpartition(".")
    offered = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not user or not hmac.compare_digest(offered, access_token(world, user)):
        raise refusals.keystone(401, _WRONG)
    return _answer(world, request, response, site, user, [protocol], None)


@router.get("/auth/tokens")
async def describe(site: str, request: Request) -> dict[str, Any]:
    """Validate the token in `X-Subject-Token`."""
    world = world_of(request)
    record = world.store.get("token", request.headers.get("x-subject-token", ""))
    if record is None or whose_token(world, site, record["id"]) is None:
        raise refusals.keystone(404, "Could not find token.")
    return {"token": _body(world, request, record)}


@_guarded.get("/users/{user_id}/projects")
@_guarded.get("/auth/projects")
async def projects(request: Request) -> dict[str, Any]:
    """List the caller's projects; there is one each."""
    user = caller_of(request).user
    links = {"self": str(request.url), "next": None, "previous": None}
    return {"projects": [_project_body(project_of(user), str(request.base_url))], "links": links}


@_guarded.get("/projects/{project_id}")
async def project(project_id: str, request: Request) -> dict[str, Any]:
    """Show one of the caller's projects."""
    name = project_of(caller_of(request).user)
    if project_id != stable_id("project", name).replace("-", ""):
        # Whether such a project exists is not a stranger's business, so it is 403 and not 404.
        raise refusals.keystone(403, "You are not authorized to perform the requested action: identity:get_project.")
    return {"project": _project_body(name, str(request.base_url))}


@_guarded.get("/users/{user_id}")
async def user(user_id: str, request: Request) -> dict[str, Any]:
    """Show the caller."""
    caller = caller_of(request)
    if user_id != caller.user_id:
        raise refusals.keystone(403, "You are not authorized to perform the requested action.")
    return {"user": {"id": caller.user_id, "name": caller.user, "domain_id": "default", "enabled": True}}


def _user_by(world: World, site: str, methods: list[str], identity: dict[str, Any]) -> str:
    """Return the name of the user that an identity proves, or refuse with 401."""
    name = None
    if "password" in methods:
        claim = identity["password"]["user"]
        name, offered = claim.get("name", ""), claim.get("password", "")
        if not name or not hmac.compare_digest(offered, world.password(name)):
            raise refusals.keystone(401, _WRONG)
    elif "token" in methods:
        held = whose_token(world, site, identity["token"]["id"])
        name = held.user if held else None
    elif "application_credential" in methods:
        claim = identity["application_credential"]
        name = str(claim.get("id", "")).removeprefix("rehearsal-")
        if not hmac.compare_digest(claim.get("secret", ""), world.password(name)):
            raise refusals.keystone(401, _WRONG)
    if not name or world.faults.strike("token-401", name):
        raise refusals.keystone(401, _WRONG)
    return name


def _project(user: str, scope: dict[str, Any] | str | None) -> str | None:
    """Return the project that a scope names; only the user's own is open to them."""
    if not isinstance(scope, dict) or "project" not in scope:
        return None
    own = project_of(user)
    wanted = scope["project"]
    if wanted.get("name") == own or wanted.get("id") == stable_id("project", own).replace("-", ""):
        return own
    raise refusals.keystone(401, _WRONG)


def _answer(
    world: World,
    request: Request,
    response: Response,
    site: str,
    user: str,
    methods: list[str],
    project: str | None,
) -> dict[str, Any]:
    """Record a token, put it into the header, and return its description."""
    if site not in world.catalogue.sites:
        raise refusals.keystone(404, f"no rehearsed site {site!r}")
    short = world.faults.strike("token-expiry", user)
    record = {
        "id": f"rehearsal-{uuid.uuid4().hex}",
        "site": site,
        "user": user,
        "user_id": stable_id("user", user).replace("-", ""),
        "project": project or "",
        "project_id": stable_id("project", project).replace("-", "") if project else "",
        "methods": methods,
        "issued_s": world.now(),
        "expires_s": world.now() + (short["seconds"] if short else _TOKEN_LIFE_S),
    }
    world.store.put("token", record)
    response.headers["X-Subject-Token"] = record["id"]
    return {"token": _body(world, request, record)}


def _body(world: World, request: Request, record: dict[str, Any]) -> dict[str, Any]:
    """Return Keystone's description of a token."""
    domain = {"id": "default", "name": "chameleon"}
    body: dict[str, Any] = {
        "methods": record["methods"],
        "user": {"id": record["user_id"], "name": record["user"], "domain": domain, "password_expires_at": None},
        "expires_at": iso_stamp(record["expires_s"]).replace("Z", ".000000Z"),
        "issued_at": iso_stamp(record["issued_s"]).replace("Z", ".000000Z"),
        "audit_ids": [record["id"][-22:]],
    }
    if record["project"]:
        body["is_domain"] = False
        body["project"] = {"id": record["project_id"], "name": record["project"], "domain": domain}
        body["roles"] = [{"id": stable_id("role", "member").replace("-", ""), "name": "member"}]
        body["catalog"] = _catalog(world, str(request.base_url).rstrip("/"), record["site"])
    return body


def _catalog(world: World, root: str, site: str) -> list[dict[str, Any]]:
    """Return the services of a site; each Chameleon site lists its own only."""
    region = world.catalogue.sites[site].name
    paths = {
        "identity": f"/{site}:5000/v3",
        "compute": f"/{site}/compute/v2.1",
        "network": f"/{site}/network",
        "image": f"/{site}/image",
        "reservation": f"/{site}/reservation/v1",
    }
    if world.catalogue.sites[site].site_class == "edge":
        paths["container"] = f"/{site}/container/v1"
    else:
        paths |= {kind: f"/{site}/{path}" for kind, path in unrehearsed.SERVICES.items()}
    return [
        {
            "type": kind,
            "name": kind,
            "id": stable_id("service", site, kind),
            "endpoints": [
                {
                    "id": stable_id("endpoint", site, kind),
                    "interface": "public",
                    "region": region,
                    "region_id": region,
                    "url": root + path,
                }
            ],
        }
        for kind, path in paths.items()
    ]


def _project_body(name: str, root: str) -> dict[str, Any]:
    """Return Keystone's description of a project."""
    identifier = stable_id("project", name).replace("-", "")
    return {
        "id": identifier,
        "name": name,
        "domain_id": "default",
        "description": "A project of the rehearsal. It costs nothing and ends with it.",
        "enabled": True,
        "is_domain": False,
        "parent_id": "default",
        "tags": [],
        "options": {},
        "links": {"self": f"{root}v3/projects/{identifier}"},
    }


router.include_router(_guarded)
