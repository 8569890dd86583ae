"""The catalogue: sites, nodes, devices, images, and their stable identifiers.

The shipped one is `catalogue.toml`; an instructor's own, a changed copy of it, takes its place. Only the testbed's
process and `rehearsal catalogue` import this file: pydantic comes with the extra `rehearsal`.
"""

import tomllib
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

_FILE = Path(__file__).with_name("catalogue.toml")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "rehearsal.model-serving-labs")


def stable_id(*parts: str) -> str:
    """Return a UUID that is the same in every rehearsal for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


class _Table(BaseModel):
    """A table of the file: every field has its kind, and a misspelt one is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Site(_Table):
    """One Chameleon site.

    Attributes:
        where: Path prefix under which the rehearsal serves it, for example `tacc`.
        name: The name that python-chi shows, for example `CHI@TACC`.
        site_class: `baremetal` or `edge`.
        location: The city, for display.
        network: Name of the network that servers or containers join.
        floating: First three numbers of its floating IPs; they lie in 127.77.0.0/16, so none is a real one.
    """

    where: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    name: str
    site_class: Literal["baremetal", "edge"]
    location: str
    network: str
    floating: Annotated[str, Field(pattern=r"^127\.77\.(25[0-5]|2[0-4]\d|1?\d?\d)$")]

    @model_validator(mode="after")
    def _one_edge(self) -> Self:
        if (self.site_class == "edge") != (self.where == "edge"):
            raise ValueError('python-chi knows one edge site: it has where = "edge", and no other site has')
        return self


class Cpu(_Table):
    """A node's processors."""

    vendor: str
    model: str
    sockets: int
    threads: int
    ghz: float


class Gpu(_Table):
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
    """Several nodes that are alike."""

    cpu: Cpu
    memory_gib: int
    storage_gb: int
    gpu: Gpu | None = None


class Devices(_Group):
    """Several edge devices that are alike; `memory_gib` lists the memory of each."""

    memory_gib: list[int]
    profiles: list[str]

    @model_validator(mode="after")
    def _one_number_a_device(self) -> Self:
        if len(self.memory_gib) != self.count:
            raise ValueError(f"memory_gib lists {len(self.memory_gib)} devices and count is {self.count}")
        return self


class _File(_Table):
    """A catalogue file. `images` has the names of the disk images, which all sites have."""

    sites: list[Site]
    nodes: list[Nodes]
    devices: list[Devices]
    images: dict[Literal["names"], list[str]]

    @model_validator(mode="after")
    def _together(self) -> Self:
        for name in ("where", "name", "floating"):
            if len({getattr(site, name) for site in self.sites}) < len(self.sites):
                raise ValueError(f"two sites have the same {name}")
        edge = {site.where: site.site_class == "edge" for site in self.sites}
        types = set()
        for group in [*self.nodes, *self.devices]:
            if edge.get(group.site) is not isinstance(group, Devices):
                raise ValueError(f"{group.type!r}: {group.site!r} is no site that is listed and has such machines")
            if (group.site, group.type) in types:
                raise ValueError(f"{group.type!r} of site {group.site!r} is listed twice")
            types.add((group.site, group.type))
        return self


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
        group: The catalogue's entry for it and its peers.
    """

    id: str
    uid: str
    name: str
    type: str
    site: str
    kind: str
    rank: int
    peers: int
    group: Nodes | Devices = field(hash=False)

    def properties(self) -> dict[str, str | int | bool]:
        """Return what a reservation's `resource_properties` can ask for."""
        if isinstance(self.group, Devices):
            return {
                "name": self.name,
                "uid": self.uid,
                "machine_name": self.type,
                "device_type": "container",
                "vendor": "Raspberry Pi",
                "model": self.type,
                "reservable": True,
            }
        cpu, gpu = self.group.cpu, self.group.gpu
        return {
            "node_name": self.name,
            "node_type": self.type,
            "uid": self.uid,
            "hypervisor_hostname": self.uid,
            "architecture.platform_type": "x86_64",
            "architecture.smp_size": cpu.sockets,
            "architecture.smt_size": cpu.threads,
            "processor.model": cpu.model,
            "processor.vendor": cpu.vendor,
            "main_memory.ram_size": self.group.memory_gib * 2**30,
            "gpu.gpu": "True" if gpu else "False",
            "gpu.gpu_count": gpu.count if gpu else 0,
            "gpu.gpu_model": gpu.model if gpu else "",
        }


class Catalogue:
    """Everything the rehearsed sites have, in the file's order."""

    def __init__(self, file: _File) -> None:
        """Number each group's machines through their site."""
        self.sites = {site.where: site for site in file.sites}
        self.images = file.images["names"]
        self.resources: list[Resource] = []
        for kind, groups in (("host", file.nodes), ("device", file.devices)):
            for group in groups:
                first = len(self.at(group.site, kind)) + 1
                for rank in range(group.count):
                    name = group.names.format(rank + 1)
                    uid = stable_id(kind, group.site, name)
                    number = str(first + rank)
                    self.resources.append(
                        Resource(number, uid, name, group.type, group.site, kind, rank, group.count, group)
                    )

    def at(self, site: str, kind: str) -> list[Resource]:
        """Return a site's hosts (`host`) or devices (`device`)."""
        return [r for r in self.resources if r.site == site and r.kind == kind]

    def by_id(self, site: str, kind: str, identifier: str | None) -> Resource | None:
        """Return one resource by Blazar's identifier, or None."""
        return next((r for r in self.at(site, kind) if r.id == identifier), None)


class CatalogueError(ValueError):
    """A catalogue file cannot be used; the message names the file, the field, and what is wrong with it."""


def catalogue(own: Path | None = None) -> Catalogue:
    """Return the catalogue of an own file, or the shipped one.

    Raises:
        CatalogueError: The file is missing, is no TOML, or says something that cannot be.
    """
    path = own or _FILE
    try:
        return Catalogue(_File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: the catalogue cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: this is not TOML: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {_words(mistake['loc'])}: {mistake['msg']}" for mistake in error.errors()]
        raise CatalogueError("\n".join(lines)) from error


def _words(where: tuple[str | int, ...]) -> str:
    """Return the place of a mistake as an instructor counts: `nodes 2, gpu, model` is in the second table of nodes."""
    words = [f" {part + 1}" if isinstance(part, int) else f", {part}" for part in where]
    return "".join(words).removeprefix(", ") or "all together"
