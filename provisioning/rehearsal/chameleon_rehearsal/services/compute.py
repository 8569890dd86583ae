"""Nova: key pairs and servers."""

import base64
import binascii
import hashlib
import re
import secrets
import uuid
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import APIRouter, Depends, Request, Response

from chameleon_rehearsal.services import flavors, microversions, network, paging, refusals, volume
from chameleon_rehearsal.services.access import all_own, caller_of, check, own, world_of
from chameleon_rehearsal.services.door import checked
from chameleon_rehearsal.world.clock import (
    SERVER_BOOT_S,
    SSH_AFTER_ACTIVE_S,
    VIRTUAL_BOOT_S,
    machine_status,
    server_states,
    stamp,
    volume_status,
)
from chameleon_rehearsal.world.world import Caller, Document, World

router = APIRouter(prefix="/{site}/compute/v2.1", dependencies=[Depends(check("compute"))])

#: Nova's default quotas.
_QUOTAS = {
    "maxServerMeta": 128,
    "maxTotalCores": 20,
    "maxTotalInstances": 10,
    "maxTotalKeypairs": 100,
    "maxTotalRAMSize": 51_200,
    "maxServerGroups": 10,
    "maxServerGroupMembers": 10,
}
_HINTS = ("OS-SCH-HNT:scheduler_hints", "os:scheduler_hints")
#: The site itself reports this late, by a server in ERROR without a host, and python-chi never
#: does.
_OVER_QUOTA = "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"
_UNRESERVED = (
    "No valid host was found: a virtual machine starts in a lease only. Make one with "
    "lease.add_flavor_reservation(id=server.get_flavor_id(FLAVOR)), and start "
    "flavor_name=lease.get_reserved_flavors()[0].name."
)
#: How long Nova looks for a host before it gives up, in seconds on Chameleon.
_SEARCH_S = 60.0


@router.post("/os-keypairs")
async def create_keypair(site: str, request: Request, response: Response) -> dict[str, Any]:
    """Register a public key under a name, or make a pair of keys and show the private one once.

    From 2.92 on Nova makes no keys.
    """
    world, caller = world_of(request), caller_of(request)
    asked = (await checked(request, "nova POST os-keypairs"))["keypair"]
    # Nova answers 201 from version 2.2 on.
    response.status_code = 201 if microversions.of(request) >= (2, 2) else 200
    if asked.get("type", "ssh") != "ssh":
        raise refusals.nova(400, "Keypair data is invalid: only keys of type ssh are rehearsed")
    if asked.get("user_id", caller.user_id) != caller.user_id:
        message = "Policy doesn't allow os_compute_api:os-keypairs:create to be performed."
        raise refusals.nova(403, message)
    # A name is unique for a user at a site.
    identifier = f"{site}/{caller.user_id}/{asked['name']}"
    if world.store.get("keypair", identifier):
        raise refusals.nova(409, f"Key pair '{asked['name']}' already exists.")
    private_key, key = None, asked.get("public_key")
    if key is None:
        private_key, key = _new_keys()
    pair = {"id": identifier, "site": site, "user_id": caller.user_id, "name": asked["name"]}
    pair |= {"public_key": key, "fingerprint": _fingerprint(key)}
    pair |= {"created_s": world.clock.now(), "number": len(world.store.find("keypair")) + 1}
    shown = _keypair_body(request, world.store.put("keypair", pair)) | {"user_id": caller.user_id}
    return {"keypair": shown | ({"private_key": private_key} if private_key else {})}


@router.get("/os-keypairs")
async def list_keypairs(site: str, request: Request) -> dict[str, Any]:
    user_id = caller_of(request).user_id
    pairs = world_of(request).store.find("keypair", site=site, user_id=user_id)
    shown, following = paging.page(request, pairs, "name")
    bodies = [{"keypair": _keypair_body(request, pair)} for pair in shown]
    return {"keypairs": bodies} | paging.links("keypairs", following)


