"""The catalogue: sites, nodes, devices, images, and their stable identifiers.

The shipped one is `catalogue.toml`. An instructor's own file in the same form adds to it or replaces parts of it.
"""

import copy
import re
import tomllib
import uuid
from dataclasses import dataclass, field
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
        images: Names of its disk images; empty where it has those that all sites have.
    """

    where: str
    name: str
    site_class: str
    location: str
    network: str
    floating: str
    images: tuple[str, ...] = ()


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
        self.sites = {
            entry["where"]: Site(**{**entry, "images": tuple(entry.get("images", ()))}) for entry in entries["sites"]
        }
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

    def images_at(self, site: str) -> list[str]:
        """Return the names of a site's disk images."""
        return list(self.sites[site].images) or self.images

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


class CatalogueError(ValueError):
    """A catalogue file cannot be used; the message names the file, the line, and the way out."""


def catalogue(own: Path | None = None) -> Catalogue:
    """Return the shipped catalogue, changed by an own file where one is given.

    Args:
        own: A file in the form of `catalogue.toml`. A site with the `where` of a shipped one takes its place, with
            nothing of its hardware kept. Nodes or devices of a site and type that are shipped take their place. A part
            takes the place of the shipped one. Everything else is added.

    Raises:
        CatalogueError: The file is missing, is no TOML, or says something that cannot be.
    """
    shipped = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return Catalogue(_merged(shipped, _OwnFile(own).read(shipped)) if own else shipped)


