"""Neutron's security groups: kept as state; they filter nothing, here as on Chameleon's bare metal.

There the node's own firewall decides which ports are open, and here the machines stand behind loopback.
"""

import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import body_of, caller_of, check, world_of
from provisioning.rehearsal.services.network import wanted
from provisioning.rehearsal.world.store import Document
from provisioning.rehearsal.world.world import Caller, World

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(check("network"))])


@router.get("/security-groups")
async def list_groups(site: str, request: Request) -> dict[str, Any]:
    """List the project's groups, of which `default` is always there."""
    return {"security_groups": wanted(request, groups(world_of(request), site, caller_of(request)))}


@router.get("/security-groups/{group_id}")
async def show_group(site: str, group_id: str, request: Request) -> dict[str, Any]:
    """Show a group by its id."""
    return {"security_group": _own(request, site, group_id)}


@router.post("/security-groups", status_code=201)
async def create_group(site: str, request: Request) -> dict[str, Any]:
    """Create a group; it starts with the rules that let everything out."""
    caller, asked = caller_of(request), await body_of(request, "security_group")
    if asked.get("name") == "default":
        raise refusals.neutron(409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    made = _new(site, caller, str(uuid.uuid4()), asked.get("name") or "", asked.get("description") or "")
    return {"security_group": _body(world_of(request).store.put("security_group", made))}


@router.delete("/security-groups/{group_id}", status_code=204)
async def delete_group(site: str, group_id: str, request: Request) -> None:
    """Delete a group; the default one stays."""
    found = _own(request, site, group_id)
    if found["name"] == "default":
        raise refusals.neutron(409, "SecurityGroupCannotRemoveDefault", "Removing default security group not allowed.")
    world_of(request).store.remove("security_group", group_id)


@router.post("/security-group-rules", status_code=201)
async def create_rule(site: str, request: Request) -> dict[str, Any]:
    """Add a rule to a group."""
    world, asked = world_of(request), await body_of(request, "security_group_rule")
    _own(request, site, str(asked.get("security_group_id")))
    group = world.store.get("security_group", asked["security_group_id"])
    if group is None:
        # The default group is made on its first change.
        caller = caller_of(request)
        group = _new(site, caller, asked["security_group_id"], "default", "Default security group")
    if asked.get("direction") not in ("ingress", "egress"):
        message = f"Invalid input for direction. Reason: '{asked.get('direction')}' is not in ['ingress', 'egress']."
        raise refusals.neutron(400, "HTTPBadRequest", message)
    rule = _rule(group, asked["direction"], **{name: asked.get(name) for name in _RULE_FIELDS})
    if any({**one, "id": ""} == {**rule, "id": ""} for one in group["rules"]):
        raise refusals.neutron(409, "SecurityGroupRuleExists", "Security group rule already exists.")
    world.store.put("security_group", group | {"rules": [*group["rules"], rule]})
    return {"security_group_rule": rule}


def groups(world: World, site: str, caller: Caller) -> list[dict[str, Any]]:
    """Return a project's groups as Neutron shows them, the default one first."""
    default_id = stable_id("security group", site, caller.project_id)
    mine = world.store.find("security_group", site=site, project_id=caller.project_id)
    if not any(one["id"] == default_id for one in mine):
        mine.insert(0, _new(site, caller, default_id, "default", "Default security group"))
    return [_body(one) for one in mine]


_RULE_FIELDS = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id", "ethertype")


def _new(site: str, caller: Caller, identifier: str, name: str, description: str) -> Document:
    made = {"id": identifier, "site": site, "project_id": caller.project_id, "name": name, "description": description}
    return made | {"rules": [_rule(made, "egress", ethertype=kind) for kind in ("IPv4", "IPv6")]}


def _rule(group: Document, direction: str, **fields: Any) -> dict[str, Any]:
    kept = {name: fields.get(name) for name in _RULE_FIELDS}
    kept["ethertype"] = kept["ethertype"] or "IPv4"
    ids = {"security_group_id": group["id"], "tenant_id": group["project_id"], "project_id": group["project_id"]}
    return {"id": str(uuid.uuid4()), "direction": direction, "description": "", **kept, **ids}


def _body(group: Document) -> dict[str, Any]:
    """Return a group as Neutron shows it."""
    shown = {name: group[name] for name in ("id", "name", "description", "project_id")}
    return shown | {"tenant_id": group["project_id"], "security_group_rules": group["rules"], "tags": []}


def _own(request: Request, site: str, group_id: str) -> dict[str, Any]:
    """Return a group of the caller's project as Neutron shows it, or refuse with 404."""
    for group in groups(world_of(request), site, caller_of(request)):
        if group["id"] == group_id:
            return group
    raise refusals.neutron(404, "SecurityGroupNotFound", f"Security group {group_id} does not exist")
