"""Neutron: networks, subnets, ports, routers, floating IPs and security groups, a site's and a
project's own.

They are kept in the form in which Neutron shows them; no packet travels in a network, and SSH goes
to the floating IP. Security groups decide whether a virtual machine answers it; they filter nothing
on bare metal, here as on Chameleon.
"""

import ipaddress
import json
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from chameleon_rehearsal.catalogue import stable_id
from chameleon_rehearsal.services import paging, refusals
from chameleon_rehearsal.services.access import all_own, caller_of, check, own, world_of
from chameleon_rehearsal.services.door import body_of, refuse_unless_valid
from chameleon_rehearsal.world.clock import stamp
from chameleon_rehearsal.world.world import OF_ALL, Document, World

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(check("network"))])

#: Neutron's name for a router's port in a subnet.
_ROUTERS = "network:router_interface"
#: Fields that a request may not change.
_FIXED = ("id", "site", "project_id", "tenant_id", "network_id", "status", "security_group_rules")
_RULE_FIELDS = (
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
    "remote_address_group_id",
)
#: Fields of the rehearsal's own records.
_INTERNAL = frozenset({"site", "user", "reservation_id"})
#: A project's limits, as in Neutron's own options; the rehearsal does not enforce them.
_QUOTAS = {
    "floatingip": 50,
    "network": 100,
    "port": 500,
    "rbac_policy": 10,
    "router": 10,
    "security_group": 10,
    "security_group_rule": 100,
    "subnet": 100,
    "subnetpool": -1,
}
#: Neutron's extensions whose fields are rehearsed: alias and name.
_EXTENSIONS = {
    "security-group": "security-group",
    "router": "Neutron L3 Router",
    "external-net": "Neutron external network",
    "port-security": "Port Security",
    "availability_zone": "Availability Zone",
    "pagination": "Pagination support",
    "sorting": "Sorting support",
    "standard-attr-tag": "Tag support for resources with standard attribute",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-timestamp": "Resource timestamps",
    "standard-attr-description": "standard-attr-description",
}


@router.put("/routers/{router_id}/{verb}_router_interface")
async def wire(router_id: str, verb: str, request: Request) -> dict[str, Any]:
    """Connect a router to a subnet, at its gateway's address or at a port made for it, or
    disconnect it.
    """
    world, wired = world_of(request), own(request, "router", router_id)
    asked = await body_of(request)
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
        port = {}
        for plugged in ports:
            if named & {plugged["id"], plugged["fixed_ips"][0]["subnet_id"]}:
                port = plugged
                break
        if not port:
            message = (
                f"Router {router_id} has no interface on "
                f"{asked.get('subnet_id') or asked.get('port_id')}"
            )
            raise refusals.neutron(404, "RouterInterfaceNotFound", message)
        world.remove_port(port)
    subnet_id = port["fixed_ips"][0]["subnet_id"]
    answer = {"id": router_id, "port_id": port["id"], "subnet_id": subnet_id}
    owned = {name: wired[name] for name in ("tenant_id", "project_id", "tags")}
    return answer | owned | {"network_id": port["network_id"], "subnet_ids": [subnet_id]}


@router.get("/extensions")
async def list_extensions() -> dict[str, Any]:
    """List the extensions whose fields the rehearsal has."""
    entries = []
    for alias, name in _EXTENSIONS.items():
        entry = {"alias": alias, "name": name, "description": name, "links": []}
        entries.append(entry | {"updated": "2012-10-05T10:00:00-00:00"})
    return {"extensions": entries}


@router.get("/quotas/{project_id}")
async def show_quotas(project_id: str, request: Request) -> dict[str, Any]:
    """Show what the caller's project may have."""
    if project_id != caller_of(request).project_id:
        raise refusals.neutron(404, "TenantNotFound", f"Project {project_id} could not be found.")
    return {"quota": _QUOTAS}


@router.post("/security-group-rules", status_code=201)
async def create_rule(request: Request) -> dict[str, Any]:
    asked = (await body_of(request)).get("security_group_rule")
    if not isinstance(asked, dict):
        raise refusals.neutron(400, "BadRequest", "Unable to find 'security_group_rule' in body")
    groups(request)  # the default one is there from the first look on
    group = own(request, "security_group", str(asked.get("security_group_id")))
    _check_rule(asked)
    rule = _rule(group, asked["direction"], asked)
    rules = group["security_group_rules"]
    if any(_same_rule(other, rule) for other in rules):
        raise refusals.neutron(
            409, "SecurityGroupRuleExists", "Security group rule already exists."
        )
    changed = {"security_group_rules": [*rules, rule]}
    changed["revision_number"] = group["revision_number"] + 1
    world_of(request).store.put("security_group", group | changed)
    return {"security_group_rule": rule}


