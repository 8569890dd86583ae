"""Cinder: volumes, from one of which a virtual machine can boot. A bare-metal site has none, here as on Chameleon."""

import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import all_own, body_of, caller_of, check, own, world_of
from provisioning.rehearsal.world.clock import VOLUME_S, stamp, volume_status
from provisioning.rehearsal.world.world import Caller, Document, World

router = APIRouter(
    prefix="/{site}/volume/v3/{project_id}/volumes", dependencies=[Depends(check("volume"))]
)


@router.get("")
@router.get("/detail")
async def list_volumes(request: Request) -> dict[str, Any]:
    """List the project's volumes, by name for example."""
    world, name = world_of(request), request.query_params.get("name")
    found = [] if "marker" in request.query_params else all_own(request, "volume")
    return {"volumes": [_body(world, volume) for volume in found if name in (None, volume["name"])]}


@router.post("", status_code=202)
async def create_volume(site: str, request: Request) -> dict[str, Any]:
    """Make a volume, of an image where one is named."""
    world, asked = world_of(request), await body_of(request, "volume")
    image = asked.get("imageRef")
    if image and world.image_named(site, image) is None:
        raise refusals.nova(
            400, f"Invalid image identifier or unable to access requested image: {image}"
        )
    return {
        "volume": _body(
            world,
            make(world, caller_of(request), site, asked.get("name"), asked.get("size"), image),
        )
    }


@router.get("/{volume_id}")
async def show_volume(volume_id: str, request: Request) -> dict[str, Any]:
    return {"volume": _body(world_of(request), own(request, "volume", volume_id))}


@router.delete("/{volume_id}", status_code=202)
async def delete_volume(volume_id: str, request: Request) -> None:
    """Delete a volume that no server holds."""
    world, volume = world_of(request), own(request, "volume", volume_id)
    if (status := volume_status(volume, world.clock.now())) != "available":
        raise refusals.nova(
            400, f"Invalid volume: Volume status must be available or error, but is {status}."
        )
    world.store.remove("volume", volume["id"])


def make(
    world: World, caller: Caller, site: str, name: str | None, size_gb: Any, image: str | None
) -> Document:
    """Make a volume of so many gigabytes, empty or from an image, and return its record."""
    if not isinstance(size_gb, int) or size_gb < 1:
        raise refusals.nova(
            400, f"Invalid input for field/attribute size. Value: {size_gb}. It is no size in GB."
        )
    volume: Document = {
        "id": str(uuid.uuid4()),
        "site": site,
        **vars(caller),
        "name": name or "",
        "size": size_gb,
    }
    volume |= {
        "image_id": image,
        "server_id": None,
        "goes_with_server": False,
        "created_s": world.clock.now(),
    }
    return world.store.put(
        "volume", volume | {"settled_at_s": world.clock.now() + world.clock.shortened(VOLUME_S)}
    )


def _body(world: World, volume: Document) -> dict[str, Any]:
    held = {"server_id": volume["server_id"], "volume_id": volume["id"], "device": "/dev/vda"}
    shown = {name: volume[name] for name in ("id", "name", "size")} | {
        "status": volume_status(volume, world.clock.now())
    }
    shown |= {
        "description": None,
        "volume_type": "ceph-ssd",
        "bootable": "true" if volume["image_id"] else "false",
    }
    shown |= {"attachments": [held] if volume["server_id"] else [], "metadata": {}}
    return shown | {"created_at": stamp(volume["created_s"], "%Y-%m-%dT%H:%M:%S.%f")}
