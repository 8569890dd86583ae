"""Nova: what is done to a server that is there, and the states that it goes through.

Which state allows an action, and the statuses in between, are those of nova/compute/api.py and of
`_STATE_MAP` in nova/api/openstack/common.py.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from chameleon_rehearsal.services import compute, network, refusals
from chameleon_rehearsal.services.access import all_own, check, own, world_of
from chameleon_rehearsal.services.door import body_of, checked
from chameleon_rehearsal.world.clock import (
    OS_BOOT_S,
    POWER_CYCLE_S,
    SERVER_BOOT_S,
    SSH_AFTER_ACTIVE_S,
    VIRTUAL_BOOT_S,
    VIRTUAL_OS_BOOT_S,
    server_states,
)
from chameleon_rehearsal.world.world import Document

router = APIRouter(prefix="/{site}/compute/v2.1", dependencies=[Depends(check("compute"))])

#: No SSH, until another action says when.
_NEVER_S = 1e18


@dataclass(frozen=True)
class Change:
    """What an action makes of a server.

    Attributes:
        allowed: The `vm_state`s that allow the action.
        task: Nova's `task_state` until the action is through.
        meanwhile: The status until then, by `vm_state`; a state that is missing keeps its own.
        fate: The status afterwards; None for the one before.
        tasks: The `task_state`s that allow the action, beside none.
        needs_host: Whether Nova says first that a server without a host is not ready.
    """

    name: str
    allowed: tuple[str, ...]
    task: str
    meanwhile: dict[str, str]
    fate: str | None
    tasks: tuple[str, ...] = ()
    needs_host: bool = False


_SOFT = Change("reboot", ("active",), "rebooting", {"active": "REBOOT"}, "ACTIVE")
_HARD = Change(
    "reboot",
    ("active", "stopped", "error"),
    "rebooting_hard",
    {"active": "HARD_REBOOT"},
    "ACTIVE",
    tasks=("rebooting", "rebooting_hard"),
)
_STOP = Change("stop", ("active", "error"), "powering-off", {}, "SHUTOFF", needs_host=True)
_START = Change("start", ("stopped",), "powering-on", {}, "ACTIVE", needs_host=True)
_REBUILD = Change(
    "rebuild",
    ("active", "stopped", "error"),
    "rebuilding",
    dict.fromkeys(("active", "stopped", "error"), "REBUILD"),
    None,
)
_STATUSES = {"active": "ACTIVE", "stopped": "SHUTOFF", "error": "ERROR"}


@router.post("/servers/{server_id}/action")
async def act(server_id: str, request: Request, response: Response) -> Any:
    """Do what the request's first key says; Nova reads no other."""
    server = own(request, "server", server_id)
    name = next(iter(await body_of(request)), "")
    if name not in _ACTIONS:
        message = f"The action {name} of a server is not rehearsed."
        raise refusals.nova(400, message)
    response.status_code = 202
    return await _ACTIONS[name](request, server)


async def _reboot(request: Request, server: Document) -> None:
    """Restart a server; a hard reboot also takes one that is off, or in the midst of a reboot."""
    kind = (await checked(request, "nova POST reboot"))["reboot"]["type"].upper()
    change = _SOFT if kind == "SOFT" else _HARD
    _refuse_unless_allowed(request, server, change)
    _begin(request, server, change, POWER_CYCLE_S, _os_boot_s(request))


async def _stop(request: Request, server: Document) -> None:
    """Switch a server off. Its lease, addresses and disk stay."""
    await checked(request, "nova POST os-stop")
    _refuse_unless_allowed(request, server, _STOP)
    _begin(request, server, _STOP, POWER_CYCLE_S, None)


async def _start(request: Request, server: Document) -> None:
    """Switch a server on again."""
    await checked(request, "nova POST os-start")
    _refuse_unless_allowed(request, server, _START)
    _begin(request, server, _START, POWER_CYCLE_S, _os_boot_s(request))


async def _rebuild(request: Request, server: Document) -> dict[str, Any]:
    """Write an image to a server's disk; its id, addresses and lease stay, its files do not."""
    asked = (await checked(request, "nova POST rebuild"))["rebuild"]
    world = world_of(request)
    if world.image_named(server["site"], asked["imageRef"]) is None:
        raise refusals.nova(400, "Cannot find image for rebuild")
    if world.store.find("volume", server_id=server["id"]):
        message = "Rebuilding a server that boots from a volume is not rehearsed."
        raise refusals.nova(400, message)
    key_name = asked.get("key_name", server["key_name"])
    key = compute.public_key(request, key_name)
    if key_name and key is None:
        raise refusals.nova(400, "Invalid key_name provided.")
    _refuse_unless_allowed(request, server, _REBUILD)
    server |= {name: asked[name] for name in ("name", "description", "metadata") if name in asked}
    server |= {"image_id": asked["imageRef"], "key_name": key_name}
    server |= {"public_key": key or server["public_key"], "conditions": {}, "wiped": True}
    boot_s = VIRTUAL_BOOT_S if _is_virtual(request) else SERVER_BOOT_S
    server = _begin(request, server, _REBUILD, boot_s, SSH_AFTER_ACTIVE_S)
    return {"server": compute.rebuilt_body(request, server) | _password(asked)}


