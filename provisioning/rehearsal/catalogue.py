"""The catalogue read from `catalogue.toml`: sites, nodes, devices, images, and their stable identifiers."""

import tomllib
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("catalogue.toml")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "rehearsal.model-serving-labs")


def stable_id(*parts: str) -> str:
    """Return a UUID that is the same in every rehearsal for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


@dataclass(frozen=True)
class Site:
    """One Chameleon site.

    Attributes:
        where: Path prefix under which the rehearsal serves it, for example `tacc`.
        name: The name that python-chi shows, for example `CHI@TACC`.
        site_class: `baremetal` or `edge`.
        location: The city, for display.
        network: Name of the network that servers or containers join.
        floating: First three numbers of its floating IPs; they lie in 127.77.0.0/16, so none is a real one.
    """

    where: str
    name: str
    site_class: str
    location: str
    network: str
    floating: str


@dataclass(frozen=True)
class Resource:
    """A node or an edge device: something that one lease holds at a time.

    Attributes:
        id: Blazar's identifier, a small number as text.
        uid: The hardware's own UUID, which the discovery API and Blazar share.
        name: Its name, for example `liqid03`.
        type: Node type or machine name, for example `compute_liqid`.
        site: Path prefix of its site.
        kind: `host` or `device`.
        rank: Its place among its peers, from 0.
        peers: How many of its type the site has.
        hardware: The catalogue's entry for it.
    """

    id: str
    uid: str
    name: str
    type: str
    site: str
    kind: str
    rank: int
    peers: int
    hardware: dict[str, Any] = field(hash=False)

    def properties(self) -> dict[str, Any]:
        """Return what a reservation's `resource_properties` can ask for."""
        if self.kind == "device":
            return {
                "name": self.name,
                "uid": self.uid,
                "machine_name": self.type,
                "device_type": "container",
                "vendor": "Raspberry Pi",
                "model": self.type,
                "reservable": True,
            }
        cpu, gpu = self.hardware["cpu"], self.hardware.get("gpu")
        return {
            "node_name": self.name,
            "node_type": self.type,
            "uid": self.uid,
            "hypervisor_hostname": self.uid,
            "architecture.platform_type": "x86_64",
            "architecture.smp_size": cpu["sockets"],
            "architecture.smt_size": cpu["threads"],
            "processor.model": cpu["model"],
            "processor.vendor": cpu["vendor"],
            "main_memory.ram_size": self.hardware["memory_gib"] * 2**30,
            "gpu.gpu": "True" if gpu else "False",
            "gpu.gpu_count": gpu["count"] if gpu else 0,
            "gpu.gpu_model": gpu["model"] if gpu else "",
        }


class Catalogue:
    """Everything the rehearsed sites have, in the catalogue's order."""

    def __init__(self, entries: dict[str, Any]) -> None:
        """Build the catalogue from the decoded TOML."""
        self.sites = {entry["where"]: Site(**entry) for entry in entries["sites"]}
        self.images: list[str] = entries["images"]["names"]
        self.parts: dict[str, dict[str, Any]] = entries["parts"]
        self.resources = [
            resource
            for kind, groups in (("host", entries["nodes"]), ("device", entries["devices"]))
            for resource in _expand(kind, groups)
        ]

    def at(self, site: str, kind: str) -> list[Resource]:
        """Return a site's hosts (`host`) or devices (`device`)."""
        return [r for r in self.resources if r.site == site and r.kind == kind]

    def by_id(self, site: str, kind: str, identifier: str) -> Resource | None:
        """Return one resource by Blazar's identifier, or None."""
        return next((r for r in self.at(site, kind) if r.id == identifier), None)


def _expand(kind: str, groups: list[dict[str, Any]]) -> list[Resource]:
    """Return one resource for each of a group's `count`, numbered through a site."""
    numbers: dict[str, int] = {}
    found = []
    for group in groups:
        for rank in range(group["count"]):
            site, name = group["site"], group["names"].format(rank + 1)
            numbers[site] = numbers.get(site, 0) + 1
            hardware = dict(group)
            if kind == "device":
                hardware["memory_gib"] = group["memory_gib"][rank]
            found.append(
                Resource(
                    id=str(numbers[site]),
                    uid=stable_id(kind, site, name),
                    name=name,
                    type=group["type"],
                    site=site,
                    kind=kind,
                    rank=rank,
                    peers=group["count"],
                    hardware=hardware,
                )
            )
    return found


@cache
def catalogue() -> Catalogue:
    """Return the shipped catalogue."""
    return Catalogue(tomllib.loads(_FILE.read_text(encoding="utf-8")))
