"""The rehearsed world: the services' shared state, and the effects of time between two requests.

It is remembered in one SQLite file of JSON documents, so that a restart loses nothing.
"""

import ipaddress
import json
import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from chameleon_rehearsal import place
from chameleon_rehearsal.catalogue import Catalogue, catalogue, stable_id
from chameleon_rehearsal.faults import FAULTS, parse_fault
from chameleon_rehearsal.limits import Limits
from chameleon_rehearsal.software import Software, file_of
from chameleon_rehearsal.world.clock import Clock, Looks, lease_status, stamp

Document = dict[str, Any]

#: The project of a site's public resources.
OF_ALL = "chameleon"
_ZONES = {"availability_zone_hints": [], "availability_zones": ["nova"]}
_UP = {"admin_state_up": True, "status": "ACTIVE"}
#: Fields of Neutron's new things by kind, unless the request gives others. The published samples
#: have them.
_NEW: dict[str, Document] = {
    "network": {
        **_UP,
        **_ZONES,
        "shared": False,
        "router:external": False,
        "port_security_enabled": True,
        "mtu": 1500,
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "is_default": False,
    },
    "subnet": {
        "ip_version": 4,
        "enable_dhcp": True,
        "dns_nameservers": [],
        "host_routes": [],
        "ipv6_address_mode": None,
        "ipv6_ra_mode": None,
        "subnetpool_id": None,
        "service_types": [],
        "segment_id": None,
        "router:external": False,
    },
    "port": {
        **_UP,
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "port_security_enabled": True,
        "security_groups": [],
    },
    "router": {
        **_UP,
        **_ZONES,
        "external_gateway_info": None,
        "routes": [],
        "flavor_id": None,
        "service_type_id": None,
    },
    "floatingip": {"status": "DOWN", "port_id": None, "fixed_ip_address": None, "router_id": None},
    "security_group": {"shared": False, "stateful": True},
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, position INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL, UNIQUE (kind, id)
);
"""


class Store:
    """Documents by kind and id, in the order in which they were added.

    A document is a dict of JSON values with an `id`. Callers change a document they were given and
    `put` it back; nothing is saved by itself.
    """

    def __init__(self, path: Path) -> None:
        # One event loop owns the store, but the test client moves it to another thread.
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def put(self, kind: str, document: Document) -> Document:
        """Save a document and return it; a document with the same id is replaced in place."""
        self._db.execute(
            "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            (kind, document["id"], json.dumps(document)),
        )
        return document

    def get(self, kind: str, identifier: str) -> Document | None:
        """Return one document, or None when there is none of that kind and id."""
        row = self._db.execute(
            "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, identifier)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def find(self, kind: str, **wanted: Any) -> list[Document]:
        """Return the documents of a kind whose fields equal all the wanted values, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM documents WHERE kind = ? ORDER BY position", (kind,)
        )
        documents = (json.loads(body) for (body,) in rows)
        return [d for d in documents if all(d.get(name) == value for name, value in wanted.items())]

    def remove(self, kind: str, identifier: str) -> None:
        """Forget one document, if it is there."""
        self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, identifier))

    def clear(self) -> None:
        """Forget every document."""
        self._db.execute("DELETE FROM documents")

    def close(self) -> None:
        self._db.close()


@dataclass(frozen=True)
class Caller:
    """Who sends a request, by name and by Keystone's identifier; without a project for a token that
    has none.
    """

    user: str
    user_id: str
    project: str
    project_id: str


