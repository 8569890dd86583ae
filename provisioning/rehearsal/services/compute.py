"""Nova: key pairs and servers."""

import base64
import binascii
import hashlib
import re
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.services import flavors, network, refusals, volume
from provisioning.rehearsal.services.access import all_own, body_of, caller_of, check, own, world_of
from provisioning.rehearsal.world.clock import (
    SERVER_BOOT_S,
    SSH_AFTER_ACTIVE_S,
    VIRTUAL_BOOT_S,
    machine_status,
    stamp,
    volume_status,
)
from provisioning.rehearsal.world.world import Caller, Document, World

router = APIRouter(prefix="/{site}/compute/v2.1", dependencies=[Depends(check("compute"))])

_HINTS = ("OS-SCH-HNT:scheduler_hints", "os:scheduler_hints")
#: What the site itself says late, by a server in ERROR without a host, and python-chi not at all.
_UNRESERVED = (
    "No valid host was found: a virtual machine starts in a lease only. Make one with lease.add_flavor_reservation("
    "id=server.get_flavor_id(FLAVOR)), and start flavor_name=lease.get_reserved_flavors()[0].name."
)
#: How long Nova looks for a host before it gives up, in seconds on Chameleon.
_SEARCH_S = 60.0


@router.post("/os-keypairs", status_code=201)
async def create_keypair(site: str, request: Request) -> dict[str, Any]:
    """Register a public key under a name. Nova no longer makes keys itself, and neither do we."""
    world, caller = world_of(request), caller_of(request)
    asked = await body_of(request, "keypair")
    # A name is unique for a user at a site.
    identifier = f"{site}/{caller.user_id}/{asked['name']}"
    if world.store.get("keypair", identifier):
        raise refusals.nova(409, f"Key pair '{asked['name']}' already exists.")
    key = asked.get("public_key") or ""
    pair = {"id": identifier, "site": site, "user_id": caller.user_id, "name": asked["name"]}
    pair |= {"public_key": key, "fingerprint": _fingerprint(key)}
    return {"keypair": _keypair_body(world.store.put("keypair", pair))}


@router.get("/os-keypairs")
async def list_keypairs(site: str, request: Request) -> dict[str, Any]:
    found = world_of(request).store.find("keypair", site=site, user_id=caller_of(request).user_id)
    return {"keypairs": [{"keypair": _keypair_body(pair)} for pair in found]}


@router.get("/os-keypairs/{name}")
async def show_keypair(site: str, name: str, request: Request) -> dict[str, Any]:
    return {"keypair": _keypair_body(_own_keypair(request, site, name))}


@router.delete("/os-keypairs/{name}", status_code=204)
async def delete_keypair(site: str, name: str, request: Request) -> None:
    """Forget one of the caller's key pairs. Servers keep the key that they were started with."""
    world_of(request).store.remove("keypair", _own_keypair(request, site, name)["id"])


@router.get("/servers")
@router.get("/servers/detail")
async def list_servers(request: Request) -> dict[str, Any]:
    """List the project's servers; `name` is a regular expression, as in Nova."""
    world, pattern = world_of(request), request.query_params.get("name", "")
    # The list fits one page, so whoever asks for the page after some server is at the end.
    found = [] if "marker" in request.query_params else all_own(request, "server")
    return {
        "servers": [
            _server_body(world, server) for server in found if re.search(pattern, server["name"])
        ]
    }


@router.post("/servers", status_code=202)
async def create_server(site: str, request: Request) -> dict[str, Any]:
    """Start a server. Nova says yes at once; whether there is a host shows later, in the status."""
    world, caller = world_of(request), caller_of(request)
    body = await request.json()
    asked = body["server"]
    hints = (
        next((body[key] or asked.get(key) for key in _HINTS if key in body or key in asked), None)
        or {}
    )
    flavor = _check_request(request, asked)
    disk = _boot_volume(request, asked)
    if world.faults.strike("server-conflict", caller.user):
        raise refusals.nova(
            409, "Conflict while starting the instance: the host is locked by another request."
        )
    # A reserved flavor says itself which reservation it is of; bare metal has one for all, and a hint.
    reservation_id = flavor["extra_specs"].get(flavors.RESERVATION) or hints.get("reservation")
    if reservation_id is None and world.catalogue.sites[site].site_class == "kvm":
        raise refusals.nova(400, _UNRESERVED)
    server = _place(world, caller, site, asked, reservation_id) | {"flavor": flavor}
    if server["host"] is not None:
        # A server without a host never gets a port, so no floating IP can be bound to it either.
        _plug_in(request, server, asked.get("networks"))
    world.store.put("server", server)
    if disk is not None:
        world.store.put("volume", disk | {"server_id": server["id"]})
    return {"server": {"id": server["id"], "links": []}}


@router.get("/servers/{server_id}")
async def show_server(server_id: str, request: Request) -> dict[str, Any]:
    return {"server": _server_body(world_of(request), own(request, "server", server_id))}


