"""Neutron's security groups: kept as state; they filter nothing, here as on Chameleon's bare metal.

There the node's own firewall decides which ports are open, and here the machines stand behind loopback.
"""

import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import all_own, body_of, caller_of, check, world_of
from provisioning.rehearsal.services.network import wanted
from provisioning.rehearsal.world.store import Document

router = APIRouter(prefix="/{site}/network/v2.0", dependencies=[Depends(check("network"))])

_RULE_FIELDS = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id")


@router.get("/security-groups")
async def list_groups(request: Request) -> dict[str, Any]:
    """List the project's groups, of which `default` is always there."""
    return {"security_groups": wanted(request, groups(request))}


@router.get("/security-groups/{group_id}")
async def show_group(group_id: str, request: Request) -> dict[str, Any]:
    """Show a group by its id."""
    return {"security_group": _own(request, group_id)}


@router.post("/security-groups", status_code=201)
async def create_group(request: Request) -> dict[str, Any]:
    """Create a group; it starts with the rules that let everything out."""
    asked = await body_of(request, "security_group")
    if asked.get("name") == "default":
        raise refusals.neutron(409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    return {"security_group": _new(request, asked.get("name") or "", asked.get("description") or "")}


@router.delete("/security-groups/{group_id}", status_code=204)
async def delete_group(group_id: str, request: Request) -> None:
    """Delete a group; the default one stays."""
    if _own(request, group_id)["name"] == "default":
        raise refusals.neutron(409, "SecurityGroupCannotRemoveDefault", "Removing default security group not allowed.")
    world_of(request).store.remove("security_group", group_id)


@router.post("/security-group-rules", status_code=201)
async def create_rule(request: Request) -> dict[str, Any]:
    """Add a rule to a group."""
    asked = await body_of(request, "security_group_rule")
    group = _own(request, str(asked.get("security_group_id")))
    if asked.get("direction") not in ("ingress", "egress"):
        message = f"Invalid input for direction. Reason: '{asked.get('direction')}' is not in ['ingress', 'egress']."
        raise refusals.neutron(400, "HTTPBadRequest", message)
    rule = _rule(group, asked["direction"], asked)
    rules = group["security_group_rules"]
    if any({**one, "id": ""} == {**rule, "id": ""} for one in rules):
        raise refusals.neutron(409, "SecurityGroupRuleExists", "Security group rule already exists.")
    world_of(request).store.put("security_group", group | {"security_group_rules": [*rules, rule]})
    return {"security_group_rule": rule}


def groups(request: Request) -> list[Document]:
    """Return the groups of the caller's project, the default one among them: it is made when somebody looks."""
    if not any(group["name"] == "default" for group in all_own(request, "security_group")):
        _new(request, "default", "Default security group")
    return all_own(request, "security_group")


def _new(request: Request, name: str, description: str) -> Document:
    """Make a group of the caller's project."""
    project_id, identifier = caller_of(request).project_id, str(uuid.uuid4())
    group: Document = {"id": identifier, "name": name, "description": description, "tags": []}
    group |= {"site": request.path_params["site"], "project_id": project_id, "tenant_id": project_id}
    rules = [_rule(group, "egress", {"ethertype": kind}) for kind in ("IPv4", "IPv6")]
    return world_of(request).store.put("security_group", group | {"security_group_rules": rules})


def _rule(group: Document, direction: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return a rule of a group as Neutron shows it."""
    ids = {"security_group_id": group["id"], "tenant_id": group["project_id"], "project_id": group["project_id"]}
    fields = {name: asked.get(name) for name in _RULE_FIELDS} | {"ethertype": asked.get("ethertype") or "IPv4"}
    return {"id": str(uuid.uuid4()), "direction": direction, "description": "", **fields, **ids}


def _own(request: Request, group_id: str) -> Document:
    """Return a group of the caller's project, or refuse with 404."""
    for group in groups(request):
        if group["id"] == group_id:
            return group
    raise refusals.neutron(404, "SecurityGroupNotFound", f"Security group {group_id} does not exist")