@router.get("/os-keypairs/{name}")
async def show_keypair(site: str, name: str, request: Request) -> dict[str, Any]:
    pair = _own_keypair(request, site, name)
    created = stamp(pair["created_s"], "%Y-%m-%dT%H:%M:%S.%f")
    shown = {"user_id": pair["user_id"], "id": pair["number"], "created_at": created}
    shown |= {"deleted": False, "updated_at": None, "deleted_at": None}
    return {"keypair": _keypair_body(request, pair) | shown}


@router.delete("/os-keypairs/{name}", status_code=204)
async def delete_keypair(site: str, name: str, request: Request) -> None:
    """Forget one of the caller's key pairs. Servers keep the key that they were started with."""
    world_of(request).store.remove("keypair", _own_keypair(request, site, name)["id"])


@router.get("/limits")
async def show_limits(request: Request) -> dict[str, Any]:
    """Show the limits of the caller's project, and its present use.

    Nova's own quotas: Chameleon's leases limit what a project holds.
    """
    servers = all_own(request, "server")
    used = {"totalInstancesUsed": len(servers), "totalServerGroupsUsed": 0}
    used["totalCoresUsed"] = sum(server["flavor"]["vcpus"] for server in servers)
    used["totalRAMUsed"] = sum(server["flavor"]["ram"] for server in servers)
    return {"limits": {"rate": [], "absolute": _QUOTAS | used}}


@router.get("/servers")
async def list_servers(request: Request) -> dict[str, Any]:
    """List the project's servers by id and name; `name` is a regular expression, as in Nova."""
    shown, following = _listed(request)
    names = ("id", "name", "links")
    rows = [{name: server[name] for name in names} for server in shown]
    return {"servers": rows} | paging.links("servers", following)


@router.get("/servers/detail")
async def list_servers_in_detail(request: Request) -> dict[str, Any]:
    """List the project's servers with all fields; `name` is a regular expression, as in Nova."""
    shown, following = _listed(request)
    return {"servers": shown} | paging.links("servers", following)


def _listed(request: Request) -> tuple[list[dict[str, Any]], str | None]:
    """Return the servers that a request lists, and the address of the next page."""
    query = request.query_params
    try:
        pattern = re.compile(query.get("name", ""))
    except re.error as error:
        raise refusals.nova(400, f"Invalid filter name: {error}") from error
    bodies = [_server_body(request, server) for server in all_own(request, "server")]
    listed = [body for body in bodies if pattern.search(body["name"])]
    for name, field in _FILTERS.items():
        if name in query:
            values = [value.lower() for value in query.getlist(name)]
            listed = [body for body in listed if str(_value(body, field)).lower() in values]
    return paging.page(request, listed)


#: Nova's filters of a list that are rehearsed, and the field of a server that each compares.
_FILTERS = {
    "status": "status",
    "image": "image",
    "flavor": "flavor",
    "user_id": "user_id",
    "key_name": "key_name",
    "uuid": "id",
}


def _value(body: dict[str, Any], field: str) -> Any:
    value = body[field]
    return value.get("id") if isinstance(value, dict) else value


@router.post("/servers", status_code=202)
async def create_server(site: str, request: Request) -> dict[str, Any]:
    """Start a server. Nova says yes at once; whether there is a host shows later, in the status."""
    world, caller = world_of(request), caller_of(request)
    body = await checked(request, "nova POST servers")
    asked = body["server"]
    hints = (
        next((body[key] or asked.get(key) for key in _HINTS if key in body or key in asked), None)
        or {}
    )
    flavor = _check_request(request, asked)
    _check_networks(request, asked)
    disk = _boot_volume(request, asked)
    if world.faults.strike("server-conflict", caller.user):
        raise refusals.nova(
            409, "Conflict while starting the instance: the host is locked by another request."
        )
    if world.faults.strike("quota", caller.user):
        raise refusals.nova(403, _OVER_QUOTA)
    # A reserved flavor says itself which reservation it is of; bare metal has one for all, and a
    # hint.
    reservation_id = flavor["extra_specs"].get(flavors.RESERVATION) or hints.get("reservation")
    if reservation_id is None and world.catalogue.sites[site].site_class == "kvm":
        raise refusals.nova(400, _UNRESERVED)
    server = _place(world, caller, site, asked, reservation_id) | {"flavor": flavor}
    server["public_key"] = public_key(request, asked.get("key_name"))
    if server["host"] is not None:
        # A server without a host never gets a port, so no floating IP can be bound to it either.
        _plug_in(request, server, asked.get("networks"))
    world.store.put("server", server)
    if disk is not None:
        world.store.put("volume", disk | {"server_id": server["id"]})
    groups = [{"name": name} for name in server["security_groups"]]
    shown = {"id": server["id"], "links": _links(request, "servers", server["id"])}
    shown |= {"OS-DCF:diskConfig": "MANUAL", "security_groups": groups}
    return {"server": shown | {"adminPass": secrets.token_urlsafe(9)}}