@router.delete("/servers/{server_id}", status_code=204)
async def delete_server(server_id: str, request: Request) -> None:
    """Delete a server. Its floating IP stays with the project and must be released apart."""
    world_of(request).remove_machine("server", own(request, "server", server_id))


@router.get("/servers/{server_id}/metadata")
async def show_metadata(server_id: str, request: Request) -> dict[str, Any]:
    """Show what a server's owner wrote down of it."""
    return {"metadata": own(request, "server", server_id)["metadata"]}


@router.post("/servers/{server_id}/metadata")
@router.put("/servers/{server_id}/metadata/{key}")
async def note_metadata(server_id: str, request: Request) -> dict[str, Any]:
    """Write down several values, or one; what was written before stays."""
    server, asked = own(request, "server", server_id), await request.json()
    server["metadata"] |= asked.get("metadata") or asked["meta"]
    world_of(request).store.put("server", server)
    return asked


@router.post("/servers/{server_id}/action", status_code=202)
async def act(server_id: str, request: Request) -> None:
    """Put a server into a security group, take it out, or take a floating IP from it."""
    world, server = world_of(request), own(request, "server", server_id)
    action = await request.json()
    if "removeFloatingIp" in action:
        for address in all_own(request, "floatingip"):
            if address["floating_ip_address"] == action["removeFloatingIp"]["address"]:
                network.bind(request, address, None)
        return
    change = action.get("addSecurityGroup") or action.get("removeSecurityGroup")
    if not change:
        raise refusals.nova(400, f"The action {', '.join(action)} of a server is not rehearsed.")
    name = next(
        (
            one["name"]
            for one in network.groups(request)
            if change["name"] in (one["name"], one["id"])
        ),
        None,
    )
    if name is None:
        raise refusals.nova(
            404, f"Unable to find security_group with name or id '{change['name']}'"
        )
    kept = [one for one in server["security_groups"] if one != name]
    world.store.put(
        "server",
        server | {"security_groups": [*kept, name] if "addSecurityGroup" in action else kept},
    )


def _check_request(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the flavor that is asked for; refuse with 400 what Nova refuses before it starts anything."""
    world, caller, site = world_of(request), caller_of(request), request.path_params["site"]
    image = asked.get("imageRef")
    if world.image_named(site, image) is None and (
        image or not asked.get("block_device_mapping_v2")
    ):
        raise refusals.nova(400, f"Can not find requested image {image!r}")
    if asked.get("key_name") and _public_key(world, caller, site, asked["key_name"]) is None:
        raise refusals.nova(400, "Invalid key_name provided.")
    try:
        return flavors.find(request, asked.get("flavorRef"))
    except refusals.RefusalError as error:
        raise refusals.nova(400, str(error)) from error


def _plug_in(request: Request, server: Document, wishes: Any) -> None:
    """Give a server a port in each network that is asked for, in the site's shared one if none is."""
    world = world_of(request)
    for wish in wishes if isinstance(wishes, list) and wishes else [{}]:
        if wish.get("port"):
            port = own(request, "port", wish["port"]) | {
                "device_id": server["id"],
                "device_owner": "compute:nova",
            }
            world.store.put("port", port)
        else:
            network.plug(request, server, wish.get("uuid"), wish.get("fixed_ip"), "compute:nova")


def _boot_volume(request: Request, asked: dict[str, Any]) -> Document | None:
    """Return the volume that a server boots from: one that is there, or a new one of an image; None for neither."""
    disks = asked.get("block_device_mapping_v2") or []
    if not disks:
        return None
    world, site, disk = world_of(request), request.path_params["site"], disks[0]
    if len(disks) > 1 or str(disk.get("boot_index")) != "0" or asked.get("imageRef"):
        raise refusals.nova(
            400,
            "Block Device Mapping is Invalid: one disk, to boot from, and no image is rehearsed.",
        )
    match disk.get("source_type"), disk.get("destination_type"):
        case "volume", "volume":
            found = next(
                (one for one in all_own(request, "volume") if one["id"] == disk.get("uuid")), None
            )
            if (
                found is None
                or volume_status(found, world.clock.now()) != "available"
                or not found["image_id"]
            ):
                message = (
                    f"Block Device Mapping is Invalid: failed to get volume {disk.get('uuid')}."
                )
                raise refusals.nova(
                    400, f"{message} It has to be there, made from an image, and available."
                )
        case "image", "volume" if world.image_named(site, disk.get("uuid")):
            size_gb, image = disk.get("volume_size"), disk["uuid"]
            found = volume.make(world, caller_of(request), site, None, size_gb, image)
        case _:
            raise refusals.nova(
                400,
                "Block Device Mapping is Invalid: a volume, or an image that becomes one, boots.",
            )
    return found | {"goes_with_server": bool(disk.get("delete_on_termination"))}


def _place(
    world: World, caller: Caller, site: str, asked: dict[str, Any], reservation_id: str | None
) -> Document:
    now_s, shortened = world.clock.now(), world.clock.shortened
    slow = world.faults.strike("slow-boot", caller.user)
    late = world.faults.strike("ssh-late", caller.user)
    busy = {s["host"] for s in world.store.find("server", site=site, reservation_id=reservation_id)}
    virtual = world.catalogue.sites[site].site_class == "kvm"
    reserved = world.reserved(
        caller, site, reservation_id, flavors.RESERVED if virtual else "physical:host"
    )
    boot_s = VIRTUAL_BOOT_S if virtual else SERVER_BOOT_S
    server: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        "name": asked["name"],
        **vars(caller),
        "why": "",
    }
    server |= {
        "image_id": asked.get("imageRef"),
        "key_name": asked.get("key_name"),
        "reservation_id": reservation_id,
    }
    server |= {
        "public_key": _public_key(world, caller, site, asked.get("key_name")),
        "security_groups": [one["name"] for one in asked.get("security_groups") or []]
        or ["default"],
        "metadata": asked.get("metadata") or {},
        "host": next((host for host in reserved if host not in busy), None),
    }
    settled_at_s = now_s + shortened(slow["seconds"] if slow else boot_s)
    server |= {
        "created_s": now_s,
        "settled_at_s": settled_at_s,
        "starting": "BUILD",
        "fate": "ACTIVE",
    }
    server["ssh_at_s"] = server["settled_at_s"] + shortened(
        late["seconds"] if late else SSH_AFTER_ACTIVE_S
    )
    if world.faults.strike("ssh-never", caller.user):
        server["ssh_at_s"] = 1e18
    if server["host"] is None:
        why = "No valid host was found. There are not enough hosts available."
        return server | {"fate": "ERROR", "why": why, "settled_at_s": now_s + shortened(_SEARCH_S)}
    if world.faults.strike("server-error", caller.user):
        server |= {
            "fate": "ERROR",
            "why": "Failed to provision instance: timeout reached while cleaning.",
        }
    return server


