"""Neutron: networks, subnets, ports, routers, floating IPs and security groups, a site's and a project's own.

They are kept in the form in which Neutron shows them; no packet travels in a network, and SSH goes to the floating IP.
Security groups decide whether a virtual machine answers it; they filter nothing on bare metal, here as on Chameleon.
"""

import ipaddress
import json
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import all_own, body_of, caller_of, check, own, world_of
from provisioning.rehearsal.world.world import OF_ALL, Document, World

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(check("network"))])

#: What Neutron calls the port by which a router stands in a subnet.
_ROUTERS = "network:router_interface"
#: What a request may not change of a thing.
_FIXED = ("id", "site", "project_id", "tenant_id", "network_id", "status", "security_group_rules")
_RULE_FIELDS = (
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


@router.put("/routers/{router_id}/{verb}_router_interface")
async def wire(router_id: str, verb: str, request: Request) -> dict[str, Any]:
    """Let a router stand in a subnet, at its gateway's address or at a port that was made for it; or take it out."""
    world, wired, asked = world_of(request), own(request, "router", router_id), await request.json()
    if verb == "add" and asked.get("port_id"):
        port = own(request, "port", asked["port_id"]) | {
            "device_id": router_id,
            "device_owner": _ROUTERS,
        }
        world.store.put("port", port)
    elif verb == "add":
        subnet = own(request, "subnet", str(asked.get("subnet_id")))
        port = plug(request, wired, subnet["network_id"], subnet["gateway_ip"], _ROUTERS)
    else:
        named = {asked.get("port_id"), asked.get("subnet_id")}
        ports = world.store.find("port", device_id=router_id)
        port = next(
            (one for one in ports if named & {one["id"], one["fixed_ips"][0]["subnet_id"]}), {}
        )
        if not port:
            message = f"Router {router_id} has no interface on {asked.get('subnet_id') or asked.get('port_id')}"
            raise refusals.neutron(404, "RouterInterfaceNotFound", message)
        world.remove_port(port)
    return {"id": router_id, "port_id": port["id"], "subnet_id": port["fixed_ips"][0]["subnet_id"]}


@router.post("/security-group-rules", status_code=201)
async def create_rule(request: Request) -> dict[str, Any]:
    asked = await body_of(request, "security_group_rule")
    groups(request)  # the default one is there from the first look on
    group = own(request, "security_group", str(asked.get("security_group_id")))
    if asked.get("direction") not in ("ingress", "egress"):
        message = f"Invalid input for direction. Reason: '{asked.get('direction')}' is not in ['ingress', 'egress']."
        raise refusals.neutron(400, "HTTPBadRequest", message)
    rule = _rule(group, asked["direction"], asked)
    rules = group["security_group_rules"]
    if any({**one, "id": ""} == {**rule, "id": ""} for one in rules):
        raise refusals.neutron(
            409, "SecurityGroupRuleExists", "Security group rule already exists."
        )
    world_of(request).store.put("security_group", group | {"security_group_rules": [*rules, rule]})
    return {"security_group_rule": rule}


async def list_things(request: Request) -> dict[str, Any]:
    """List the site's things of a kind that everybody sees, and the project's own, by name for example."""
    kind = _kind(request)
    items = [_body(world_of(request), thing) for thing in _visible(request, kind)]
    asked = {k: v for k, v in request.query_params.items() if items and k in items[0]}
    return {
        f"{kind}s": [item for item in items if all(str(item[k]) == v for k, v in asked.items())]
    }


async def show_thing(thing_id: str, request: Request) -> dict[str, Any]:
    """Show one of them by its id."""
    kind = _kind(request)
    shown = next((thing for thing in _visible(request, kind) if thing["id"] == thing_id), None)
    return {kind: _body(world_of(request), shown or own(request, kind, thing_id))}


async def create_things(request: Request) -> dict[str, Any]:
    """Create one, or several in a request, which are answered in the same form."""
    kind, asked = _kind(request), await request.json()
    if f"{kind}s" in asked:
        return {f"{kind}s": [_new(request, kind, resource) for resource in asked[f"{kind}s"]]}
    return {kind: _new(request, kind, await body_of(request, kind))}


async def change_thing(thing_id: str, request: Request) -> dict[str, Any]:
    """Change a thing of the project's: its name, the port of a floating IP (None takes it off), a port's groups."""
    world, kind = world_of(request), _kind(request)
    thing, asked = own(request, kind, thing_id), await body_of(request, kind)
    if kind == "floatingip":
        return {kind: bind(request, thing, asked["port_id"]) if "port_id" in asked else thing}
    thing |= {name: value for name, value in asked.items() if name in thing and name not in _FIXED}
    return {kind: _body(world, world.store.put(kind, thing))}


async def tag_thing(thing_id: str, request: Request) -> dict[str, Any]:
    """Replace the tags of a thing of the project's."""
    tags = {"tags": (await request.json())["tags"]}
    world_of(request).store.put(_kind(request), own(request, _kind(request), thing_id) | tags)
    return tags


async def delete_thing(thing_id: str, request: Request) -> None:
    """Delete a thing of the project's that nothing needs; a network's subnets go with it."""
    world, kind = world_of(request), _kind(request)
    thing = own(request, kind, thing_id)
    if thing["name"] == "default" and kind == "security_group":
        raise refusals.neutron(
            409, "SecurityGroupCannotRemoveDefault", "Removing default security group not allowed."
        )
    users = [port for port in all_own(request, "port") if thing_id in json.dumps(port)]
    if kind == "port":
        users = [user for user in users if user["device_owner"] == _ROUTERS]
    if kind == "security_group":
        users += [
            server
            for server in all_own(request, "server")
            if thing["name"] in server["security_groups"]
        ]
    if users:
        word = kind.title().replace("_", "")
        raise refusals.neutron(
            409, f"{word}InUse", f"Unable to complete operation on {word} {thing_id}: it is in use."
        )
    if kind == "port":
        world.remove_port(thing)
    for subnet in world.store.find("subnet", network_id=thing_id):
        world.store.remove("subnet", subnet["id"])
    world.store.remove(kind, thing_id)


for _noun in ("networks", "subnets", "ports", "routers", "floatingips", "security-groups"):
    router.add_api_route(f"/{_noun}", list_things, methods=["GET"])
    router.add_api_route(f"/{_noun}", create_things, methods=["POST"], status_code=201)
    router.add_api_route(f"/{_noun}/{{thing_id}}", show_thing, methods=["GET"])
    router.add_api_route(f"/{_noun}/{{thing_id}}", change_thing, methods=["PUT"])
    router.add_api_route(f"/{_noun}/{{thing_id}}/tags", tag_thing, methods=["PUT"])
    router.add_api_route(
        f"/{_noun}/{{thing_id}}", delete_thing, methods=["DELETE"], status_code=204
    )


def groups(request: Request) -> list[Document]:
    """Return the groups of the caller's project, the default one among them: it is made when somebody looks."""
    if not any(group["name"] == "default" for group in all_own(request, "security_group")):
        _new_group(request, {"name": "default", "description": "Default security group"})
    return all_own(request, "security_group")


def plug(
    request: Request, machine: Document, network_id: str | None, address: str | None, owner: str
) -> Document:
    """Plug a machine into a network, the site's shared one if None, at an address or the next free one.

    Raises:
        RefusalError: 404, no such network; 400, it has no subnet with that address; 409, the address is taken.
    """
    if network_id not in (None, *(network["id"] for network in _visible(request, "network"))):
        own(request, "network", str(network_id))
    try:
        port = world_of(request).add_port(machine, network_id, address, owner)
    except ValueError as error:
        raise refusals.neutron(400, "InvalidInput", str(error)) from error
    if port is None:
        message = f"IP address {address} already allocated in subnet of network {network_id}"
        raise refusals.neutron(409, "IpAddressAlreadyAllocated", message)
    return port


def bind(request: Request, address: Document, port_id: str | None) -> Document:
    """Bind a floating IP to a port, or take it off if None, and return it."""
    world, bound = (
        world_of(request),
        {"port_id": port_id, "fixed_ip_address": None, "status": "DOWN"},
    )
    if port_id is not None:
        port = own(request, "port", port_id)
        bound |= {"fixed_ip_address": port["fixed_ips"][0]["ip_address"], "status": "ACTIVE"}
        if not _leads_out(world, port):
            message = f"External network is not reachable from port {port_id}: no router leads out of its network."
            raise refusals.neutron(404, "ExternalGatewayForFloatingIPNotFound", message)
        if any(
            one["id"] != address["id"] for one in world.store.find("floatingip", port_id=port_id)
        ):
            message = f"Cannot associate floating IP {address['floating_ip_address']} with port {port_id}: it has one."
            raise refusals.neutron(409, "FloatingIPPortAlreadyAssociated", message)
    return world.store.put("floatingip", address | bound)


def _leads_out(world: World, port: Document) -> bool:
    network = world.store.get("network", port["network_id"]) or {}
    ways = {
        router["id"]
        for router in world.store.find("router", site=port["site"])
        if router["external_gateway_info"]
    }
    neighbours = world.store.find("port", network_id=port["network_id"])
    return bool(network.get("shared")) or any(
        neighbour["device_id"] in ways for neighbour in neighbours
    )


def _kind(request: Request) -> str:
    return request.url.path.split("/")[4].removesuffix("s").replace("-", "_")


def _visible(request: Request, kind: str) -> list[Document]:
    mine = groups(request) if kind == "security_group" else all_own(request, kind)
    return [
        *world_of(request).store.find(kind, site=request.path_params["site"], project_id=OF_ALL),
        *mine,
    ]


def _body(world: World, thing: Document) -> dict[str, Any]:
    if "router:external" in thing:
        return thing | {
            "subnets": [
                subnet["id"] for subnet in world.store.find("subnet", network_id=thing["id"])
            ]
        }
    return thing


def _new(request: Request, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    world, site, project_id = (
        world_of(request),
        request.path_params["site"],
        caller_of(request).project_id,
    )
    try:
        match kind:
            case "network":
                # Only an operator's are everybody's.
                asked = asked | {"shared": False, "router:external": False}
            case "subnet":
                own(request, "network", str(asked.get("network_id")))
                asked = {"gateway_ip": str(ipaddress.ip_network(asked["cidr"])[1])} | asked
            case "router":
                _check_outside(site, (asked.get("external_gateway_info") or {}).get("network_id"))
            case "port":
                machine = {
                    "id": asked.get("device_id") or "",
                    "site": site,
                    "project_id": project_id,
                }
                fixed: dict[str, str] = next(iter(asked.get("fixed_ips") or []), {})
                port = plug(request, machine, asked["network_id"], fixed.get("ip_address"), "")
                chosen = ("name", "description", "security_groups", "port_security_enabled")
                return world.store.put(
                    "port", port | {name: asked[name] for name in chosen if name in asked}
                )
            case "floatingip":
                return _new_address(request, asked)
            case "security_group":
                return _new_group(request, asked)
    except (ValueError, LookupError) as error:
        raise refusals.neutron(
            400, "HTTPBadRequest", f"Invalid input for {kind}. Reason: {error}."
        ) from error
    return _body(world, world.add_thing(kind, site, project_id, asked))


def _check_outside(site: str, network_id: str | None) -> None:
    if network_id not in (None, stable_id("network", site, "public")):
        raise refusals.neutron(
            400, "BadRequest", f"Network {network_id} is not a valid external network"
        )


def _new_address(request: Request, asked: dict[str, Any]) -> Document:
    world, caller, site = world_of(request), caller_of(request), request.path_params["site"]
    _check_outside(site, asked["floating_network_id"])
    drained = world.faults.strike("no-floating-ip", caller.user)
    address = None if drained else world.allocate_floating_ip(site, caller)
    if address is None:
        message = f"No more IP addresses available on network {asked['floating_network_id']}."
        raise refusals.neutron(409, "IpAddressGenerationFailure", message)
    return bind(request, address, asked["port_id"]) if asked.get("port_id") else address


def _new_group(request: Request, asked: dict[str, Any]) -> Document:
    world, site, project_id = (
        world_of(request),
        request.path_params["site"],
        caller_of(request).project_id,
    )
    if any(
        one["name"] == "default" == asked.get("name") for one in all_own(request, "security_group")
    ):
        raise refusals.neutron(
            409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists."
        )
    group = world.add_thing("security_group", site, project_id, asked)
    rules = [_rule(group, "egress", {"ethertype": kind}) for kind in ("IPv4", "IPv6")]
    return world.store.put("security_group", group | {"security_group_rules": rules})


def _rule(group: Document, direction: str, asked: dict[str, Any]) -> dict[str, Any]:
    ids = {
        "security_group_id": group["id"],
        "tenant_id": group["project_id"],
        "project_id": group["project_id"],
    }
    fields = {name: asked.get(name) for name in _RULE_FIELDS} | {
        "ethertype": asked.get("ethertype") or "IPv4"
    }
    return {"id": str(uuid.uuid4()), "direction": direction, "description": "", **fields, **ids}
