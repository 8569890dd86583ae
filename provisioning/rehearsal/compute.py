"""Nova over HTTP: flavours, servers and their metadata."""

import re
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from provisioning.rehearsal import refusals
from provisioning.rehearsal.access import caller_of, door, world_of
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.clock import iso_stamp
from provisioning.rehearsal.lifecycle import SERVER_BOOT_S, SSH_AFTER_ACTIVE_S, lease_status, server_status
from provisioning.rehearsal.store import Document
from provisioning.rehearsal.world import Caller, World

router = APIRouter(prefix="/{site}/compute")
guarded = APIRouter(prefix="/v2.1", dependencies=[Depends(door("compute"))])

#: How long Nova looks for a host before it gives up, in seconds on Chameleon.
_SEARCH_S = 60.0
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
    return {"flavors": [] if edge or "marker" in request.query_params else [_flavor(site)]}


@guarded.get("/flavors/{flavor_id}")
async def show_flavor(site: str, flavor_id: str) -> dict[str, Any]:
    """Show the flavour."""
    if flavor_id != _flavor(site)["id"]:
        raise refusals.nova(404, f"Flavor {flavor_id} could not be found.")
    return {"flavor": _flavor(site)}


@guarded.get("/flavors/{flavor_id}/os-extra_specs")
async def flavor_specs(site: str) -> dict[str, Any]:
    """Show the flavour's extra specifications."""
    return {"extra_specs": _flavor(site)["extra_specs"]}


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
    return {"servers": [server_body(world, server) for server in found]}


@guarded.post("/servers", status_code=202)
async def create_server(site: str, request: Request) -> dict[str, Any]:
    """Start a server. Nova says yes at once; whether there is a host shows later, in the status."""
    world, caller = world_of(request), caller_of(request)
    body = await request.json()
    asked = body["server"]
    hints = next((body[key] or asked.get(key) for key in _HINTS if key in body or key in asked), None) or {}
    _check(world, caller, site, asked)
    if world.faults.strike("server-conflict", caller.user):
        raise refusals.nova(409, "Conflict while starting the instance: the host is locked by another request.")
    server = _place(world, caller, site, asked, hints.get("reservation"))
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
    return {"server": server_body(world_of(request), _own(request, site, server_id))}


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
    elif not {"addSecurityGroup", "removeSecurityGroup"} & set(action):
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


def _own(request: Request, site: str, server_id: str) -> Document:
    """Return a server of the caller's project, or refuse with 404."""
    server = world_of(request).store.get("server", server_id)
    if server is None or server["site"] != site or server["project_id"] != caller_of(request).project_id:
        raise refusals.nova(404, f"Instance {server_id} could not be found.")
    return server


def _check(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> None:
    """Refuse with 400 what Nova refuses before it starts anything."""
    images = {stable_id("image", site, name) for name in world.catalogue.images}
    if asked.get("imageRef") not in images:
        raise refusals.nova(400, f"Can not find requested image {asked.get('imageRef')!r}")
    if world.catalogue.sites[site].site_class == "edge" or asked.get("flavorRef") != _flavor(site)["id"]:
        raise refusals.nova(400, f"Flavor {asked.get('flavorRef')} could not be found.")
    if asked.get("key_name") and _key(world, caller, site, asked["key_name"]) is None:
        raise refusals.nova(400, "Invalid key_name provided.")


def _key(world: World, caller: Caller, site: str, name: str) -> str | None:
    """Return the public key that the caller registered at this site under a name."""
    found = world.store.find("keypair", site=site, user_id=caller.user_id, name=name)
    return found[0]["public_key"] if found else None


def _place(world: World, caller: Caller, site: str, asked: dict[str, Any], reservation_id: str | None) -> Document:
    """Return a new server's record, with its host when the reservation has one to give."""
    now_s, shortened = world.now(), world.clock.shortened
    slow = world.faults.strike("slow-boot", caller.user)
    late = world.faults.strike("ssh-late", caller.user)
    server: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        "name": asked["name"],
        "user": caller.user,
        "user_id": caller.user_id,
        "project": caller.project,
        "project_id": caller.project_id,
        "image_id": asked["imageRef"],
        "key_name": asked.get("key_name"),
        "public_key": _key(world, caller, site, asked["key_name"]) if asked.get("key_name") else None,
        "reservation_id": reservation_id,
        "host": _free_host(world, caller, site, reservation_id),
        "metadata": asked.get("metadata") or {},
        "created_s": now_s,
        "settled_at_s": now_s + shortened(slow["seconds"] if slow else SERVER_BOOT_S),
        "fate": "ACTIVE",
        "why": "",
    }
    server["ssh_at_s"] = server["settled_at_s"] + shortened(late["seconds"] if late else SSH_AFTER_ACTIVE_S)
    if world.faults.strike("ssh-never", caller.user):
        server["ssh_at_s"] = 1e18
    if server["host"] is None:
        # A server without a host never gets a port, so no floating IP can be bound to it either.
        why = "No valid host was found. There are not enough hosts available."
        return server | {"fate": "ERROR", "why": why, "settled_at_s": now_s + shortened(_SEARCH_S)}
    if world.faults.strike("server-error", caller.user):
        server |= {"fate": "ERROR", "why": "Failed to provision instance: timeout reached while cleaning."}
    world.add_port(server, "compute:nova")
    return server