#: Allowed values of a rule's fields; None if a list cannot hold them all.
_RULE_VALUES: dict[str, tuple[Any, ...]] = {
    "direction": ("ingress", "egress"),
    "ethertype": (None, "IPv4", "IPv6"),
}


def _check_rule(asked: dict[str, Any]) -> None:
    """Refuse a rule whose direction, kind of address, ports or prefix Neutron does not read."""
    for name, values in _RULE_VALUES.items():
        if asked.get(name) not in values:
            message = f"Invalid input for {name}. Reason: {asked.get(name)!r} is not in {values}."
            raise refusals.neutron(400, "HTTPBadRequest", message)
    first, last = (asked.get(name) for name in ("port_range_min", "port_range_max"))
    for port in (first, last):
        if port is not None and not (str(port).isdecimal() and int(port) <= 65_535):
            raise refusals.neutron(400, "SecurityGroupInvalidPortValue", f"Invalid port: {port!r}")
    if first is not None and last is not None and int(first) > int(last):
        message = "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        raise refusals.neutron(400, "SecurityGroupInvalidPortRange", message)
    if not isinstance(asked.get("protocol"), str | int | None):
        message = f"Security group rule protocol {asked.get('protocol')!r} not supported."
        raise refusals.neutron(400, "SecurityGroupRuleInvalidProtocol", message)
    prefix = asked.get("remote_ip_prefix")
    try:
        if prefix is not None:
            ipaddress.ip_network(prefix, strict=False)
    except (TypeError, ValueError) as error:
        message = f"Invalid input for remote_ip_prefix. Reason: {error}."
        raise refusals.neutron(400, "HTTPBadRequest", message) from error


def _same_rule(rule: dict[str, Any], other: dict[str, Any]) -> bool:
    compared = (*_RULE_FIELDS, "direction", "ethertype")
    return all(rule[name] == other[name] for name in compared)


async def list_things(request: Request) -> dict[str, Any]:
    """List the site's public resources of a kind, and the project's own, by name for example."""
    kind = _kind(request)
    items = [_body(world_of(request), thing) for thing in _visible(request, kind)]
    asked = {
        name: request.query_params.getlist(name)
        for name in request.query_params
        if name not in paging.PARAMETERS and any(name in item for item in items)
    }
    listed = [item for item in items if _has(item, asked)]
    shown, following = paging.page(request, listed)
    rows = [paging.chosen(request, row) for row in shown]
    return {f"{kind}s": rows} | paging.links(f"{kind}s", following)


def _has(item: dict[str, Any], asked: dict[str, list[str]]) -> bool:
    """Return whether an item has one of the asked values in each asked field."""
    for name, values in asked.items():
        value = item.get(name)
        if str(value) not in values and str(value).lower() not in values:
            return False
    return True


async def show_thing(thing_id: str, request: Request) -> dict[str, Any]:
    """Show one of them by its id."""
    kind = _kind(request)
    shown = next((thing for thing in _visible(request, kind) if thing["id"] == thing_id), None)
    body = _body(world_of(request), shown or own(request, kind, thing_id))
    return {kind: paging.chosen(request, body)}


async def create_things(request: Request) -> dict[str, Any]:
    """Create one, or several in a request, which are answered in the same form."""
    world, kind, body = world_of(request), _kind(request), await body_of(request)
    several = body.get(f"{kind}s")
    if isinstance(several, list) and several:
        # All are checked before the first is made, so a refused request has no effect.
        asked = [_valid(request, kind, each) for each in several]
        return {f"{kind}s": [_body(world, _new(request, kind, each)) for each in asked]}
    return {kind: _body(world, _new(request, kind, _valid(request, kind, body.get(kind))))}