def _password(asked: dict[str, Any]) -> dict[str, str]:
    """Return the password that Nova gives a rebuilt server, or the one that was asked for."""
    return {"adminPass": asked.get("adminPass") or secrets.token_urlsafe(9)}


async def _free_address(request: Request, server: Document) -> None:
    """Take a floating IP from a server."""
    address = _argument(await body_of(request), "removeFloatingIp", "address")
    for known in all_own(request, "floatingip"):
        if known["floating_ip_address"] == address:
            network.bind(request, known, None)


async def _join_group(request: Request, server: Document) -> None:
    """Put a server into a security group."""
    name = _group(request, _argument(await body_of(request), "addSecurityGroup", "name"))
    _change_groups(request, server, name, [name])


async def _leave_group(request: Request, server: Document) -> None:
    """Take a server out of a security group."""
    name = _group(request, _argument(await body_of(request), "removeSecurityGroup", "name"))
    _change_groups(request, server, name, [])


_ACTIONS: dict[str, Callable[[Request, Document], Any]] = {
    "reboot": _reboot,
    "os-stop": _stop,
    "os-start": _start,
    "rebuild": _rebuild,
    "removeFloatingIp": _free_address,
    "addSecurityGroup": _join_group,
    "removeSecurityGroup": _leave_group,
}


def _refuse_unless_allowed(request: Request, server: Document, change: Change) -> None:
    """Refuse an action that a server's state does not allow.

    Raises:
        RefusalError: 409, in Nova's words.
    """
    vm_state, task_state = server_states(server, world_of(request).clock.now())
    if change.needs_host and server["host"] is None:
        raise refusals.nova(409, f"Instance {server['id']} is not ready")
    wrong = ""
    if vm_state not in change.allowed:
        wrong = f"vm_state {vm_state}"
    elif task_state not in (None, *change.tasks):
        wrong = f"task_state {task_state}"
    elif server["launched_at_s"] is None:
        message = f"Instance {server['id']} is in an invalid state for '{change.name}'"
        raise refusals.nova(409, message)
    if wrong:
        message = f"Cannot '{change.name}' instance {server['id']} while it is in {wrong}"
        raise refusals.nova(409, message)


def _begin(
    request: Request, server: Document, change: Change, length_s: float, ssh_after_s: float | None
) -> Document:
    """Let an action begin, and return the server's record.

    Args:
        length_s: Seconds on Chameleon until the action is through.
        ssh_after_s: Seconds from then until SSH answers; None for never.
    """
    world = world_of(request)
    now_s, shortened = world.clock.now(), world.clock.shortened
    vm_state, _ = server_states(server, now_s)
    settled_at_s = now_s + shortened(length_s)
    ssh_at_s = _NEVER_S if ssh_after_s is None else settled_at_s + shortened(ssh_after_s)
    server |= {
        "starting": change.meanwhile.get(vm_state, _STATUSES[vm_state]),
        "starting_state": [vm_state, change.task],
        "fate": change.fate or _fate_of_rebuilding(vm_state),
    }
    # The SSH server's timer ends everything that runs on a halted server.
    server |= {"halted": True, "ssh_at_s": ssh_at_s}
    server |= {"settled_at_s": settled_at_s, "updated_s": now_s}
    return world.store.put("server", server)


def _fate_of_rebuilding(vm_state: str) -> str:
    """Return the status of a rebuilt server: one that was off is switched off again."""
    return "SHUTOFF" if vm_state == "stopped" else "ACTIVE"


def _is_virtual(request: Request) -> bool:
    site = world_of(request).catalogue.sites[request.path_params["site"]]
    return site.site_class == "kvm"


def _os_boot_s(request: Request) -> float:
    """Return how long a server's system starts after its power is on, in seconds on Chameleon."""
    return VIRTUAL_OS_BOOT_S if _is_virtual(request) else OS_BOOT_S


def _argument(action: dict[str, Any], name: str, field: str) -> str:
    """Return an action's only argument.

    Raises:
        RefusalError: 400, the action has other arguments.
    """
    arguments = action[name]
    if not isinstance(arguments, dict) or not isinstance(arguments.get(field), str):
        raise refusals.nova(400, f"Invalid input for field/attribute {name}: {field!r} is missing")
    return arguments[field]


def _group(request: Request, wanted: str) -> str:
    """Return the name of a security group that is given by its name or id.

    Raises:
        RefusalError: 404, the project has none.
    """
    for group in network.groups(request):
        if wanted in (group["name"], group["id"]):
            return group["name"]
    raise refusals.nova(404, f"Unable to find security_group with name or id '{wanted}'")


def _change_groups(request: Request, server: Document, name: str, added: list[str]) -> None:
    """Save a server's security groups, without one of them and with those that are added."""
    others = [other for other in server["security_groups"] if other != name]
    world_of(request).store.put("server", server | {"security_groups": others + added})
