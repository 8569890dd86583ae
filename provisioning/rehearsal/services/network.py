"""Neutron: a site's shared network, the ports of machines in it, floating IPs, and security groups.

Networks, subnets and routers of a project's own are not rehearsed: whoever wants to make one is told so. Security
groups decide whether a virtual machine answers SSH; they filter nothing on bare metal, here as on Chameleon.
"""

import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import all_own, body_of, caller_of, check, own, world_of
from provisioning.rehearsal.world.clock import stamp
from provisioning.rehearsal.world.world import Document, World

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(check("network"))])

_RULE_FIELDS = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id")


@router.get("/networks")
async def list_networks(site: str, request: Request) -> dict[str, Any]:
    """List the site's shared network and the public one, from which floating IPs come."""
    return {"networks": _wanted(request, _networks(world_of(request), site))}


@router.get("/networks/{network_id}")
async def show_network(site: str, network_id: str, request: Request) -> dict[str, Any]:
    """Show a network by its id."""
    for network in _networks(world_of(request), site):
        if network["id"] == network_id:
            return {"network": network}
    raise refusals.neutron(404, "NetworkNotFound", f"Network {network_id} could not be found.")


@router.get("/ports")
async def list_ports(request: Request) -> dict[str, Any]:
    """List the project's ports, by device for example."""
    world = world_of(request)
    return {"ports": _wanted(request, [_port_body(world, port) for port in all_own(request, "port")])}


@router.get("/floatingips")
async def list_floating_ips(request: Request) -> dict[str, Any]:
    """List the project's floating IPs."""
    return {"floatingips": _wanted(request, [_address_body(one) for one in all_own(request, "floating_ip")])}


@router.post("/floatingips", status_code=201)
async def create_floating_ip(site: str, request: Request) -> dict[str, Any]:
    """Allocate a floating IP to the project."""
    world, caller = world_of(request), caller_of(request)
    asked = await body_of(request, "floatingip")
    public = stable_id("network", site, "public")
    if asked.get("floating_network_id") != public:
        message = f"Network {asked.get('floating_network_id')} is not a valid external network"
        raise refusals.neutron(400, "BadRequest", message)
    drained = world.faults.strike("no-floating-ip", caller.user)
    address = None if drained else world.allocate_floating_ip(site, caller)
    if address is None:
        message = f"No more IP addresses available on network {public}."
        raise refusals.neutron(409, "IpAddressGenerationFailure", message)
    if asked.get("port_id"):
        address = _bind(request, address, asked["port_id"])
    return {"floatingip": _address_body(address)}


@router.put("/floatingips/{address_id}")
async def change_floating_ip(address_id: str, request: Request) -> dict[str, Any]:
    """Bind a floating IP to a port, or take it off with `port_id: null`."""
    address = own(request, "floating_ip", address_id)
    asked = await body_of(request, "floatingip")
    if "port_id" in asked:
        address = _bind(request, address, asked["port_id"])
    return {"floatingip": _address_body(address)}


@router.put("/floatingips/{address_id}/tags")
async def tag_floating_ip(address_id: str, request: Request) -> dict[str, Any]:
    """Replace the tags of a floating IP."""
    address = own(request, "floating_ip", address_id)
    tags = (await request.json())["tags"]
    world_of(request).store.put("floating_ip", address | {"tags": tags})
    return {"tags": tags}


@router.delete("/floatingips/{address_id}", status_code=204)
async def delete_floating_ip(address_id: str, request: Request) -> None:
    """Give a floating IP back."""
    world_of(request).store.remove("floating_ip", own(request, "floating_ip", address_id)["id"])


@router.get("/security-groups")
async def list_groups(request: Request) -> dict[str, Any]:
    """List the project's groups, of which `default` is always there."""
    return {"security_groups": _wanted(request, groups(request))}


