"""Public data without a token: the sites, their hardware, the edge devices, and each service's
version.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from chameleon_rehearsal.catalogue import CatalogueEntry, Devices, Nodes, Site
from chameleon_rehearsal.services import refusals
from chameleon_rehearsal.services.access import world_of

router = APIRouter()


@router.get("/sites.json")
async def sites(request: Request) -> dict[str, Any]:
    """List the sites; python-chi builds each site's Keystone address from `web`."""
    root = str(request.base_url).rstrip("/")
    # The list leaves out sites that are built into python-chi.
    listed = [site for site in world_of(request).catalogue.sites.values() if not site.host]
    return {"items": [_site_body(site, root) for site in listed], "total": len(listed), "links": []}


@router.get("/sites/{where}/clusters/chameleon/nodes.json")
async def nodes(where: str, request: Request) -> dict[str, Any]:
    catalogue = world_of(request).catalogue
    items = [
        _node_body(node, node.group)
        for node in catalogue.at(where, "host")
        if isinstance(node.group, Nodes)
    ]
    return {"items": items, "total": len(items), "offset": 0, "links": []}


@router.get("/edge-hw-discovery/devices")
async def devices(request: Request) -> list[dict[str, Any]]:
    listed = world_of(request).catalogue.at("edge", "device")
    return [
        _device_body(device, device.group) for device in listed if isinstance(device.group, Devices)
    ]


_VERSIONS: dict[str, dict[str, str]] = {
    "compute": {
        "id": "v2.1",
        "version": "2.96",
        "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
    },
    "network": {"id": "v2.0"},
    "image": {"id": "v2.16"},
    "container": {"id": "v1", "max_version": "1.44", "min_version": "1.1"},
}


@router.get("/{site}/{service}")
@router.get("/{site}/{service}/")
@router.get("/{site}/{service}/v2.1")
@router.get("/{site}/{service}/v2.1/")
async def versions(site: str, service: str, request: Request) -> JSONResponse:
    """Describe a service's one version, as a list at its root and alone below `v2.1`."""
    if service not in _VERSIONS:
        raise refusals.keystone(404, f"GET {request.url.path} is not rehearsed")
    base = str(request.base_url).rstrip("/")
    number = _VERSIONS[service]["id"].removesuffix(".16")
    here = f"{base}/{site}/{service}/{number}"
    links = [{"rel": "self", "href": here if service == "container" else f"{here}/"}]
    version = _VERSIONS[service] | {"status": "CURRENT", "links": links}
    if "v2.1" in request.url.path:
        return JSONResponse({"version": version})
    # Glance answers 300 Multiple Choices, and its client counts on it; Zun's client reads
    # `default_version`.
    status = 300 if service == "image" else 200
    return JSONResponse({"versions": [version], "default_version": version}, status)


def _site_body(site: Site, root: str) -> dict[str, Any]:
    shown = {
        "uid": site.where,
        "name": site.name,
        "site_class": site.site_class,
        "location": site.location,
    }
    return shown | {
        "web": f"{root}/{site.where}",
        "user_support_contact": "nobody: this is a rehearsal",
    }


def _node_body(node: CatalogueEntry, group: Nodes) -> dict[str, Any]:
    cpu, gpu = group.cpu, group.gpu
    shown_gpu: dict[str, Any] = {"gpu": gpu is not None}
    if gpu:
        shown_gpu |= {"gpu_count": gpu.count, "gpu_model": gpu.model, "gpu_vendor": gpu.vendor}
        shown_gpu["gpu_memory"] = gpu.memory_gib * 2**30
    shown = {"uid": node.uid, "node_name": node.name, "node_type": group.type, "gpu": shown_gpu}
    shown["architecture"] = {
        "platform_type": "x86_64",
        "smp_size": cpu.sockets,
        "smt_size": cpu.threads,
    }
    shown["processor"] = {
        "vendor": cpu.vendor,
        "model": cpu.model,
        "clock_speed": int(cpu.ghz * 1e9),
    }
    shown["main_memory"] = {
        "ram_size": group.memory_gib * 2**30,
        "humanized_ram_size": f"{group.memory_gib} GiB",
    }
    return shown | {
        "storage_devices": [
            {"size": group.storage_gb * 10**9, "humanized_size": f"{group.storage_gb} GB"}
        ]
    }


def _device_body(device: CatalogueEntry, group: Devices) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "uuid": device.uid,
        "device_name": device.name,
        "device_type": group.type,
    }
    shown |= {"supported_device_profiles": group.profiles, "authorized_projects": ["all"]}
    return shown | {"owning_project": "chameleon"}
