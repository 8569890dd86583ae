"""Cinder: volumes; a virtual machine can boot from one. A bare-metal site has none, here as on
Chameleon.
"""

import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request

from chameleon_rehearsal.services import paging, refusals
from chameleon_rehearsal.services.access import all_own, caller_of, check, own, world_of
from chameleon_rehearsal.services.door import checked
from chameleon_rehearsal.world.clock import VOLUME_S, stamp, volume_status
from chameleon_rehearsal.world.world import Caller, Document, World

router = APIRouter(
    prefix="/{site}/volume/v3/{project_id}/volumes", dependencies=[Depends(check("volume"))]
)


@router.get("")
async def list_volumes(request: Request) -> dict[str, Any]:
    """List the project's volumes by id and name."""
    shown, following = _listed(request)
    names = ("id", "name", "links")
    rows = [{name: body[name] for name in names} for body in shown]
    return {"volumes": rows} | paging.links("volumes", following)


@router.get("/detail")
async def list_volumes_in_detail(request: Request) -> dict[str, Any]:
    """List the project's volumes with all fields."""
    shown, following = _listed(request)
    return {"volumes": shown} | paging.links("volumes", following)


def _listed(request: Request) -> tuple[list[dict[str, Any]], str | None]:
    """Return the volumes that a request lists, by name for example, and the next page's address."""
    bodies = [_body(request, volume) for volume in all_own(request, "volume")]
    for name in ("name", "status"):
        wanted = request.query_params.get(name)
        bodies = [body for body in bodies if wanted in (None, body[name])]
    return paging.page(request, bodies)


@router.post("", status_code=202)
async def create_volume(site: str, request: Request) -> dict[str, Any]:
    """Make a volume, of an image where one is named."""
    world, asked = world_of(request), (await checked(request, "cinder POST volumes"))["volume"]
    image = asked.get("imageRef")
    if image and world.image_named(site, image) is None:
        raise refusals.nova(
            400, f"Invalid image identifier or unable to access requested image: {image}"
        )
    size_gb = _size_gb(asked.get("size"))
    volume = make(world, caller_of(request), site, asked.get("name"), size_gb, image)
    described = {name: asked[name] for name in ("description", "metadata") if asked.get(name)}
    return {"volume": _body(request, world.store.put("volume", volume | described))}


def _size_gb(asked: Any) -> Any:
    """Return a size as a number where Cinder reads a number in it."""
    return int(asked) if isinstance(asked, str) and asked.isdecimal() else asked


@router.get("/{volume_id}")
async def show_volume(volume_id: str, request: Request) -> dict[str, Any]:
    return {"volume": _body(request, own(request, "volume", volume_id))}


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
    """Make a volume of a number of gigabytes, empty or from an image, and return its record."""
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


def _body(request: Request, volume: Document) -> dict[str, Any]:
    """Return a volume as Cinder shows it."""
    world = world_of(request)
    held = {"server_id": volume["server_id"], "volume_id": volume["id"], "device": "/dev/vda"}
    root = f"{str(request.base_url).rstrip('/')}/{request.path_params['site']}/volume/v3"
    address = f"{root}/{volume['project_id']}/volumes/{volume['id']}"
    links = [{"rel": rel, "href": address} for rel in ("self", "bookmark")]
    bootable = "true" if volume["image_id"] else "false"
    attachments = [held] if volume["server_id"] else []
    shown = {name: volume[name] for name in ("id", "name", "size", "user_id")}
    shown["os-vol-tenant-attr:tenant_id"] = volume["project_id"]
    shown |= {
        "status": volume_status(volume, world.clock.now()),
        "description": volume.get("description"),
        "metadata": volume.get("metadata", {}),
        "volume_type": "ceph-ssd",
        "bootable": bootable,
        "attachments": attachments,
        "created_at": stamp(volume["created_s"], "%Y-%m-%dT%H:%M:%S.%f"),
        "links": links,
    }
    return shown | {
        "availability_zone": "nova",
        "consistencygroup_id": None,
        "encrypted": False,
        "multiattach": False,
        "replication_status": None,
        "snapshot_id": None,
        "source_volid": None,
        "updated_at": None,
    }