def _free_host(world: World, caller: Caller, site: str, reservation_id: str | None) -> str | None:
    """Return a host of the caller's active reservation that runs no server yet, or None."""
    held = world.lease_of(site, reservation_id)
    if held is None or held[0]["project_id"] != caller.project_id:
        return None
    lease, reservation = held
    if lease_status(lease, world.now()) != "ACTIVE" or reservation["resource_type"] != "physical:host":
        return None
    busy = {s["host"] for s in world.store.find("server", site=site) if s["reservation_id"] == reservation_id}
    return next((h for h in reservation["resource_ids"] if h not in busy), None)


def server_body(world: World, server: Document) -> dict[str, Any]:
    """Return a server as Nova shows it from microversion 2.61."""
    now_s = world.now()
    status = server_status(server, now_s)
    host = world.resource(server["site"], "host", server["host"]) if server["host"] else None
    body = {
        "id": server["id"],
        "name": server["name"],
        "status": status,
        "user_id": server["user_id"],
        "tenant_id": server["project_id"],
        "created": iso_stamp(server["created_s"]),
        "updated": iso_stamp(min(now_s, server["settled_at_s"])),
        "hostId": host.uid.replace("-", "") if host else "",
        "host_status": "UP" if host else "",
        "image": {"id": server["image_id"], "links": []},
        "flavor": {"original_name": "baremetal", "ram": 1, "disk": 1, "vcpus": 1, "extra_specs": {}},
        "key_name": server["key_name"],
        "metadata": server["metadata"],
        "addresses": _addresses(world, server),
        "security_groups": [{"name": "default"}],
        "locked": False,
        "description": None,
        "tags": [],
        "progress": 0,
        "config_drive": "",
        "accessIPv4": "",
        "accessIPv6": "",
        "links": [],
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": "nova",
        "OS-EXT-STS:vm_state": {"BUILD": "building", "SHUTOFF": "stopped"}.get(status, status.lower()),
        "OS-EXT-STS:task_state": "spawning" if status == "BUILD" else None,
        "OS-EXT-STS:power_state": 1 if status == "ACTIVE" else 0,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": host.uid if host else None,
        "OS-EXT-SRV-ATTR:host": f"{server['site']}-ironic" if host else None,
        "os-extended-volumes:volumes_attached": [],
    }
    if status == "ERROR":
        body["fault"] = {"code": 500, "message": server["why"], "created": iso_stamp(server["settled_at_s"])}
    return body


def _addresses(world: World, server: Document) -> dict[str, list[dict[str, Any]]]:
    """Return a server's addresses by network, fixed ones first."""
    found = []
    for port in world.store.find("port", device_id=server["id"]):
        mac = {"version": 4, "OS-EXT-IPS-MAC:mac_addr": port["mac"]}
        found.append(mac | {"addr": port["fixed_ip"], "OS-EXT-IPS:type": "fixed"})
        found += [
            mac | {"addr": address["address"], "OS-EXT-IPS:type": "floating"}
            for address in world.store.find("floating_ip", port_id=port["id"])
        ]
    return {world.catalogue.sites[server["site"]].network: found} if found else {}


def _flavor(site: str) -> dict[str, Any]:
    """Return the flavour of bare metal."""
    return {
        "id": stable_id("flavor", site, "baremetal"),
        "name": "baremetal",
        "description": "Any reserved bare-metal node",
        "ram": 1,
        "disk": 1,
        "vcpus": 1,
        "swap": 0,
        "rxtx_factor": 1.0,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "extra_specs": {"resources:CUSTOM_BAREMETAL": "1"},
        "links": [],
    }


router.include_router(guarded)