async def change_thing(thing_id: str, request: Request) -> dict[str, Any]:
    """Change a resource of the project's: its name, the port of a floating IP (None removes it), a
    port's groups.
    """
    world, kind = world_of(request), _kind(request)
    thing = own(request, kind, thing_id)
    asked = _valid(request, kind, (await body_of(request)).get(kind))
    if kind == "floatingip" and "port_id" in asked:
        thing = bind(request, thing, asked["port_id"])
    changed = {name: asked[name] for name in asked if name in thing and name not in _FIXED}
    if "external_gateway_info" in changed:
        gateway = changed["external_gateway_info"]
        changed["external_gateway_info"] = _gateway(request, gateway)
    changed["revision_number"] = thing["revision_number"] + 1
    changed["updated_at"] = stamp(world.clock.now())
    return {kind: _body(world, world.store.put(kind, thing | changed))}


def _valid(request: Request, kind: str, asked: Any) -> dict[str, Any]:
    """Return the attributes of a request, if Neutron would accept them."""
    if not isinstance(asked, dict):
        raise refusals.neutron(400, "BadRequest", f"Unable to find '{kind}' in request body")
    if kind == "security_group":
        _check_group(asked)
    else:
        refuse_unless_valid(request, f"neutron {request.method} {kind}s", asked)
    return asked


def _check_group(asked: dict[str, Any]) -> None:
    for name, value in asked.items():
        known = name in ("name", "description", "stateful", "tenant_id", "project_id")
        if not known or (name != "stateful" and not isinstance(value, str)):
            message = f"Invalid input for {name}. Reason: {value!r} is not a text of that name."
            raise refusals.neutron(400, "HTTPBadRequest", message)


async def tag_thing(thing_id: str, request: Request) -> dict[str, Any]:
    """Replace the tags of a resource of the project's."""
    tags = {"tags": (await body_of(request)).get("tags")}
    if not isinstance(tags["tags"], list):
        raise refusals.neutron(400, "InvalidInput", "Invalid input for tags: not a list.")
    world_of(request).store.put(_kind(request), own(request, _kind(request), thing_id) | tags)
    return tags


async def delete_thing(thing_id: str, request: Request) -> None:
    """Delete an unused resource of the project's; a network's subnets go with it."""
    world, kind = world_of(request), _kind(request)
    thing = own(request, kind, thing_id)
    if kind == "security_group" and thing["name"] == "default":
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
    """Return the groups of the caller's project, including the default one, which the first look
    makes.
    """
    if not any(group["name"] == "default" for group in all_own(request, "security_group")):
        _new_group(request, {"name": "default", "description": "Default security group"})
    return all_own(request, "security_group")


def is_visible(request: Request, network_id: str) -> bool:
    """Return whether the caller's project sees a network of that id."""
    return any(network["id"] == network_id for network in _visible(request, "network"))


def plug(
    request: Request, machine: Document, network_id: str | None, address: str | None, owner: str
) -> Document:
    """Plug a machine into a network, the site's shared one if None, at an address or the next free
    one.

    Raises:
        RefusalError: 404, no such network; 400, it has no subnet with that address; 409, the
            address is taken.
    """
    if network_id is not None and not is_visible(request, network_id):
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
    world = world_of(request)
    bound = {"port_id": port_id, "fixed_ip_address": None, "status": "DOWN", "router_id": None}
    if port_id is not None:
        port = own(request, "port", port_id)
        bound |= {"fixed_ip_address": port["fixed_ips"][0]["ip_address"], "status": "ACTIVE"}
        bound["router_id"] = _way_out(world, port)
        if bound["router_id"] is None:
            message = (
                f"External network is not reachable from port {port_id}: no router leads out of "
                "its network."
            )
            raise refusals.neutron(404, "ExternalGatewayForFloatingIPNotFound", message)
        bound_here = world.store.find("floatingip", port_id=port_id)
        if any(other["id"] != address["id"] for other in bound_here):
            message = (
                f"Cannot associate floating IP {address['floating_ip_address']} with port "
                f"{port_id}: it has one."
            )
            raise refusals.neutron(409, "FloatingIPPortAlreadyAssociated", message)
    return world.store.put("floatingip", address | bound)


def _way_out(world: World, port: Document) -> str | None:
    """Return the router that leads out of a port's network, or None."""
    network = world.store.get("network", port["network_id"]) or {}
    if network.get("shared"):
        return stable_id("router", port["site"], network["name"])
    neighbours = world.store.find("port", network_id=port["network_id"])
    routers = {neighbour["device_id"] for neighbour in neighbours}
    for router in world.store.find("router", site=port["site"]):
        if router["external_gateway_info"] and router["id"] in routers:
            return router["id"]
    return None


