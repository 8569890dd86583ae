"""Nova's reasoning, apart from HTTP: where a server goes, how it fares, what it shows."""

import uuid
from typing import Any

from provisioning.rehearsal import networks, refusals
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.clock import iso_stamp
from provisioning.rehearsal.lifecycle import SERVER_BOOT_S, SSH_AFTER_ACTIVE_S, lease_status, server_status
from provisioning.rehearsal.store import Document
from provisioning.rehearsal.world import Caller, World

#: How long Nova looks for a host before it gives up, in seconds on Chameleon.
_SEARCH_S = 60.0


def check(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> None:
    """Refuse with 400 what Nova refuses before it starts anything."""
    images = {stable_id("image", site, name) for name in world.catalogue.images_at(site)}
    if asked.get("imageRef") not in images:
        raise refusals.nova(400, f"Can not find requested image {asked.get('imageRef')!r}")
    if world.catalogue.sites[site].site_class == "edge" or asked.get("flavorRef") != flavor(site)["id"]:
        raise refusals.nova(400, f"Flavor {asked.get('flavorRef')} could not be found.")
    for network in _own_networks(world, caller, site, asked):
        if not world.store.find("subnet", network_id=network["id"]):
            raise refusals.nova(400, f"Network {network['id']} requires a subnet in order to boot instances on.")
    if asked.get("key_name") and public_key_of(world, caller, site, asked["key_name"]) is None:
        raise refusals.nova(400, "Invalid key_name provided.")


def _own_networks(world: World, caller: Caller, site: str, asked: dict[str, Any]) -> list[Document]:
    """Return the project's own networks that a server is to join; the shared one is not among them."""
    wanted = asked.get("networks")
    names = [one.get("uuid") for one in wanted] if isinstance(wanted, list) else []
    mine = world.store.find("network", site=site, project_id=caller.project_id)
    return [network for network in mine if network["id"] in names]


def public_key_of(world: World, caller: Caller, site: str, name: str) -> str | None:
    """Return the public key that the caller registered at this site under a name."""
    found = world.store.find("keypair", site=site, user_id=caller.user_id, name=name)
    return found[0]["public_key"] if found else None


def place(world: World, caller: Caller, site: str, asked: dict[str, Any], reservation_id: str | None) -> Document:
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
        "public_key": public_key_of(world, caller, site, asked["key_name"]) if asked.get("key_name") else None,
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
    for network in _own_networks(world, caller, site, asked):
        networks.plug(world, server, "compute:nova", network)
    if not world.store.find("port", device_id=server["id"]):
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


def body(world: World, server: Document) -> dict[str, Any]:
    """Return a server as Nova shows it from microversion 2.61."""
    now_s = world.now()
    status = server_status(server, now_s)
    host = world.resource(server["site"], "host", server["host"]) if server["host"] else None
    shown = {
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
        "security_groups": [{"name": name} for name in server.get("security_groups", ["default"])],
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
        shown["fault"] = {"code": 500, "message": server["why"], "created": iso_stamp(server["settled_at_s"])}
    return shown


def _addresses(world: World, server: Document) -> dict[str, list[dict[str, Any]]]:
    """Return a server's addresses by network, fixed ones first."""
    by_network: dict[str, list[dict[str, Any]]] = {}
    for port in world.store.find("port", device_id=server["id"]):
        found = by_network.setdefault(networks.network_name(world, port), [])
        mac = {"version": 4, "OS-EXT-IPS-MAC:mac_addr": port["mac"]}
        found.append(mac | {"addr": port["fixed_ip"], "OS-EXT-IPS:type": "fixed"})
        found += [
            mac | {"addr": address["address"], "OS-EXT-IPS:type": "floating"}
            for address in world.store.find("floating_ip", port_id=port["id"])
        ]
    return by_network


def flavor(site: str) -> dict[str, Any]:
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