def _public_key(world: World, caller: Caller, site: str, name: str | None) -> str | None:
    pair = world.store.get("keypair", f"{site}/{caller.user_id}/{name}")
    return pair["public_key"] if pair else None


def _own_keypair(request: Request, site: str, name: str) -> Document:
    user_id = caller_of(request).user_id
    pair = world_of(request).store.get("keypair", f"{site}/{user_id}/{name}")
    if pair is None:
        raise refusals.nova(404, f"Keypair {name} not found for user {user_id}")
    return pair


def _fingerprint(public_key: str) -> str:
    """Return the MD5 fingerprint in pairs of digits, which python-chi compares with its own."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise refusals.nova(
            400, "Keypair data is invalid: failed to generate fingerprint"
        ) from error
    digits = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def _keypair_body(pair: Document) -> dict[str, Any]:
    return {name: pair[name] for name in ("name", "public_key", "fingerprint")} | {"type": "ssh"}


def _server_body(world: World, server: Document) -> dict[str, Any]:
    """Return a server as Nova shows it from microversion 2.61."""
    status = machine_status(server, world.clock.now())
    host = world.catalogue.by_id(server["site"], server["host"])
    shown = {name: server[name] for name in ("id", "name", "user_id", "key_name", "metadata")}
    shown |= {
        "status": status,
        "tenant_id": server["project_id"],
        "created": stamp(server["created_s"]),
    }
    shown |= {
        "hostId": host.uid.replace("-", "") if host else "",
        "host_status": "UP" if host else "",
        "locked": False,
    }
    shown["OS-EXT-SRV-ATTR:hypervisor_hostname"] = host.uid if host else None
    # Of a server that boots from a volume Nova says no more than that.
    shown["image"] = {"id": server["image_id"], "links": []} if server["image_id"] else ""
    size = {k: server["flavor"][k] for k in ("ram", "disk", "vcpus", "extra_specs")}
    shown |= {
        "flavor": size | {"original_name": server["flavor"]["name"]},
        "addresses": _addresses(world, server),
    }
    shown["security_groups"] = [{"name": name} for name in server["security_groups"]]
    if status == "ERROR":
        shown["fault"] = {
            "code": 500,
            "message": server["why"],
            "created": stamp(server["settled_at_s"]),
        }
    return shown


def _addresses(world: World, server: Document) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for port in world.store.find("port", device_id=server["id"]):
        mac = {"version": 4, "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]}
        network = world.store.get("network", port["network_id"]) or {}
        addresses = found.setdefault(network.get("name", ""), [])
        addresses.append(
            mac | {"addr": port["fixed_ips"][0]["ip_address"], "OS-EXT-IPS:type": "fixed"}
        )
        for address in world.store.find("floatingip", port_id=port["id"]):
            addresses.append(
                mac | {"addr": address["floating_ip_address"], "OS-EXT-IPS:type": "floating"}
            )
    return found
