"""The catalogue: sites, nodes, devices, flavors, images, and their stable identifiers.

The shipped one is `catalogue.toml`; an instructor's own, a changed copy of it, takes its place.
Only the testbed's process imports this file: pydantic comes with the extra `rehearsal`.
"""

import tomllib
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_FILE = Path(__file__).with_name("catalogue.toml")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "rehearsal.model-serving-labs")


def stable_id(*parts: str) -> str:
    """Return a UUID that is the same in every rehearsal for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


class _Table(BaseModel):
    """A table of the file: every field has its kind, and a misspelt one is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Site(_Table):
    """One Chameleon site."""

    #: Path prefix under which the rehearsal serves it, for example `tacc`.
    where: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    name: str
    site_class: Literal["baremetal", "edge", "kvm"]
    #: The city, for display.
    location: str
    #: That servers or containers join.
    network: str
    #: First three numbers of its floating IPs; they are in 127.77.0.0/16, so none is real.
    floating: Annotated[str, Field(pattern=r"^127\.77\.(25[0-5]|2[0-4]\d|1?\d?\d)$")]
    #: Name of its web page where python-chi has that built in and looks into no list; empty for the
    #: others.
    host: str = ""

    @model_validator(mode="after")
    def _one_edge(self) -> Self:
        if (self.site_class == "edge") != (self.where == "edge"):
            raise ValueError(
                'python-chi knows one edge site: it has where = "edge", and no other site has'
            )
        return self


class Cpu(_Table):
    """A node's processors."""

    vendor: str
    model: str
    sockets: int
    threads: int
    ghz: float


class GpuSpec(_Table):
    """A node's accelerators; `memory_gib` is that of one of them."""

    vendor: str
    model: str
    count: int
    memory_gib: int


class _Group(_Table):
    """Several machines of one type at one site; `names` makes each name from a number."""

    site: str
    type: str
    names: Annotated[str, Field(pattern=r"^[^{}]*\{(:0?\d+d)?\}[^{}]*$")]
    count: Annotated[int, Field(ge=1, le=500)]


class Nodes(_Group):
    """Several equal nodes."""

    kind: ClassVar = "host"
    cpu: Cpu
    memory_gib: int
    storage_gb: int
    gpu: GpuSpec | None = None


class Devices(_Group):
    """Several equal edge devices."""

    kind: ClassVar = "device"
    profiles: list[str]


class Flavors(_Group):
    """One kind of virtual machine, of which a site has room for `count`; no virtual machine has a
    name beforehand.
    """

    kind: ClassVar = "flavor"
    vcpus: int
    memory_mb: int
    disk_gb: int
    gpu: GpuSpec | None = None


#: Kinds of machines at a site of each class.
_LENDS = {"baremetal": Nodes, "edge": Devices, "kvm": Flavors}


class _File(_Table):
    """A catalogue file. `images` has the names of the disk images, which all sites have."""

    sites: list[Site]
    nodes: list[Nodes]
    devices: list[Devices]
    flavors: list[Flavors] = []
    images: dict[Literal["names"], list[str]]

    @model_validator(mode="after")
    def _together(self) -> Self:
        for name in ("where", "name", "floating"):
            if len({getattr(site, name) for site in self.sites}) < len(self.sites):
                raise ValueError(f"two sites have the same {name}")
        lends = {site.where: _LENDS[site.site_class] for site in self.sites}
        types: set[tuple[str, str]] = set()
        for group in [*self.nodes, *self.devices, *self.flavors]:
            if lends.get(group.site) is not type(group):
                raise ValueError(
                    f"{group.type!r}: {group.site!r} is no site that is listed and has such "
                    "machines"
                )
            if (group.site, group.type) in types:
                raise ValueError(f"{group.type!r} of site {group.site!r} is listed twice")
            types.add((group.site, group.type))
        return self


@dataclass(frozen=True)
class CatalogueEntry:
    """A node, an edge device, or the room for one virtual machine: something that one lease holds
    at a time.
    """

    #: Blazar's identifier, a small number as text.
    id: str
    #: The hardware's own UUID, which the discovery API and Blazar share.
    uid: str
    name: str
    #: Its place among its peers, from 0.
    rank: int
    group: Nodes | Devices | Flavors = field(hash=False)

    def properties(self) -> dict[str, str | int | bool]:
        """Return what a reservation's `resource_properties` can ask for."""
        if isinstance(self.group, Devices):
            shown: dict[str, str | int | bool] = {"name": self.name, "uid": self.uid}
            shown |= {"machine_name": self.group.type, "model": self.group.type}
            return shown | {
                "device_type": "container",
                "vendor": "Raspberry Pi",
                "reservable": True,
            }
        if isinstance(self.group, Flavors):
            return {"flavor": self.group.type}
        cpu, gpu = self.group.cpu, self.group.gpu
        shown = {"node_name": self.name, "node_type": self.group.type, "uid": self.uid}
        shown |= {
            "hypervisor_hostname": self.uid,
            "architecture.platform_type": "x86_64",
            "architecture.smp_size": cpu.sockets,
            "architecture.smt_size": cpu.threads,
            "processor.model": cpu.model,
            "processor.vendor": cpu.vendor,
            "main_memory.ram_size": self.group.memory_gib * 2**30,
        }
        if gpu is None:
            return shown | {"gpu.gpu": "False", "gpu.gpu_count": 0, "gpu.gpu_model": ""}
        return shown | {
            "gpu.gpu": "True",
            "gpu.gpu_count": gpu.count,
            "gpu.gpu_model": gpu.model,
        }


class Catalogue:
    """Everything the rehearsed sites have, in the file's order."""

    def __init__(self, file: _File) -> None:
        self.sites = {site.where: site for site in file.sites}
        self.images = file.images["names"]
        self._machines: dict[str, list[CatalogueEntry]] = {where: [] for where in self.sites}
        self.groups: list[Nodes | Devices | Flavors] = [*file.nodes, *file.devices, *file.flavors]
        for group in self.groups:
            machines = self._machines[group.site]
            for rank in range(group.count):
                name = group.names.format(rank + 1)
                uid = stable_id(group.kind, group.site, name)
                machines.append(CatalogueEntry(str(len(machines) + 1), uid, name, rank, group))

    def at(self, site: str, kind: str) -> list[CatalogueEntry]:
        """Return a site's hosts (`host`), devices (`device`) or rooms (`flavor`); no site has two
        of them.
        """
        return [machine for machine in self._machines.get(site, []) if machine.group.kind == kind]

    def by_id(self, site: str, identifier: str | None) -> CatalogueEntry | None:
        """Return one machine by Blazar's identifier, or None."""
        return next((machine for machine in self._machines[site] if machine.id == identifier), None)


def catalogue(own: Path | None = None) -> Catalogue:
    """Return the catalogue of an own file, or the shipped one.

    Raises:
        ValueError: The file is missing, is no TOML, or has an impossible value; the message names
            the file, the field, and its fault.
    """
    path = own or _FILE
    try:
        return Catalogue(_File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