def _kind(request: Request) -> str:
    return request.url.path.split("/")[4].removesuffix("s").replace("-", "_")


def _visible(request: Request, kind: str) -> list[Document]:
    mine = groups(request) if kind == "security_group" else all_own(request, kind)
    return [
        *world_of(request).store.find(kind, site=request.path_params["site"], project_id=OF_ALL),
        *mine,
    ]


def _body(world: World, thing: Document) -> dict[str, Any]:
    """Return a resource in Neutron's form."""
    shown = {name: value for name, value in thing.items() if name not in _INTERNAL}
    if "mtu" in thing:
        subnets = world.store.find("subnet", network_id=thing["id"])
        shown["subnets"] = [subnet["id"] for subnet in subnets]
    if "floating_ip_address" in thing:
        port = world.store.get("port", thing["port_id"]) if thing["port_id"] else None
        shown["port_details"] = {name: port[name] for name in _PORT_DETAILS} if port else None
    return shown


_PORT_DETAILS = (
    "status",
    "name",
    "admin_state_up",
    "network_id",
    "device_owner",
    "mac_address",
    "device_id",
)


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
                asked = _subnet(asked)
            case "router":
                gateway = _gateway(request, asked.get("external_gateway_info"))
                asked = asked | {"external_gateway_info": gateway}
            case "port":
                machine = {
                    "id": asked.get("device_id") or "",
                    "site": site,
                    "project_id": project_id,
                }
                fixed: dict[str, str] = next(iter(asked.get("fixed_ips") or []), {})
                own_groups = {group["id"] for group in groups(request)}
                unknown = set(asked.get("security_groups") or []) - own_groups
                if unknown:
                    name = sorted(unknown)[0]
                    message = f"Security group {name} does not exist"
                    raise refusals.neutron(404, "SecurityGroupNotFound", message)
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
    return world.add_thing(kind, site, project_id, asked)


def _subnet(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a new subnet, with its gateway and the addresses it gives out.

    Raises:
        ValueError: It has no CIDR, or one without room for a gateway.
    """
    if not asked.get("cidr"):
        raise ValueError("a subnetpool is not rehearsed, so a cidr is needed")
    network = ipaddress.ip_network(asked["cidr"], strict=False)
    if network.num_addresses < 4:
        raise ValueError(f"{network} has no room for a gateway and a machine")
    gateway = asked.get("gateway_ip", str(network[1]))
    last = str(network[-2])
    first = str(network[2]) if gateway == str(network[1]) else str(network[1])
    given = {"cidr": str(network), "gateway_ip": gateway, "ip_version": network.version}
    return {"allocation_pools": [{"start": first, "end": last}]} | asked | given


def _gateway(request: Request, asked: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a router's gateway to the public network, as Neutron shows it; None for none."""
    if asked is None:
        return None
    world, site = world_of(request), request.path_params["site"]
    _check_outside(site, asked.get("network_id"))
    outside = f"{world.catalogue.sites[site].floating}.250"
    address = {"ip_address": outside, "subnet_id": stable_id("subnet", site, "public")}
    return {"enable_snat": True, "external_fixed_ips": [address]} | asked


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
    described = world.store.put("floatingip", address | _described(asked))
    if not asked.get("port_id"):
        return described
    try:
        return bind(request, described, asked["port_id"])
    except refusals.RefusalError:
        world.store.remove("floatingip", address["id"])
        raise


def _described(asked: dict[str, Any]) -> dict[str, str]:
    return {"description": asked["description"]} if "description" in asked else {}


def _new_group(request: Request, asked: dict[str, Any]) -> Document:
    world, site, project_id = (
        world_of(request),
        request.path_params["site"],
        caller_of(request).project_id,
    )
    names = [group["name"] for group in all_own(request, "security_group")]
    if asked.get("name") == "default" and "default" in names:
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
    fields = {name: asked.get(name) for name in _RULE_FIELDS}
    for name in ("port_range_min", "port_range_max"):
        port = fields[name]
        fields[name] = None if port is None else int(port)
    fields |= {
        "ethertype": asked.get("ethertype") or "IPv4",
        "description": asked.get("description") or "",
    }
    moments = {"created_at": group["created_at"], "updated_at": group["updated_at"]}
    standard = {"revision_number": 1, "tags": [], **moments}
    return {"id": str(uuid.uuid4()), "direction": direction, **fields, **ids, **standard}