def _merged(shipped: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(shipped)
    replaced = {site["where"] for site in own.get("sites", ())}
    merged["sites"] = [site for site in merged["sites"] if site["where"] not in replaced] + own.get("sites", [])
    for table in ("nodes", "devices"):
        given = {(group["site"], group["type"]) for group in own.get(table, ())}
        kept = [
            group
            for group in merged[table]
            if group["site"] not in replaced and (group["site"], group["type"]) not in given
        ]
        merged[table] = kept + own.get(table, [])
    names = [*merged["images"]["names"], *own.get("images", {}).get("names", ())]
    merged["images"]["names"] = list(dict.fromkeys(names))
    merged["parts"] |= own.get("parts", {})
    return merged


_CPU = {"vendor": str, "model": str, "sockets": int, "threads": int, "ghz": (int, float)}
_GPU = {"vendor": str, "model": str, "count": int, "memory_gib": int}
_SITE = {"where": str, "name": str, "site_class": str, "location": str, "network": str, "floating": str}
_NODES = {"site": str, "type": str, "names": str, "count": int, "cpu": _CPU, "memory_gib": int, "storage_gb": int}
_DEVICES = {"site": str, "type": str, "names": str, "count": int, "memory_gib": list, "profiles": list}
_PART = {"site": str, "type": str, "hours": int}
_WORDS = {str: "a text", int: "a whole number", list: "a list", (int, float): "a number"}


@dataclass
class _OwnFile:
    """An instructor's file, read with a message for each mistake.

    Attributes:
        path: The file.
        text: What it holds.
    """

    path: Path
    text: str = ""

    def read(self, shipped: dict[str, Any]) -> dict[str, Any]:
        """Return the file's tables, each of them checked."""
        try:
            self.text = self.path.read_text(encoding="utf-8")
            own = tomllib.loads(self.text)
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogueError(f"{self.path}: the catalogue cannot be read: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise CatalogueError(f"{self.path}: this is not TOML: {error}") from error
        for table in own:
            if table not in ("sites", "nodes", "devices", "images", "parts"):
                self._refuse(
                    table, None, f"there is no table {table!r}: sites, nodes, devices, images and parts are known"
                )
        sites = self._sites(own.get("sites", []), shipped)
        for table, fields in (("nodes", _NODES), ("devices", _DEVICES)):
            seen: set[tuple[str, str]] = set()
            for number, group in enumerate(self._list(own, table)):
                self._fields(table, number, group, fields, {"gpu": _GPU} if table == "nodes" else {})
                self._group(table, number, group, sites)
                if (key := (group["site"], group["type"])) in seen:
                    self._refuse(table, number, f"type {key[1]!r} of site {key[0]!r} stands here twice", "type")
                seen.add(key)
        self._fields("images", None, own.get("images", {"names": []}), {"names": list}, {})
        self._parts(own, shipped, set(sites))
        return own

    def _sites(self, given: Any, shipped: dict[str, Any]) -> dict[str, str]:
        """Return the class of each site that there will be, after a look at those of the file."""
        known = {site["where"]: site for site in shipped["sites"]}
        for number, site in enumerate(self._list({"sites": given}, "sites")):
            self._fields("sites", number, site, _SITE, {"images": list})
            if not re.fullmatch(r"[a-z][a-z0-9-]*", site["where"]):
                self._refuse("sites", number, "it is part of an address: write small letters, digits, hyphens", "where")
            if site["site_class"] not in ("baremetal", "edge"):
                self._refuse("sites", number, 'write "baremetal" or "edge"', "site_class")
            if site["site_class"] == "edge" and site["where"] != "edge":
                self._refuse("sites", number, 'python-chi knows one edge site: give yours where = "edge"', "site_class")
            if not re.fullmatch(r"127\.77\.(25[0-5]|2[0-4]\d|1?\d?\d)", site["floating"]):
                self._refuse("sites", number, 'write "127.77." and a number up to 255, such as "127.77.9"', "floating")
            for other in known.values():
                for field_name in ("name", "floating"):
                    if other["where"] != site["where"] and other[field_name] == site[field_name]:
                        message = f"site {other['where']!r} has {site[field_name]!r} already: give another one"
                        self._refuse("sites", number, message, field_name)
            known[site["where"]] = site
        return {where: site["site_class"] for where, site in known.items()}

    def _group(self, table: str, number: int, group: dict[str, Any], sites: dict[str, str]) -> None:
        """Check that a group of machines can stand at its site."""
        wanted = "edge" if table == "devices" else "baremetal"
        if group["site"] not in sites:
            self._refuse(table, number, f"there is no site {group['site']!r}; there are {', '.join(sites)}", "site")
        if sites[group["site"]] != wanted:
            self._refuse(table, number, f"site {group['site']!r} is not of class {wanted!r}", "site")
        if not 1 <= group["count"] <= 500:
            self._refuse(table, number, "write a number from 1 to 500", "count")
        try:
            names = {group["names"].format(rank) for rank in (1, 2)}
        except (IndexError, KeyError, ValueError):
            names = set()
        if len(names) < 2:
            self._refuse(table, number, 'it makes each name from a number: write for example "mine-{:02d}"', "names")
        if table == "devices" and len(group["memory_gib"]) != group["count"]:
            message = f"it lists {len(group['memory_gib'])} devices and count is {group['count']}: one number a device"
            self._refuse(table, number, message, "memory_gib")

    def _parts(self, own: dict[str, Any], shipped: dict[str, Any], sites: set[str]) -> None:
        for name, part in own.get("parts", {}).items():
            table = f"parts.{name}"
            if name not in shipped["parts"]:
                self._refuse(table, None, f"there is no part {name!r}: {', '.join(shipped['parts'])} are known")
            self._fields(table, None, part, _PART, {})
            if part["site"] not in sites:
                self._refuse(table, None, f"there is no site {part['site']!r}; there are {', '.join(sites)}", "site")

    def _list(self, own: dict[str, Any], table: str) -> list[Any]:
        given = own.get(table, [])
        if not isinstance(given, list):
            self._refuse(table, None, f"write [[{table}]] with two brackets, once for each")
        return given

    def _fields(
        self,
        table: str,
        number: int | None,
        given: Any,
        needed: dict[str, Any],
        optional: dict[str, Any],
        inside: str = "",
    ) -> None:
        """Check that a table has the fields that it needs, of the right kind, and no other."""
        if not isinstance(given, dict):
            self._refuse(table, number, "this is a table: write fields with names", inside)
        for name in given:
            if name not in needed | optional:
                known = ", ".join(needed | optional)
                self._refuse(table, number, f"there is no field {inside}{name!r}; there are {known}", name)
        for name, kind in (needed | optional).items():
            if name not in given:
                if name in needed:
                    self._refuse(table, number, f"the field {inside}{name!r} is missing", inside.rstrip("."))
            elif isinstance(kind, dict):
                self._fields(table, number, given[name], kind, {}, f"{name}.")
            elif not isinstance(given[name], kind) or isinstance(given[name], bool):
                self._refuse(table, number, f"{inside}{name} must be {_WORDS[kind]}, not {given[name]!r}", name)

    def _refuse(self, table: str, number: int | None, why: str, name: str = "") -> None:
        """Raise with the line at which the field stands, or else that of its table."""
        lines = self.text.splitlines()
        heads = [at for at, line in enumerate(lines, 1) if re.match(rf"\s*\[+\s*{re.escape(table)}\s*\]+", line)]
        line = heads[number or 0] if len(heads) > (number or 0) else 1
        following = next((at for at in range(line, len(lines)) if re.match(r"\s*\[", lines[at])), len(lines))
        within = (at + 1 for at in range(line, following) if re.match(rf"\s*{re.escape(name)}\s*=", lines[at]))
        line = next(within, line) if name else line
        where = f"[[{table}]] number {number + 1}" if number is not None else f"[{table}]"
        said = f", {name}" if name else ""
        raise CatalogueError(f"{self.path}, line {line}, {where}{said}: {why}")
