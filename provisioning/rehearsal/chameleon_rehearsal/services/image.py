"""Glance: the disk images that a server can be started from."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request

from chameleon_rehearsal.catalogue import stable_id
from chameleon_rehearsal.services import paging, refusals
from chameleon_rehearsal.services.access import check, world_of

router = APIRouter(prefix="/{site}/image/v2", dependencies=[Depends(check("image"))])


@router.get("/schemas/image")
async def schema() -> dict[str, Any]:
    """Return the schema from which glanceclient builds its image objects."""
    properties: dict[str, dict[str, Any]] = {}
    for name, (kind, description) in _PROPERTIES.items():
        properties[name] = {"type": kind, "description": description}
        if name in _READ_ONLY:
            properties[name]["readOnly"] = True
    for name, values in _VALUES.items():
        properties[name]["enum"] = values
    for name, length in _LENGTHS.items():
        properties[name]["maxLength"] = length
    for name in ("id", "kernel_id", "ramdisk_id"):
        properties[name]["pattern"] = _UUID
    for name in _KNOWN:
        properties[name]["is_base"] = False
    properties["tags"]["items"] = {"type": "string", "maxLength": 255}
    properties["locations"]["items"] = _LOCATION
    links = [{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"}]
    schema: dict[str, Any] = {"name": "image", "properties": properties, "links": links}
    return schema | {"additionalProperties": {"type": "string"}}


_TEXT, _TEXT_OR_NULL, _NUMBER_OR_NULL = "string", ["null", "string"], ["null", "integer"]
#: Glance's properties of an image: type and meaning.
_PROPERTIES: dict[str, tuple[str | list[str], str]] = {
    "architecture": (_TEXT, "Processor architecture"),
    "checksum": (_TEXT_OR_NULL, "MD5 of the data"),
    "container_format": (_TEXT_OR_NULL, "What wraps the disk"),
    "created_at": (_TEXT, "When it was registered"),
    "direct_url": (_TEXT, "Where the store has it"),
    "disk_format": (_TEXT_OR_NULL, "Format of the disk"),
    "file": (_TEXT, "Path of the data"),
    "id": (_TEXT, "Identifier"),
    "instance_uuid": (_TEXT, "Server of which it is a snapshot"),
    "kernel_id": (_TEXT_OR_NULL, "Image with the kernel"),
    "locations": ("array", "Places of the data"),
    "min_disk": ("integer", "Least disk in GB"),
    "min_ram": ("integer", "Least memory in MB"),
    "name": (_TEXT_OR_NULL, "Name"),
    "os_distro": (_TEXT, "Distribution"),
    "os_hash_algo": (_TEXT_OR_NULL, "Algorithm of os_hash_value"),
    "os_hash_value": (_TEXT_OR_NULL, "Hash of the data"),
    "os_hidden": ("boolean", "Whether lists leave it out"),
    "os_version": (_TEXT, "Version of the distribution"),
    "owner": (_TEXT_OR_NULL, "Project that owns it"),
    "protected": ("boolean", "Whether it cannot be deleted"),
    "ramdisk_id": (_TEXT_OR_NULL, "Image with the first RAM disk"),
    "schema": (_TEXT, "Path of this schema"),
    "self": (_TEXT, "Path of the image"),
    "size": (_NUMBER_OR_NULL, "Bytes of the data"),
    "status": (_TEXT, "State"),
    "stores": (_TEXT, "Stores that have the data"),
    "tags": ("array", "Words that the owner chose"),
    "updated_at": (_TEXT, "When it was last changed"),
    "virtual_size": (_NUMBER_OR_NULL, "Bytes of the unpacked disk"),
    "visibility": (_TEXT, "Who sees it"),
}
#: Longest texts.
_LENGTHS = {"checksum": 32, "name": 255, "os_hash_algo": 64, "os_hash_value": 128, "owner": 255}
_UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
#: Properties that Glance does not have itself, but knows.
_KNOWN = ("architecture", "instance_uuid", "kernel_id", "os_distro", "os_version", "ramdisk_id")
_READ_ONLY = frozenset(
    {
        "checksum",
        "created_at",
        "direct_url",
        "file",
        "os_hash_algo",
        "os_hash_value",
        "schema",
        "self",
        "size",
        "status",
        "stores",
        "updated_at",
        "virtual_size",
    }
)
_VALUES: dict[str, list[str | None]] = {
    "container_format": [None, "bare"],
    "disk_format": [None, "qcow2", "raw"],
    "status": ["queued", "saving", "active", "killed", "deleted", "deactivated"],
    "visibility": ["community", "public", "private", "shared"],
}
_LOCATION = {
    "type": "object",
    "required": ["url", "metadata"],
    "properties": {
        "url": {"type": "string", "maxLength": 255},
        "metadata": {"type": "object"},
        "validation_data": {"type": "object"},
    },
}


@router.get("/images")
async def list_images(site: str, request: Request) -> dict[str, Any]:
    """List images, by name or by any other field."""
    query = request.query_params
    wanted = {name: value for name, value in query.items() if name not in paging.PARAMETERS}
    images = [_body(name, site) for name in world_of(request).catalogue.images]
    matching = [image for image in images if _has(image, wanted)]
    shown, following = paging.page(request, matching)
    first = f"?{request.url.query}" if request.url.query else ""
    listed = {"images": shown, "schema": "/v2/schemas/images", "first": f"/v2/images{first}"}
    if following is not None:
        listed["next"] = f"/v2/images?{urlsplit(following).query}"
    return listed


def _has(image: dict[str, Any], wanted: dict[str, str]) -> bool:
    """Return whether an image has each of the wanted values; `in:a,b` wants one of several."""
    for name, text in wanted.items():
        if name == "member_status":
            continue
        values = text.removeprefix("in:").split(",") if text.startswith("in:") else [text]
        if str(image.get(name)) not in [value.strip('"') for value in values]:
            return False
    return True


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
