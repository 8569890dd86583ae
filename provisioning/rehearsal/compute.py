"""Nova over HTTP: flavours, servers and their metadata."""

import re
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from provisioning.rehearsal import refusals, security_groups, servers
from provisioning.rehearsal.access import caller_of, door, world_of
from provisioning.rehearsal.lifecycle import SSH_AFTER_ACTIVE_S
from provisioning.rehearsal.store import Document
from provisioning.rehearsal.world import Caller, World

router = APIRouter(prefix="/{site}/compute")
guarded = APIRouter(prefix="/v2.1", dependencies=[Depends(door("compute"))])

_HINTS = ("OS-SCH-HNT:scheduler_hints", "os:scheduler_hints")


@router.get("")
@router.get("/")
@router.get("/v2.1")
@router.get("/v2.1/")
async def versions(site: str, request: Request) -> dict[str, Any]:
    """Describe the API's version, as a list at the root and alone below `v2.1`."""
    here = f"{str(request.base_url).rstrip('/')}/{site}/compute/v2.1/"
    version = {"id": "v2.1", "status": "CURRENT", "version": "2.96", "min_version": "2.1"}
    version |= {"updated": "2013-07-23T11:33:21Z", "links": [{"rel": "self", "href": here}]}
    return {"version": version} if "v2.1" in request.url.path else {"versions": [version]}


@guarded.get("/flavors")
@guarded.get("/flavors/detail")
async def list_flavors(site: str, request: Request) -> dict[str, Any]:
    """List flavours. Bare metal has one; an edge site runs containers and has none."""
    edge = world_of(request).catalogue.sites[site].site_class == "edge"
    return {"flavors": [] if edge or "marker" in request.query_params else [servers.flavor(site)]}


@guarded.get("/flavors/{flavor_id}")
async def show_flavor(site: str, flavor_id: str) -> dict[str, Any]:
    """Show the flavour."""
    if flavor_id != servers.flavor(site)["id"]:
        raise refusals.nova(404, f"Flavor {flavor_id} could not be found.")
    return {"flavor": servers.flavor(site)}


@guarded.get("/flavors/{flavor_id}/os-extra_specs")
async def flavor_specs(site: str) -> dict[str, Any]:
    """Show the flavour's extra specifications."""
    return {"extra_specs": servers.flavor(site)["extra_specs"]}


@guarded.get("/servers")
@guarded.get("/servers/detail")
async def list_servers(site: str, request: Request) -> dict[str, Any]:
    """List the project's servers; `name` is a regular expression, as in Nova."""
    world, project_id = world_of(request), caller_of(request).project_id
    found = world.store.find("server", site=site, project_id=project_id)
    pattern = request.query_params.get("name")
    if pattern:
        found = [server for server in found if re.search(pattern, server["name"])]
    if "marker" in request.query_params:
        found = []
    return {"servers": [servers.body(world, server) for server in found]}


@guarded.post("/servers", status_code=202)
async def create_server(site: str, request: Request) -> dict[str, Any]:
    """Start a server. Nova says yes at once; whether there is a host shows later, in the status."""
    world, caller = world_of(request), caller_of(request)
    body = await request.json()
    asked = body["server"]
    hints = next((body[key] or asked.get(key) for key in _HINTS if key in body or key in asked), None) or {}
    servers.check(world, caller, site, asked)
    if world.faults.strike("server-conflict", caller.user):
        raise refusals.nova(409, "Conflict while starting the instance: the host is locked by another request.")
    server = servers.place(world, caller, site, asked, hints.get("reservation"))
    world.store.put("server", server)
    world.note("server created", name=server["name"], project=caller.project, host=server["host"])
    return {
        "server": {
            "id": server["id"],
            "links": [],
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": [{"name": "default"}],
        }
    }


@guarded.get("/servers/{server_id}")
async def show_server(site: str, server_id: str, request: Request) -> dict[str, Any]:
    """Show a server of the project."""
    return {"server": servers.body(world_of(request), _own(request, site, server_id))}


@guarded.delete("/servers/{server_id}", status_code=204)
async def delete_server(site: str, server_id: str, request: Request) -> None:
    """Delete a server. Its floating IP stays with the project and must be released apart."""
    world_of(request).remove_machine("server", _own(request, site, server_id))


@guarded.post("/servers/{server_id}/action", status_code=202)
async def act(site: str, server_id: str, request: Request, response: Response) -> None:
    """Stop, start or reboot a server, or take its floating IP away."""
    world, server = world_of(request), _own(request, site, server_id)
    action = await request.json()
    if "os-stop" in action or "os-start" in action:
        world.store.put("server", server | {"stopped": "os-stop" in action})
    elif "reboot" in action:
        up_s = world.now() + world.clock.shortened(SSH_AFTER_ACTIVE_S)
        world.store.put("server", server | {"ssh_at_s": up_s})
    elif "removeFloatingIp" in action:
        for address in world.store.find("floating_ip", site=site, project_id=server["project_id"]):
            if address["address"] == action["removeFloatingIp"]["address"]:
                world.store.put("floating_ip", address | {"port_id": None, "fixed_ip": None})
    elif "createImage" in action:
        raise refusals.nova(501, "Snapshots of servers are not rehearsed: on Chameleon, run cc-snapshot on the node.")
    elif {"addSecurityGroup", "removeSecurityGroup"} & set(action):
        _change_groups(world, caller_of(request), server, action)
    else:
        raise refusals.nova(400, f"There is no such action: {', '.join(action)}")


@guarded.get("/servers/{server_id}/metadata")
async def show_metadata(site: str, server_id: str, request: Request) -> dict[str, Any]:
    """Show a server's metadata."""
    return {"metadata": _own(request, site, server_id)["metadata"]}


@guarded.put("/servers/{server_id}/metadata/{key}")
async def set_metadata(site: str, server_id: str, key: str, request: Request) -> dict[str, Any]:
    """Set one item of a server's metadata."""
    server = _own(request, site, server_id)
    value = (await request.json())["meta"][key]
    world_of(request).store.put("server", server | {"metadata": server["metadata"] | {key: value}})
    return {"meta": {key: value}}


def _change_groups(world: World, caller: Caller, server: Document, action: dict[str, Any]) -> None:
    """Put a server into a security group, or take it out."""
    name = (action.get("addSecurityGroup") or action.get("removeSecurityGroup"))["name"]
    if name not in {group["name"] for group in security_groups.groups(world, server["site"], caller)}:
        raise refusals.nova(404, f"Unable to find security_group with name or id '{name}'")
    kept = [one for one in server.get("security_groups", ["default"]) if one != name]
    world.store.put("server", server | {"security_groups": [*kept, name] if "addSecurityGroup" in action else kept})


def _own(request: Request, site: str, server_id: str) -> Document:
    """Return a server of the caller's project, or refuse with 404."""
    server = world_of(request).store.get("server", server_id)
    if server is None or server["site"] != site or server["project_id"] != caller_of(request).project_id:
        raise refusals.nova(404, f"Instance {server_id} could not be found.")
    return server


router.include_router(guarded)
