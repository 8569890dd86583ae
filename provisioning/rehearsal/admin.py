"""The rehearsal's own service, which Chameleon does not have: clock, faults, status, journal, reset.

Every path begins with `/_rehearsal` and asks for the rehearsal's secret, but for the one that proves who answers.
"""

import hmac
import json
import os
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal import leases, refusals
from provisioning.rehearsal.access import world_of
from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.clock import iso_stamp, stamp
from provisioning.rehearsal.faults import FAULTS
from provisioning.rehearsal.identity import project_of
from provisioning.rehearsal.lifecycle import container_status, lease_status, server_status
from provisioning.rehearsal.place import proof
from provisioning.rehearsal.world import Caller, World


async def _know_the_secret(request: Request) -> None:
    """Refuse whoever does not know the secret: on a shared computer the port is open to all its users."""
    if not hmac.compare_digest(request.headers.get("x-rehearsal-secret", ""), world_of(request).secret):
        raise refusals.keystone(401, "the header X-Rehearsal-Secret is missing or wrong")


router = APIRouter(prefix="/_rehearsal", dependencies=[Depends(_know_the_secret)])
#: Asked by those who do not tell the secret yet.
doorbell = APIRouter(prefix="/_rehearsal")


@doorbell.get("/alive")
async def alive(request: Request, challenge: str) -> dict[str, Any]:
    """Prove that the rehearsal with this secret answers here, and say which process it is."""
    return {"proof": proof(world_of(request).secret, challenge), "pid": os.getpid()}


@router.get("/status")
async def status(request: Request) -> dict[str, Any]:
    """Return the clock, the armed faults and everything that exists, for all students."""
    world = world_of(request)
    world.settle()
    return {
        "now": iso_stamp(world.now()),
        "speed": world.clock.speed,
        "advanced_s": world.clock.offset_s,
        "faults": world.faults.armed(),
        "leases": [_lease_line(world, lease) for lease in world.store.find("lease")],
        "servers": _machines(world, "server"),
        "containers": _machines(world, "container"),
        "floating_ips": [
            {"site": a["site"], "address": a["address"], "bound": a["port_id"] is not None}
            for a in world.store.find("floating_ip")
        ],
        "folder": str(world.folder),
    }


@router.get("/faults")
async def list_faults(request: Request) -> dict[str, Any]:
    """List the faults there are and those that are armed."""
    return {
        "known": {name: fault.what for name, fault in FAULTS.items()},
        "armed": world_of(request).faults.armed(),
    }


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
async def set_clock(request: Request) -> dict[str, Any]:
    """Advance the calendar by `advance_s` seconds, and set `speed` when it is given."""
    world, asked = world_of(request), await request.json()
    try:
        if asked.get("speed"):
            world.clock.speed = float(asked["speed"])
        world.advance(float(asked.get("advance_s", 0.0)))
    except ValueError as error:
        raise refusals.keystone(400, str(error)) from error
    return {"now": iso_stamp(world.now()), "speed": world.clock.speed}


@router.post("/leases")
async def make_lease(request: Request) -> dict[str, Any]:
    """Make a lease that is active at once, as a student would have made it in Horizon beforehand."""
    world, asked = world_of(request), await request.json()
    part = world.catalogue.parts.get(asked.get("part", ""))
    if part is None:
        raise refusals.keystone(400, f"part must be one of {', '.join(world.catalogue.parts)}")
    user = asked["user"]
    project = project_of(user)
    caller = Caller(
        user,
        stable_id("user", user).replace("-", ""),
        project,
        stable_id("project", project).replace("-", ""),
    )
    device = world.catalogue.sites[part["site"]].site_class == "edge"
    key = "$machine_name" if device else "$node_type"
    lease = leases.create(
        world,
        caller,
        part["site"],
        {
            "name": asked["name"],
            "start_date": "now",
            "end_date": stamp(world.now() + part["hours"] * 3600, "%Y-%m-%d %H:%M"),
            "reservations": [
                {
                    "resource_type": "device" if device else "physical:host",
                    "resource_properties": json.dumps(["==", key, part["type"]]),
                    "min": 1,
                    "max": 1,
                }
            ],
        },
    )
    lease["active_at_s"] = world.now()
    world.store.put("lease", lease)
    return leases.lease_body(lease, world.now()) | {"site": world.catalogue.sites[part["site"]].name}


@router.get("/journal")
async def journal(request: Request) -> list[dict[str, Any]]:
    """Return what happened, command by command, oldest first."""
    path = world_of(request).folder / "journal.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@router.post("/reset")
async def reset(request: Request) -> dict[str, Any]:
    """Forget every lease, machine, token and fault, and set the calendar back to now."""
    world = world_of(request)
    world.store.clear()
    world.clock.offset_s = 0.0
    (world.folder / "journal.jsonl").unlink(missing_ok=True)
    return {"now": iso_stamp(world.now())}


@router.post("/down", status_code=202)
async def down(request: Request) -> None:
    """End the process, in good order."""
    request.app.state.stop()


def _lease_line(world: World, lease: dict[str, Any]) -> dict[str, Any]:
    """Return the status line of a lease."""
    return {
        "site": world.catalogue.sites[lease["site"]].name,
        "name": lease["name"],
        "user": lease["user"],
        "status": lease_status(lease, world.now()),
        "start": iso_stamp(lease["start_s"]),
        "end": iso_stamp(lease["end_s"]),
    }


def _machines(world: World, kind: str) -> list[dict[str, Any]]:
    """Return the status lines of all servers or containers."""
    state = {"server": server_status, "container": container_status}[kind]
    return [
        {
            "site": world.catalogue.sites[machine["site"]].name,
            "name": machine["name"],
            "user": machine["user"],
            "status": state(machine, world.now()),
        }
        for machine in world.store.find(kind)
    ]
