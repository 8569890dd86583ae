"""The catalogue: sites, nodes, devices, images, and their stable identifiers.

The shipped one is `catalogue.toml`. An instructor's own file in the same form adds to it or replaces parts of it. Only
the testbed's process and `rehearsal catalogue` import this file: pydantic comes with the extra `rehearsal`.
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


class Part(_Table):
    """What `rehearsal lease --part` books, and for how many hours."""

    site: str
    type: str
    hours: int


class _File(_Table):
    """A catalogue file; every table may be left out. `images` has the names of the disk images that all sites have."""

    sites: list[Site] = []
    nodes: list[Nodes] = []
    devices: list[Devices] = []
    images: dict[Literal["names"], list[str]] = {"names": []}
    parts: dict[Literal["model", "edge", "system"], Part] = {}


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
        self.parts = file.parts
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

    def by_id(self, site: str, kind: str, identifier: str) -> Resource | None:
        """Return one resource by Blazar's identifier, or None."""
        return next((r for r in self.at(site, kind) if r.id == identifier), None)


class CatalogueError(ValueError):
    """A catalogue file cannot be used; the message names the file, the field, and what is wrong with it."""


def catalogue(own: Path | None = None) -> Catalogue:
    """Return the shipped catalogue, changed by an own file where there is one.

    Args:
        own: A file in the form of `catalogue.toml`. A site with the `where` of a shipped one takes its place, with
            nothing of its hardware kept. Nodes or devices of a site and type that are shipped take their place. A part
            takes the place of the shipped one. Everything else is added.

    Raises:
        CatalogueError: The file is missing, is no TOML, or says something that cannot be.
    """
    shipped = _read(_FILE)
    if own is None:
        return Catalogue(shipped)
    merged = _merged(shipped, _read(own))
    wrong = _contradiction(merged)
    if wrong:
        raise CatalogueError(f"{own}: {wrong}")
    return Catalogue(merged)


def _read(path: Path) -> _File:
    """Return what a file says, each field checked for itself."""
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: the catalogue cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path}: this is not TOML: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: {_words(mistake['loc'])}: {mistake['msg']}" for mistake in error.errors()]
        raise CatalogueError("\n".join(lines)) from error


def _words(where: tuple[str | int, ...]) -> str:
    """Return the place of a mistake as an instructor counts: `nodes 2, gpu, model` is the second table of nodes."""
    words = [f" {part + 1}" if isinstance(part, int) else f", {part}" for part in where]
    return "".join(words).removeprefix(", ")


def _merged(shipped: _File, own: _File) -> _File:
    replaced = {site.where for site in own.sites}

    def kept(groups: list[_Group], given: list[_Group]) -> list[_Group]:
        anew = {(group.site, group.type) for group in given}
        old = [group for group in groups if group.site not in replaced and (group.site, group.type) not in anew]
        return old + given

    return _File.model_construct(
        sites=[site for site in shipped.sites if site.where not in replaced] + own.sites,
        nodes=kept(shipped.nodes, own.nodes),
        devices=kept(shipped.devices, own.devices),
        images={"names": list(dict.fromkeys(shipped.images["names"] + own.images["names"]))},
        parts=shipped.parts | own.parts,
    )


def _contradiction(file: _File) -> str | None:
    """Return what cannot be in a whole catalogue although each table for itself could, or None."""
    for name in ("where", "name", "floating"):
        if len({getattr(site, name) for site in file.sites}) < len(file.sites):
            return f"two sites have the same {name}"
    edge = {site.where: site.site_class == "edge" for site in file.sites}
    for group in [*file.nodes, *file.devices]:
        if edge.get(group.site) is not isinstance(group, Devices):
            return (
                f"{group.type!r} stands at {group.site!r}: nodes need a bare-metal site that is listed, devices 'edge'"
            )
    types = [(group.site, group.type) for group in [*file.nodes, *file.devices]]
    twice = next((kind for kind in types if types.count(kind) > 1), None)
    return f"type {twice[1]!r} of site {twice[0]!r} is listed twice" if twice else None