@router.get("/servers/{server_id}")
async def show_server(server_id: str, request: Request) -> dict[str, Any]:
    return {"server": _server_body(request, own(request, "server", server_id))}


@router.put("/servers/{server_id}")
async def change_server(server_id: str, request: Request) -> dict[str, Any]:
    """Rename a server, or describe it."""
    world, server = world_of(request), own(request, "server", server_id)
    asked = (await checked(request, "nova PUT servers"))["server"]
    for name in ("name", "description"):
        server[name] = asked.get(name, server[name])
    server["updated_s"] = world.clock.now()
    return {"server": _server_body(request, world.store.put("server", server))}


@router.get("/servers/{server_id}/os-interface")
async def list_interfaces(server_id: str, request: Request) -> dict[str, Any]:
    """List a server's ports."""
    server = own(request, "server", server_id)
    rows = []
    for port in world_of(request).store.find("port", device_id=server["id"]):
        row = {"fixed_ips": port["fixed_ips"], "mac_addr": port["mac_address"]}
        ids = {"net_id": port["network_id"], "port_id": port["id"]}
        rows.append(row | ids | {"port_state": port["status"]})
    return {"interfaceAttachments": rows}


@router.delete("/servers/{server_id}", status_code=204)
async def delete_server(server_id: str, request: Request) -> None:
    """Delete a server. Its floating IP stays with the project; release it separately."""
    world_of(request).remove_machine("server", own(request, "server", server_id))


@router.get("/servers/{server_id}/metadata")
async def show_metadata(server_id: str, request: Request) -> dict[str, Any]:
    """Show what a server's owner wrote down of it."""
    return {"metadata": own(request, "server", server_id)["metadata"]}


@router.post("/servers/{server_id}/metadata")
async def note_metadata(server_id: str, request: Request) -> dict[str, Any]:
    """Write down several values of a server; values under other names stay."""
    server = own(request, "server", server_id)
    server["metadata"] |= (await checked(request, "nova POST metadata"))["metadata"]
    world_of(request).store.put("server", server)
    return {"metadata": server["metadata"]}


@router.put("/servers/{server_id}/metadata/{key}")
async def note_value(server_id: str, key: str, request: Request) -> dict[str, Any]:
    """Write down one value of a server."""
    server = own(request, "server", server_id)
    asked = (await checked(request, "nova PUT metadata"))["meta"]
    if list(asked) != [key]:
        raise refusals.nova(400, "Request body and URI mismatch")
    server["metadata"] |= asked
    world_of(request).store.put("server", server)
    return {"meta": asked}


def _check_networks(request: Request, asked: dict[str, Any]) -> None:
    """Refuse networks and ports that are not there, before anything is made."""
    wishes = asked.get("networks")
    for wish in wishes if isinstance(wishes, list) else []:
        if wish.get("port"):
            own(request, "port", wish["port"])
        elif wish.get("uuid") and not network.is_visible(request, wish["uuid"]):
            raise refusals.nova(400, f"Network {wish['uuid']} could not be found.")