@router.post("/security-groups", status_code=201)
async def create_group(request: Request) -> dict[str, Any]:
    """Create a group; it starts with the rules that let everything out."""
    asked = await body_of(request, "security_group")
    if asked.get("name") == "default":
        raise refusals.neutron(409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    return {"security_group": _new(request, asked.get("name") or "", asked.get("description") or "")}


@router.delete("/security-groups/{group_id}", status_code=204)
async def delete_group(group_id: str, request: Request) -> None:
    """Delete a group that no server is in; the default one stays."""
    name = _own_group(request, group_id)["name"]
    if name == "default":
        raise refusals.neutron(409, "SecurityGroupCannotRemoveDefault", "Removing default security group not allowed.")
    if any(name in server["security_groups"] for server in all_own(request, "server")):
        raise refusals.neutron(409, "SecurityGroupInUse", f"Security Group {group_id} in use.")
    world_of(request).store.remove("security_group", group_id)


@router.post("/security-group-rules", status_code=201)
async def create_rule(request: Request) -> dict[str, Any]:
    """Add a rule to a group."""
    asked = await body_of(request, "security_group_rule")
    group = _own_group(request, str(asked.get("security_group_id")))
    if asked.get("direction") not in ("ingress", "egress"):
        message = f"Invalid input for direction. Reason: '{asked.get('direction')}' is not in ['ingress', 'egress']."
        raise refusals.neutron(400, "HTTPBadRequest", message)
    rule = _rule(group, asked["direction"], asked)
    rules = group["security_group_rules"]
    if any({**one, "id": ""} == {**rule, "id": ""} for one in rules):
        raise refusals.neutron(409, "SecurityGroupRuleExists", "Security group rule already exists.")
    world_of(request).store.put("security_group", group | {"security_group_rules": [*rules, rule]})
    return {"security_group_rule": rule}


def _wanted(request: Request, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = {k: v for k, v in request.query_params.items() if items and k in items[0]}
    return [item for item in items if all(str(item[k]) == v for k, v in asked.items())]


def groups(request: Request) -> list[Document]:
    """Return the groups of the caller's project, the default one among them: it is made when somebody looks."""
    if not any(group["name"] == "default" for group in all_own(request, "security_group")):
        _new(request, "default", "Default security group")
    return all_own(request, "security_group")


def _new(request: Request, name: str, description: str) -> Document:
    project_id, identifier = caller_of(request).project_id, str(uuid.uuid4())
    group: Document = {"id": identifier, "name": name, "description": description, "tags": []}
    group |= {"site": request.path_params["site"], "project_id": project_id, "tenant_id": project_id}
    rules = [_rule(group, "egress", {"ethertype": kind}) for kind in ("IPv4", "IPv6")]
    return world_of(request).store.put("security_group", group | {"security_group_rules": rules})


def _rule(group: Document, direction: str, asked: dict[str, Any]) -> dict[str, Any]:
    ids = {"security_group_id": group["id"], "tenant_id": group["project_id"], "project_id": group["project_id"]}
    fields = {name: asked.get(name) for name in _RULE_FIELDS} | {"ethertype": asked.get("ethertype") or "IPv4"}
    return {"id": str(uuid.uuid4()), "direction": direction, "description": "", **fields, **ids}


def _own_group(request: Request, group_id: str) -> Document:
    groups(request)  # the default one is there from the first look on
    return own(request, "security_group", group_id)


def _bind(request: Request, address: Document, port_id: str | None) -> Document:
    world = world_of(request)
    fixed_ip = None
    if port_id is not None:
        fixed_ip = own(request, "port", port_id)["fixed_ip"]
        if any(a["id"] != address["id"] for a in world.store.find("floating_ip", port_id=port_id)):
            message = f"Cannot associate floating IP {address['address']} with port {port_id}: it has one."
            raise refusals.neutron(409, "FloatingIPPortAlreadyAssociated", message)
    return world.store.put("floating_ip", address | {"port_id": port_id, "fixed_ip": fixed_ip})


def _networks(world: World, site: str) -> list[dict[str, Any]]:
    shared = world.catalogue.sites[site].network
    return [
        {
            "id": stable_id("network", site, name),
            "name": name,
            "status": "ACTIVE",
            "shared": name == shared,
            "router:external": name == "public",
            "subnets": [stable_id("subnet", site)] if name == shared else [],
            "project_id": "chameleon",
        }
        for name in (shared, "public")
    ]


def _port_body(world: World, port: Document) -> dict[str, Any]:
    site = port["site"]
    return {
        "id": port["id"],
        "status": "ACTIVE",
        "network_id": stable_id("network", site, world.catalogue.sites[site].network),
        "device_id": port["device_id"],
        "mac_address": port["mac"],
        "fixed_ips": [{"subnet_id": stable_id("subnet", site), "ip_address": port["fixed_ip"]}],
        "project_id": port["project_id"],
    }


def _address_body(address: Document) -> dict[str, Any]:
    return {
        "id": address["id"],
        "floating_ip_address": address["address"],
        "floating_network_id": stable_id("network", address["site"], "public"),
        "fixed_ip_address": address["fixed_ip"],
        "port_id": address["port_id"],
        "status": "ACTIVE" if address["port_id"] else "DOWN",
        "description": "",
        "tags": address["tags"],
        "project_id": address["project_id"],
        "created_at": stamp(address["created_s"]),
    }
