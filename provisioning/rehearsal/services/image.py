"""Glance: the disk images that a server can be started from."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from provisioning.rehearsal.catalogue import stable_id
from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import check, world_of

router = APIRouter(prefix="/{site}/image/v2", dependencies=[Depends(check("image"))])

_PAGING = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir"})


@router.get("/schemas/image")
async def schema() -> dict[str, Any]:
    """Return the schema from which glanceclient builds its image objects."""
    return {"name": "image", "properties": {}}


@router.get("/images")
async def list_images(site: str, request: Request) -> dict[str, Any]:
    """List images, by name or by any other field."""
    wanted = {k: v for k, v in request.query_params.items() if k not in _PAGING}
    images = [_body(name, site) for name in world_of(request).catalogue.images]
    matching = [image for image in images if all(str(image.get(k)) == v for k, v in wanted.items())]
    # The list fits one page, so whoever asks for the page after some image is at the end.
    if request.query_params.get("marker"):
        matching = []
    return {"images": matching, "schema": "/v2/schemas/images", "first": "/v2/images"}


@router.get("/images/{image_id}")
async def show_image(site: str, image_id: str, request: Request) -> dict[str, Any]:
    name = world_of(request).image_named(site, image_id)
    if name is None:
        raise refusals.glance(404, f"Failed to find image {image_id}")
    return _body(name, site)


def _body(name: str, site: str) -> dict[str, Any]:
    identifier, since = stable_id("image", site, name), "2026-01-15T00:00:00Z"
    digits, path = identifier.replace("-", ""), f"/v2/images/{identifier}"
    shown: dict[str, Any] = {"id": identifier, "name": name, "status": "active"}
    shown |= {"visibility": "public", "owner": "chameleon"}
    shown |= {
        "protected": True,
        "os_hidden": False,
        "tags": [],
        "created_at": since,
        "updated_at": since,
    }
    shown |= {
        "size": 8 * 2**30,
        "virtual_size": None,
        "min_disk": 0,
        "min_ram": 0,
        "checksum": digits,
    }
    shown |= {
        "os_hash_algo": "sha512",
        "os_hash_value": digits * 4,
        "container_format": "bare",
        "disk_format": "qcow2",
    }
    shown |= {"file": f"{path}/file", "self": path, "schema": "/v2/schemas/image"}
    return shown | {"build-repo": "https://github.com/ChameleonCloud/cc-images"}