def _check_request(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the requested flavor; refuse with 400 what Nova refuses before it starts anything."""
    world, site = world_of(request), request.path_params["site"]
    image = asked.get("imageRef")
    if world.image_named(site, image) is None and (
        image or not asked.get("block_device_mapping_v2")
    ):
        raise refusals.nova(400, f"Can not find requested image {image!r}")
    if asked.get("key_name") and public_key(request, asked["key_name"]) is None:
        raise refusals.nova(400, "Invalid key_name provided.")
    try:
        return flavors.find(request, asked.get("flavorRef"))
    except refusals.RefusalError as error:
        raise refusals.nova(400, str(error)) from error


def _plug_in(request: Request, server: Document, wishes: Any) -> None:
    """Give a server a port in each requested network, or in the site's shared one."""
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
    """Return the volume that a server boots from: one that is there, or a new one of an image; None
    for neither.
    """
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
            volumes = all_own(request, "volume")
            root = next((known for known in volumes if known["id"] == disk.get("uuid")), None)
            if (
                root is None
                or volume_status(root, world.clock.now()) != "available"
                or not root["image_id"]
            ):
                message = (
                    f"Block Device Mapping is Invalid: failed to get volume {disk.get('uuid')}."
                )
                raise refusals.nova(
                    400, f"{message} It has to be there, made from an image, and available."
                )
        case "image", "volume" if world.image_named(site, disk.get("uuid")):
            size_gb, image = disk.get("volume_size"), disk["uuid"]
            root = volume.make(world, caller_of(request), site, None, size_gb, image)
        case _:
            raise refusals.nova(
                400,
                "Block Device Mapping is Invalid: a volume, or an image that becomes one, boots.",
            )
    return root | {"goes_with_server": bool(disk.get("delete_on_termination"))}


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
    groups = [group["name"] for group in asked.get("security_groups") or []]
    free_hosts = [host for host in reserved if host not in busy]
    config_drive = "True" if asked.get("config_drive") else ""
    server |= {
        "security_groups": groups or ["default"],
        "metadata": asked.get("metadata") or {},
        "description": asked.get("description"),
        "config_drive": config_drive,
        "user_data": asked.get("user_data"),
    }
    server |= {
        "zone": asked.get("availability_zone"),
        "updated_s": now_s,
        "host": next(iter(free_hosts), None),
        "conditions": world.faults.conditions(caller.user),
    }
    settled_at_s = now_s + shortened(slow["seconds"] if slow else boot_s)
    server |= {
        "created_s": now_s,
        "settled_at_s": settled_at_s,
        "starting": "BUILD",
        "starting_state": ["building", "spawning"],
        "launched_at_s": settled_at_s,
        "fate": "ACTIVE",
        "halted": False,
        "wiped": False,
    }
    server["ssh_at_s"] = server["settled_at_s"] + shortened(
        late["seconds"] if late else SSH_AFTER_ACTIVE_S
    )
    if world.faults.strike("ssh-never", caller.user):
        server["ssh_at_s"] = 1e18
    if server["host"] is None:
        why = "No valid host was found. There are not enough hosts available."
        server |= {"fate": "ERROR", "why": why, "launched_at_s": None}
        return server | {"settled_at_s": now_s + shortened(_SEARCH_S)}
    if world.faults.strike("server-error", caller.user):
        server |= {
            "fate": "ERROR",
            "why": "Failed to provision instance: timeout reached while cleaning.",
            "launched_at_s": None,
        }
    return server


def public_key(request: Request, name: str | None) -> str | None:
    """Return the caller's public key of a name at the site that was asked, or None."""
    site, user_id = request.path_params["site"], caller_of(request).user_id
    pair = world_of(request).store.get("keypair", f"{site}/{user_id}/{name}")
    return pair["public_key"] if pair else None


def _own_keypair(request: Request, site: str, name: str) -> Document:
    user_id = caller_of(request).user_id
    pair = world_of(request).store.get("keypair", f"{site}/{user_id}/{name}")
    if pair is None:
        raise refusals.nova(404, f"Keypair {name} not found for user {user_id}")
    return pair


def _new_keys() -> tuple[str, str]:
    """Return a private key in PEM, and its public key as OpenSSH writes it."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    forms = serialization
    private = key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.TraditionalOpenSSL, forms.NoEncryption()
    )
    public = key.public_key().public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    return private.decode(), f"{public.decode()} Generated-by-Nova"


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


def _keypair_body(request: Request, pair: Document) -> dict[str, Any]:
    shown = {name: pair[name] for name in ("name", "public_key", "fingerprint")}
    return shown | ({"type": "ssh"} if microversions.of(request) >= (2, 2) else {})


def _links(request: Request, collection: str, identifier: str) -> list[dict[str, str]]:
    """Return the addresses that Nova gives with each of its resources."""
    root = f"{str(request.base_url).rstrip('/')}/{request.path_params['site']}/compute"
    own_address = f"{root}/v2.1/{collection}/{identifier}"
    bookmark = f"{root}/{collection}/{identifier}"
    return [{"rel": "self", "href": own_address}, {"rel": "bookmark", "href": bookmark}]


#: How Nova writes when a server was launched.
_LAUNCHED = "%Y-%m-%dT%H:%M:%S.%f"
#: The microversion from which on Nova shows a field of a server.
_SINCE = {
    "OS-EXT-SRV-ATTR:hostname": (2, 3),
    "OS-EXT-SRV-ATTR:kernel_id": (2, 3),
    "OS-EXT-SRV-ATTR:launch_index": (2, 3),
    "OS-EXT-SRV-ATTR:ramdisk_id": (2, 3),
    "OS-EXT-SRV-ATTR:reservation_id": (2, 3),
    "OS-EXT-SRV-ATTR:root_device_name": (2, 3),
    "OS-EXT-SRV-ATTR:user_data": (2, 3),
    "locked": (2, 9),
    "host_status": (2, 16),
    "description": (2, 19),
    "tags": (2, 26),
    "trusted_image_certificates": (2, 63),
    "server_groups": (2, 71),
    "locked_reason": (2, 73),
    "pinned_availability_zone": (2, 96),
}
#: Nova's `power_state` by status; 0 is that it does not know.
_POWER_STATES = {"ACTIVE": 1, "REBOOT": 1, "HARD_REBOOT": 1, "SHUTOFF": 4}


def _server_body(request: Request, server: Document) -> dict[str, Any]:
    """Return a server as Nova shows it at the request's microversion.

    Chameleon's policy shows owners the attributes of the host, which Nova shows operators alone.
    """
    world, version = world_of(request), microversions.of(request)
    shown = _identity(request, server) | _state(world, server)
    shown |= {"addresses": _addresses(world, server)}
    size = server["flavor"]
    if version >= (2, 47):
        sizes = {name: size[name] for name in ("ram", "disk", "vcpus", "extra_specs")}
        shown["flavor"] = sizes | {"original_name": size["name"], "ephemeral": 0, "swap": 0}
    else:
        bookmark = _links(request, "flavors", size["id"])[1:]
        shown["flavor"] = {"id": size["id"], "links": bookmark}
    return {name: value for name, value in shown.items() if _SINCE.get(name, version) <= version}


#: What Nova answers of a server that is rebuilt.
_REBUILT = (
    "accessIPv4",
    "accessIPv6",
    "addresses",
    "created",
    "flavor",
    "hostId",
    "id",
    "image",
    "links",
    "locked",
    "metadata",
    "name",
    "description",
    "progress",
    "status",
    "OS-DCF:diskConfig",
    "tenant_id",
    "updated",
    "user_id",
    "tags",
)


def rebuilt_body(request: Request, server: Document) -> dict[str, Any]:
    """Return a server as Nova answers a request to rebuild it, without its password."""
    body, version = _server_body(request, server), microversions.of(request)
    shown = {name: body[name] for name in _REBUILT if name in body}
    if version >= (2, 54):
        shown["key_name"] = server["key_name"]
    return shown | ({"user_data": server["user_data"]} if version >= (2, 57) else {})


def _identity(request: Request, server: Document) -> dict[str, Any]:
    """Return the fields of a server that the request which made it decides."""
    names = ("id", "name", "user_id", "key_name", "metadata", "description")
    shown = {name: server[name] for name in names}
    # Nova has no image for a server that boots from a volume.
    image: str | dict[str, Any] = ""
    if server["image_id"]:
        bookmark = _links(request, "images", server["image_id"])[1:]
        image = {"id": server["image_id"], "links": bookmark}
    hostname = re.sub(r"[^a-z0-9-]+", "-", server["name"].lower())
    shown |= {
        "tenant_id": server["project_id"],
        "image": image,
        "links": _links(request, "servers", server["id"]),
        "accessIPv4": "",
        "accessIPv6": "",
        "config_drive": server["config_drive"],
        "tags": [],
        "locked": False,
        "locked_reason": None,
        "server_groups": [],
        "trusted_image_certificates": None,
        "pinned_availability_zone": server["zone"],
    }
    shown |= {
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-SRV-ATTR:hostname": hostname,
        "OS-EXT-SRV-ATTR:kernel_id": "",
        "OS-EXT-SRV-ATTR:launch_index": 0,
        "OS-EXT-SRV-ATTR:ramdisk_id": "",
        "OS-EXT-SRV-ATTR:reservation_id": f"r-{server['id'][:8]}",
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/sda",
        "OS-EXT-SRV-ATTR:user_data": server["user_data"],
    }
    groups = [{"name": name} for name in server["security_groups"]]
    return shown | {"security_groups": groups}


def _state(world: World, server: Document) -> dict[str, Any]:
    """Return the fields of a server that time and its host decide."""
    status = machine_status(server, world.clock.now())
    host = world.catalogue.by_id(server["site"], server["host"])
    vm_state, task_state = server_states(server, world.clock.now())
    updated_s = max(server["updated_s"], min(world.clock.now(), server["settled_at_s"]))
    launched_at_s = server["launched_at_s"]
    launched = launched_at_s is not None and launched_at_s <= world.clock.now()
    volumes = world.store.find("volume", server_id=server["id"])
    shown: dict[str, Any] = {
        "status": status,
        "created": stamp(server["created_s"]),
        "updated": stamp(updated_s),
        "progress": 0,
        "hostId": "",
        "host_status": "",
        "OS-EXT-AZ:availability_zone": "",
        "OS-EXT-SRV-ATTR:host": None,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": None,
    }
    if host:
        shown |= {
            "hostId": host.uid.replace("-", ""),
            "host_status": "UP",
            "OS-EXT-AZ:availability_zone": "nova",
            "OS-EXT-SRV-ATTR:host": f"{server['site']}-ironic",
            "OS-EXT-SRV-ATTR:hypervisor_hostname": host.uid,
        }
    shown |= {
        "OS-EXT-SRV-ATTR:instance_name": f"instance-{server['id'][:8]}",
        "OS-EXT-STS:power_state": _POWER_STATES.get(status, 0),
        "OS-EXT-STS:task_state": task_state,
        "OS-EXT-STS:vm_state": vm_state,
        "OS-SRV-USG:launched_at": stamp(launched_at_s, _LAUNCHED) if launched else None,
        "OS-SRV-USG:terminated_at": None,
    }
    shown["os-extended-volumes:volumes_attached"] = [
        {"id": volume["id"], "delete_on_termination": volume["goes_with_server"]}
        for volume in volumes
    ]
    if status == "ERROR":
        moment = stamp(server["settled_at_s"])
        shown["fault"] = {"code": 500, "message": server["why"], "created": moment}
    return shown


def _addresses(world: World, server: Document) -> dict[str, list[dict[str, Any]]]:
    by_network: dict[str, list[dict[str, Any]]] = {}
    for port in world.store.find("port", device_id=server["id"]):
        mac = {"version": 4, "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]}
        network = world.store.get("network", port["network_id"]) or {}
        addresses = by_network.setdefault(network.get("name", ""), [])
        addresses.append(
            mac | {"addr": port["fixed_ips"][0]["ip_address"], "OS-EXT-IPS:type": "fixed"}
        )
        for address in world.store.find("floatingip", port_id=port["id"]):
            addresses.append(
                mac | {"addr": address["floating_ip_address"], "OS-EXT-IPS:type": "floating"}
            )
    return by_network