class ArmedFaults:
    """The faults that are armed now. Each strikes the number of times it was given, then is
    gone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def arm(self, text: str) -> Document:
        """Arm a fault; arming one again replaces its count. See `parse_fault` for the spelling and
        errors.
        """
        return self._store.put("fault", parse_fault(text))

    def clear(self, name: str | None = None) -> None:
        """Disarm one fault by name, or all of them."""
        for fault in self._store.find("fault"):
            if name in (None, fault["name"]):
                self._store.remove("fault", fault["id"])

    def strike(self, name: str, user: str, site: str | None = None) -> Document | None:
        """Use one strike of a fault against a user's request, and return its record, or None when
        it is not armed.
        """
        for fault in self._store.find("fault", name=name):
            if fault["user"] not in (None, user) or fault.get("site") not in (None, site):
                continue
            if fault["times"] == 1:
                self._store.remove("fault", fault["id"])
            elif fault["times"] > 1:
                self._store.put("fault", fault | {"times": fault["times"] - 1})
            return fault
        return None

    def conditions(self, user: str) -> dict[str, float | None]:
        """Use one strike of each fault that stays with the machine which is made now; return their
        seconds by name.
        """
        staying = [name for name, fault in FAULTS.items() if fault.stays]
        strikes = {name: self.strike(name, user) for name in staying}
        return {name: fault["seconds"] for name, fault in strikes.items() if fault}


class World:
    """Store, clock, catalogue and faults under one roof."""

    def __init__(self, folder: Path, secret: str, clock: Clock | None = None) -> None:
        """Open the world kept in a folder, with the folder's own catalogue.

        Args:
            folder: Where the database and the nodes' scratch homes live; made when missing.
            secret: The source of every student's password.
            clock: The clock to use; a new one by default. Its offset is restored from the store.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.journal = folder / "journal.txt"
        self.secret = secret
        # Another number when documents get another form: what an earlier version remembers is left
        # alone.
        self.store = Store(folder / "world-5.sqlite3")
        self.clock = clock or Clock()
        self.clock.offset_s = place.ahead_of(folder).total_seconds()
        self.limits = Limits.of()
        self.looks = Looks(self.clock.real)
        self.faults = ArmedFaults(self.store)
        self.software_file = file_of(folder)
        self.software = Software.read(self.software_file)
        own = folder / "catalogue.toml"
        self.catalogue: Catalogue = catalogue(own if own.exists() else None)
        self.furnish()

    def furnish(self) -> None:
        """Create each site's initial resources: its shared network, and the public one."""
        for where, site in self.catalogue.sites.items():
            shared, public = (
                stable_id("network", where, name) for name in (site.network, "public")
            )
            self.add_thing("network", where, OF_ALL, {"name": site.network, "shared": True}, shared)
            self.add_thing(
                "network", where, OF_ALL, {"name": "public", "router:external": True}, public
            )
            subnet = {
                "name": f"{site.network}-subnet",
                "cidr": "10.52.0.0/16",
                "gateway_ip": "10.52.0.1",
            }
            self.add_thing(
                "subnet", where, OF_ALL, subnet | {"network_id": shared}, stable_id("subnet", where)
            )

    def advance(self, duration_s: float) -> None:
        """Move the calendar forward by some seconds, and remember it.

        Raises:
            ValueError: The duration is negative. Time does not run backwards; `reset` starts
                afresh.
        """
        if duration_s < 0:
            raise ValueError(
                "the calendar only moves forward: reset the rehearsal to start again from now"
            )
        self.set_calendar(self.clock.offset_s + duration_s)
        self.settle()

    def set_calendar(self, ahead_s: float) -> None:
        """Let the calendar run a number of seconds ahead of this computer's, for every rehearsing
        process.
        """
        self.clock.offset_s = ahead_s
        place.set_ahead(self.folder, timedelta(seconds=ahead_s))

    def note(self, machine: str, command: str) -> None:
        """Write into the journal what a machine was asked to run; its shims add what they did not
        run.
        """
        with self.journal.open("a", encoding="utf-8") as journal:
            journal.write(f"{machine}: {command}\n")

    def settle(self) -> None:
        """Act as Blazar's timer: make a lease's resources when it begins, and delete them when it
        has ended.
        """
        for lease in self.store.find("lease", released=False):
            status = lease_status(lease, self.clock.now())
            if status == "TERMINATED":
                self.release(lease)
            elif status == "ACTIVE" and not lease["begun"]:
                self._begin(lease)

    def _begin(self, lease: Document) -> None:
        caller = Caller(*(lease[name] for name in ("user", "user_id", "project", "project_id")))
        for reservation in lease["reservations"]:
            mine = {"reservation_id": reservation["id"]}
            if reservation["resource_type"] == "network":
                named = {"name": reservation["network_name"]} | mine
                self.add_thing("network", lease["site"], caller.project_id, named)
            if reservation["resource_type"] == "virtual:floatingip":
                self._begin_floating_ips(lease["site"], caller, reservation)
        self.store.put("lease", lease | {"begun": True})

    def _begin_floating_ips(self, site: str, caller: Caller, reservation: Document) -> None:
        """Give a project the floating IPs of a reservation, those first that it names."""
        named = reservation["required_floatingips"]
        wanted = [*named, *[None] * (reservation["amount"] - len(named))]
        for address in wanted:
            given = self.allocate_floating_ip(site, caller, address)
            if given is not None:
                tags = {"tags": ["blazar", f"reservation:{reservation['id']}"]}
                mine = {"reservation_id": reservation["id"]}
                self.store.put("floatingip", given | tags | mine)

    def release(self, lease: Document) -> None:
        """Take away everything that runs on a lease's reservations; the lease itself stays on
        record.
        """
        reservations = {r["id"] for r in lease["reservations"]}
        for kind in ("server", "container"):
            for machine in self.store.find(kind, site=lease["site"]):
                if machine["reservation_id"] in reservations:
                    self.remove_machine(kind, machine)
        for kind in ("floatingip", "network"):
            for thing in self.store.find(kind, site=lease["site"]):
                if thing.get("reservation_id") in reservations:
                    for port in self.store.find("port", network_id=thing["id"]):
                        self.remove_port(port)
                    self.store.remove(kind, thing["id"])
        self.store.put("lease", lease | {"released": True})

    def remove_machine(self, kind: str, machine: Document) -> None:
        """Delete a server or container and its port. Its floating IP stays allocated, as on
        Chameleon.
        """
        for volume in self.store.find("volume", server_id=machine["id"]):
            if volume["goes_with_server"]:
                self.store.remove("volume", volume["id"])
            else:
                self.store.put("volume", volume | {"server_id": None})
        for port in self.store.find("port", device_id=machine["id"]):
            self.remove_port(port)
        self.store.remove(kind, machine["id"])

    def remove_port(self, port: Document) -> None:
        """Delete a port; a floating IP at it stays allocated."""
        for address in self.store.find("floatingip", port_id=port["id"]):
            self.store.put(
                "floatingip",
                address | {"port_id": None, "fixed_ip_address": None, "status": "DOWN"},
            )
        self.store.remove("port", port["id"])

    def free_addresses(self, site: str) -> list[str]:
        """Return the floating IPs of a site that no project has."""
        taken = {
            address["floating_ip_address"] for address in self.store.find("floatingip", site=site)
        }
        prefix = self.catalogue.sites[site].floating
        return [
            address for number in range(10, 250) if (address := f"{prefix}.{number}") not in taken
        ]

    def allocate_floating_ip(
        self, site: str, caller: Caller, wanted: str | None = None
    ) -> Document | None:
        """Give the caller's project a floating IP of a site: the first free one, or the one that is
        wanted. Return None when none is left, or that one is taken.
        """
        free = self.free_addresses(site)
        if not free or wanted not in (None, *free):
            return None
        address: Document = {
            "floating_ip_address": wanted or free[0],
            "floating_network_id": stable_id("network", site, "public"),
        }
        address |= {
            "port_id": None,
            "fixed_ip_address": None,
            "status": "DOWN",
            "user": caller.user,
        }
        return self.add_thing("floatingip", site, caller.project_id, address)

    def add_port(
        self,
        machine: Document,
        network_id: str | None = None,
        address: str | None = None,
        owner: str = "compute:nova",
    ) -> Document | None:
        """Plug a machine into a network and return the port, or None if its address is taken.

        Args:
            network_id: The site's shared network if None.
            address: One of the network's first subnet; the next free one if None.

        Raises:
            ValueError: The network has no subnet, or none with that address.
        """
        site = machine["site"]
        network_id = network_id or stable_id("network", site, self.catalogue.sites[site].network)
        subnet = next(iter(self.store.find("subnet", network_id=network_id)), None)
        if subnet is None:
            raise ValueError(
                f"network {network_id} requires a subnet in order to boot instances on"
            )
        cidr = ipaddress.ip_network(subnet["cidr"])
        if address and ipaddress.ip_address(address) not in cidr:
            raise ValueError(
                f"IP address {address} is not a valid IP for subnet {subnet['id']}, {cidr}"
            )
        taken = {
            port["fixed_ips"][0]["ip_address"]
            for port in self.store.find("port", network_id=network_id)
        }
        candidates: Iterable[str] = [address] if address else map(str, cidr.hosts())
        if not address:
            taken.add(subnet["gateway_ip"])
        chosen = next((candidate for candidate in candidates if candidate not in taken), None)
        if chosen is None:
            return None
        port = {
            "device_id": machine["id"],
            "device_owner": owner,
            "network_id": network_id,
            "security_groups": [],
        }
        port |= {
            "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": chosen}],
            "port_security_enabled": True,
        }
        identifier = str(uuid.uuid4())
        mac = "fa:16:3e:" + ":".join(identifier[i : i + 2] for i in (0, 2, 4))
        return self.add_thing(
            "port", site, machine["project_id"], port | {"mac_address": mac}, identifier
        )

    def add_thing(
        self, kind: str, site: str, project_id: str, asked: Document, identifier: str | None = None
    ) -> Document:
        """Make a project's resource in Neutron's form, and return it."""
        usual: Document = {"description": "", "tags": [], "revision_number": 1}
        if kind != "floatingip":
            usual["name"] = ""
        usual |= _NEW.get(kind, {})
        own: Document = {
            "id": identifier or str(uuid.uuid4()),
            "site": site,
            "project_id": project_id,
            "tenant_id": project_id,
        }
        now = stamp(self.clock.now())
        own |= {"created_at": now, "updated_at": now}
        return self.store.put(kind, usual | asked | own)

    def image_named(self, site: str, identifier: Any) -> str | None:
        """Return the name of a disk image by its id, or None."""
        return next(
            (
                name
                for name in self.catalogue.images
                if stable_id("image", site, name) == identifier
            ),
            None,
        )

    def lets_in(self, server: Document, port: int) -> bool:
        """Return whether a server can be reached at a port.

        A virtual machine's security groups decide, and those of its ports. Those of bare metal
        filter nothing: the node's own firewall does.
        """
        if self.catalogue.sites[server["site"]].site_class != "kvm":
            return True
        groups = self.store.find(
            "security_group", site=server["site"], project_id=server["project_id"]
        )
        plugged = self.store.find("port", device_id=server["id"])
        members = {
            *server["security_groups"],
            *(name for port in plugged for name in port["security_groups"]),
        }
        rules = [
            rule
            for group in groups
            if {group["name"], group["id"]} & members
            for rule in group["security_group_rules"]
        ]
        return any(_opens(rule, port) for rule in rules)

    def reserved(
        self, caller: Caller, site: str, reservation_id: str | None, resource_type: str
    ) -> list[str]:
        """Return the nodes or devices of a reservation of the caller's that is active; none for any
        other.
        """
        for lease in self.store.find("lease", site=site, project_id=caller.project_id):
            for reservation in lease["reservations"]:
                if (
                    reservation["id"] == reservation_id
                    and reservation["resource_type"] == resource_type
                ):
                    return (
                        reservation["resource_ids"]
                        if lease_status(lease, self.clock.now()) == "ACTIVE"
                        else []
                    )
        return []


def _opens(rule: Document, port: int) -> bool:
    """Return whether a rule of a security group lets TCP from anywhere in at a port."""
    if rule["direction"] != "ingress" or rule["remote_group_id"] is not None:
        return False
    first, last = rule["port_range_min"] or 0, rule["port_range_max"] or 65535
    return rule["protocol"] in (None, "tcp", "6") and first <= port <= last
