"""What anybody may read without a token: the sites, their hardware, and the edge devices."""

from typing import Any

from fastapi import APIRouter, Request

from provisioning.rehearsal.catalogue import Devices, Nodes, Resource, Site, stable_id
from provisioning.rehearsal.services import refusals
from provisioning.rehearsal.services.access import world_of

router = APIRouter()


@router.get("/sites.json")
async def sites(request: Request) -> dict[str, Any]:
    """List the sites; python-chi builds each site's Keystone address from `web`."""
    root = str(request.base_url).rstrip("/")
    found = world_of(request).catalogue.sites.values()
    return {"items": [_site_body(site, root) for site in found], "total": len(found), "links": []}


@router.get("/sites/{where}/clusters/chameleon/nodes.json")
async def nodes(where: str, request: Request) -> dict[str, Any]:
    """List a site's nodes with their hardware."""
    catalogue = world_of(request).catalogue
    if where not in catalogue.sites or catalogue.sites[where].site_class != "baremetal":
        raise refusals.keystone(404, f"no hardware listed for {where!r}")
    items = [_node_body(node, node.group) for node in catalogue.at(where, "host") if isinstance(node.group, Nodes)]
    return {"items": items, "total": len(items), "offset": 0, "links": []}


@router.get("/edge-hw-discovery/devices")
async def devices(request: Request) -> list[dict[str, Any]]:
    """List the edge devices."""
    found = world_of(request).catalogue.at("edge", "device")
    return [_device_body(device, device.group) for device in found if isinstance(device.group, Devices)]


def _site_body(site: Site, root: str) -> dict[str, Any]:
    """Return a site as the discovery API shows it."""
    return {
        "uid": site.where,
        "name": site.name,
        "site_class": site.site_class,
        "web": f"{root}/{site.where}",
        "location": site.location,
        "user_support_contact": "nobody: this is a rehearsal",
        "type": "site",
    }


def _node_body(node: Resource, group: Nodes) -> dict[str, Any]:
    """Return a node as the discovery API shows it."""
    cpu, gpu = group.cpu, group.gpu
    shown_gpu: dict[str, Any] = {"gpu": gpu is not None}
    if gpu:
        shown_gpu |= {"gpu_count": gpu.count, "gpu_model": gpu.model, "gpu_vendor": gpu.vendor}
        shown_gpu["gpu_memory"] = gpu.memory_gib * 2**30
    return {
        "type": "node",
        "uid": node.uid,
        "node_name": node.name,
        "node_type": node.type,
        "version": stable_id("version", node.name).replace("-", ""),
        "architecture": {"platform_type": "x86_64", "smp_size": cpu.sockets, "smt_size": cpu.threads},
        "bios": {"vendor": "rehearsed", "version": "1", "release_date": "2024-01-01"},
        "processor": {
            "vendor": cpu.vendor,
            "model": cpu.model,
            "other_description": cpu.model,
            "clock_speed": int(cpu.ghz * 1e9),
            "instruction_set": "x86-64",
        },
        "gpu": shown_gpu,
        "main_memory": {"ram_size": group.memory_gib * 2**30, "humanized_ram_size": f"{group.memory_gib} GiB"},
        "network_adapters": [{"device": "eno1", "interface": "Ethernet", "rate": 10_000_000_000}],
        "placement": {"node": node.rank + 1, "rack": "1"},
        "storage_devices": [{"size": group.storage_gb * 10**9, "humanized_size": f"{group.storage_gb} GB"}],
    }


def _device_body(device: Resource, group: Devices) -> dict[str, Any]:
    """Return a device as the edge hardware API shows it."""
    return {
        "uuid": device.uid,
        "device_name": device.name,
        "device_type": device.type,
        "supported_device_profiles": group.profiles,
        "authorized_projects": ["all"],
        "owning_project": "chameleon",
        "health_status": "ok",
        "hardware": {"memory_gib": group.memory_gib[device.rank], "architecture": "aarch64"},
    }
