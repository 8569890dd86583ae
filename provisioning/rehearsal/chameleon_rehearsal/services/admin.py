"""The rehearsal's own service, which Chameleon does not have: prepared leases, faults, clock,
status, reset.

Every path begins with `/_rehearsal` and asks for the rehearsal's secret, except the one that proves
the server's identity.
"""

import hmac
import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from chameleon_rehearsal.catalogue import stable_id
from chameleon_rehearsal.place import proof
from chameleon_rehearsal.services import flavors, refusals, reservation
from chameleon_rehearsal.services.access import world_of
from chameleon_rehearsal.services.identity import caller_named
from chameleon_rehearsal.world.clock import lease_status, machine_status, stamp, volume_status
from chameleon_rehearsal.world.world import Document, World


async def _know_the_secret(request: Request) -> None:
    """Refuse a client without the secret: on a shared computer, any user can reach the port."""
    offered = request.headers.get("x-rehearsal-secret", "").encode()
    if not hmac.compare_digest(offered, world_of(request).secret.encode()):
        raise refusals.keystone(401, "the header X-Rehearsal-Secret is missing or wrong")


router = APIRouter(prefix="/_rehearsal", dependencies=[Depends(_know_the_secret)])
#: For clients that do not send the secret yet.
unguarded = APIRouter(prefix="/_rehearsal")


@unguarded.get("/alive")
async def alive(request: Request, challenge: str) -> dict[str, Any]:
    """Prove that the rehearsal with this secret answers here."""
    return {"proof": proof(world_of(request).secret, challenge)}


@router.get("/status")
async def status(request: Request) -> dict[str, Any]:
    """Return the clock, the armed faults and everything that exists, for all students."""
    world = world_of(request)
    world.settle()
    kinds = {
        "lease": lease_status,
        "server": machine_status,
        "container": machine_status,
        "volume": volume_status,
    }
    body: dict[str, Any] = {
        "now": stamp(world.clock.now()),
        "speed": world.clock.speed,
        "advanced_s": world.clock.offset_s,
        "faults": world.store.find("fault"),
    }
    for kind, look in kinds.items():
        body[f"{kind}s"] = [_line(world, record, look) for record in world.store.find(kind)]
    body["floating_ips"] = [
        {"user": address["user"], "address": address["floating_ip_address"]}
        for address in world.store.find("floatingip")
    ]
    body["folder"] = str(world.folder)
    return body


@router.post("/leases")
async def make_lease(request: Request) -> dict[str, Any]:
    """Make a lease that is active at once, as if it had been made in Horizon beforehand.

    The body has `name`, `user`, `type` (of node, device or virtual machine), `hours`, and `site`: a
    name, or None for the first that has the type.
    """
    world, asked = world_of(request), await request.json()
    groups = [group for group in world.catalogue.groups if group.type == asked["type"]]
    sites = [world.catalogue.sites[group.site] for group in groups]
    site = next((site for site in sites if asked["site"] in (None, site.name)), None)
    if site is None:
        known = ", ".join(sorted({group.type for group in world.catalogue.groups}))
        raise refusals.keystone(
            404, f"no {asked['type']!r} is rehearsed at {asked['site'] or 'any site'}: {known} are"
        )
    match site.site_class:
        case "kvm":
            flavor_id = stable_id("flavor", site.where, asked["type"])
            wish = {"resource_type": flavors.RESERVED, "flavor_id": flavor_id, "amount": 1}
        case "edge":
            wish = {
                "resource_type": "device",
                "resource_properties": _is("$machine_name", asked["type"]),
            }
        case _:
            wish = {
                "resource_type": "physical:host",
                "resource_properties": _is("$node_type", asked["type"]),
            }
    end = stamp(world.clock.now() + asked["hours"] * 3600, "%Y-%m-%d %H:%M")
    body = {
        "name": asked["name"],
        "start_date": "now",
        "end_date": end,
        "reservations": [{"min": 1, "max": 1, "hypervisor_properties": ""} | wish],
    }
    try:
        lease = reservation.create(world, caller_named(asked["user"]), site.where, body)
    except refusals.RefusalError as error:
        raise refusals.keystone(error.status, str(error)) from error
    world.store.put("lease", lease | {"active_at_s": world.clock.now()})
    return {"end": stamp(lease["end_s"]), "site": site.name}


def _is(name: str, value: str) -> str:
    return json.dumps(["==", name, value])


@router.post("/faults")
async def arm_fault(request: Request) -> dict[str, Any]:
    """Arm the fault that the body's `fault` spells, for example `{"fault": "ssh-late=3600"}`."""
    try:
        return world_of(request).faults.arm(str((await request.json()).get("fault")))
    except ValueError as error:
        raise refusals.keystone(400, str(error)) from error


@router.delete("/faults", status_code=204)
async def clear_faults(request: Request) -> None:
    """Disarm the fault named in the query, or all."""
    world_of(request).faults.clear(request.query_params.get("name"))


@router.post("/clock")
async def advance(request: Request) -> dict[str, Any]:
    """Advance the calendar by `advance_s` seconds."""
    world = world_of(request)
    try:
        world.advance(float((await request.json())["advance_s"]))
    except ValueError as error:
        raise refusals.keystone(400, str(error)) from error
    return {"now": stamp(world.clock.now())}


@router.post("/reset")
async def reset(request: Request) -> dict[str, Any]:
    """Forget every lease, machine, token and fault, and set the calendar back to now."""
    world = world_of(request)
    world.store.clear()
    world.set_calendar(0.0)
    world.furnish()
    world.journal.unlink(missing_ok=True)
    return {"now": stamp(world.clock.now())}


@router.post("/down", status_code=202)
async def down(request: Request) -> None:
    """End the process, in good order."""
    request.app.state.stop()


def _line(
    world: World, record: Document, status_of: Callable[[Document, float], str]
) -> dict[str, Any]:
    line = {
        "site": world.catalogue.sites[record["site"]].name,
        "status": status_of(record, world.clock.now()),
        "name": record["name"],
        "user": record["user"],
    }
    for date in ("start", "end"):
        if f"{date}_s" in record:
            line[date] = stamp(record[f"{date}_s"])
    return line
