"""The rehearsed world: what the services share, and what time does to it between two requests."""

import hashlib
import hmac
import itertools
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.rehearsal.catalogue import Catalogue, Resource, catalogue
from provisioning.rehearsal.clock import Clock
from provisioning.rehearsal.faults import Faults
from provisioning.rehearsal.lifecycle import lease_status
from provisioning.rehearsal.store import Document, Store


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        user: User name.
        user_id: Keystone's identifier of the user.
        project: Project name; empty for a token without a project.
        project_id: Keystone's identifier of the project; empty likewise.
    """

    user: str
    user_id: str
    project: str
    project_id: str


class World:
    """Store, clock, catalogue and faults under one roof."""

    def __init__(self, folder: Path, secret: str, clock: Clock | None = None, own: Path | None = None) -> None:
        """Open the world kept in a folder.

        Args:
            folder: Where the database and the nodes' scratch homes live; made when missing.
            secret: What every student's password is derived from.
            clock: The clock to use; a new one by default. Its offset is restored from the store.
            own: An own catalogue file, or None for the shipped catalogue alone; see `catalogue`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.secret = secret
        self.store = Store(folder / "world.sqlite3")
        self.clock = clock or Clock()
        self.clock.offset_s = self.store.setting("offset_s", 0.0)
        self.faults = Faults(self.store)
        self.catalogue: Catalogue = catalogue(own)

    def now(self) -> float:
        """Return the rehearsal's time, seconds since 1970."""
        return self.clock.now()

    def advance(self, duration_s: float) -> float:
        """Move the calendar forward, remember it, and return the new time."""
        moment_s = self.clock.advance(duration_s)
        self.store.set_setting("offset_s", self.clock.offset_s)
        self.settle()
        return moment_s

    def password(self, user: str) -> str:
        """Return a student's password: nobody else on this machine can compute it without the secret."""
        return hmac.new(self.secret.encode(), user.encode(), hashlib.sha256).hexdigest()[:32]

    def note(self, event: str, **details: Any) -> None:
        """Write one line to the journal, which `rehearsal status` and the graders of a rehearsal read."""
        line = json.dumps({"at_s": self.now(), "event": event, **details})
        with (self.folder / "journal.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(line + "\n")

    def settle(self) -> None:
        """Do what Blazar's timer does: when a lease has ended, its servers, containers and addresses go."""
        for lease in self.store.find("lease", released=False):
            status = lease_status(lease, self.now())
            if status == "ACTIVE" and not lease["served"]:
                self._serve(lease)
            elif status == "TERMINATED":
                self.release(lease)

    def _serve(self, lease: Document) -> None:
        """Hand out the floating IPs and networks that an active lease reserved."""
        for reservation in lease["reservations"]:
            if reservation["resource_type"] == "virtual:floatingip":
                for _ in range(int(reservation["amount"])):
                    self.allocate_floating_ip(lease["site"], lease["project_id"], [reservation["id"]])
            if reservation["resource_type"] == "network":
                self._make_network(lease, reservation)
        self.store.put("lease", lease | {"served": True})

    def release(self, lease: Document) -> None:
        """Take away everything that runs on a lease's reservations; the lease itself stays on record."""
        reservations = {r["id"] for r in lease["reservations"]}
        for kind in ("server", "container"):
            for machine in self.store.find(kind, site=lease["site"]):
                if machine["reservation_id"] in reservations:
                    self.remove_machine(kind, machine)
        for address in self.store.find("floating_ip", site=lease["site"]):
            if address["reservation_id"] in reservations:
                self.store.remove("floating_ip", address["id"])
        for network in self.store.find("network", site=lease["site"]):
            if network["reservation_id"] in reservations:
                self._remove_network(network)
        self.store.put("lease", lease | {"released": True})
        self.note("lease released", lease=lease["name"], project=lease["project"])

    def _make_network(self, lease: Document, reservation: Document) -> None:
        """Give a project the network that its lease reserved: empty, its subnet is the student's to make."""
        network = {
            "id": str(uuid.uuid4()),
            "site": lease["site"],
            "project_id": lease["project_id"],
            "name": reservation["network_name"],
            "description": reservation.get("network_description") or "",
            "port_security": True,
            "tags": [],
            "reservation_id": reservation["id"],
        }
        self.store.put("network", network)

    def _remove_network(self, network: Document) -> None:
        """Take a network away with all that is in it."""
        for kind in ("port", "subnet"):
            for item in self.store.find(kind, network_id=network["id"]):
                self.store.remove(kind, item["id"])
        self.store.remove("network", network["id"])

    def remove_machine(self, kind: str, machine: Document) -> None:
        """Delete a server or container and its port. Its floating IP stays allocated, as on Chameleon."""
        for port in self.store.find("port", device_id=machine["id"]):
            for address in self.store.find("floating_ip", port_id=port["id"]):
                self.store.put("floating_ip", address | {"port_id": None, "fixed_ip": None})
            self.store.remove("port", port["id"])
        self.store.remove(kind, machine["id"])
        self.note(f"{kind} deleted", name=machine["name"], project=machine["project"])

    def allocate_floating_ip(
        self, site: str, project_id: str, reservations: list[str] | None = None
    ) -> Document | None:
        """Give a project the first free floating IP of a site, or None when the pool is empty."""
        taken = {address["address"] for address in self.store.find("floating_ip", site=site)}
        prefix = self.catalogue.sites[site].floating
        free = next((a for n in range(10, 250) if (a := f"{prefix}.{n}") not in taken), None)
        if free is None:
            return None
        reservation = reservations[0] if reservations else None
        return self.store.put(
            "floating_ip",
            {
                "id": str(uuid.uuid4()),
                "site": site,
                "project_id": project_id,
                "address": free,
                "port_id": None,
                "fixed_ip": None,
                "reservation_id": reservation,
                "tags": [f"reservation:{reservation}"] if reservation else [],
                "created_s": self.now(),
            },
        )

    def add_port(self, machine: Document, owner: str) -> Document:
        """Plug a machine into its site's network and return the port."""
        taken = {port["fixed_ip"] for port in self.store.find("port", site=machine["site"])}
        addresses = (f"10.52.{number // 250}.{number % 250 + 1}" for number in itertools.count(10))
        port = {
            "id": str(uuid.uuid4()),
            "site": machine["site"],
            "project_id": machine["project_id"],
            "device_id": machine["id"],
            "owner": owner,
            "fixed_ip": next(address for address in addresses if address not in taken),
            "mac": "fa:16:3e:" + ":".join(machine["id"][i : i + 2] for i in (0, 2, 4)),
        }
        return self.store.put("port", port)

    def lease_of(self, site: str, reservation_id: str | None) -> tuple[Document, Document] | None:
        """Return the lease and the reservation with this id, or None."""
        for lease in self.store.find("lease", site=site):
            for reservation in lease["reservations"]:
                if reservation["id"] == reservation_id:
                    return lease, reservation
        return None

    def resource(self, site: str, kind: str, identifier: str) -> Resource:
        """Return a resource that is known to exist; see `Catalogue.by_id` for one that may not."""
        found = self.catalogue.by_id(site, kind, identifier)
        if found is None:
            raise LookupError(f"the catalogue has no {kind} {identifier} at {site}")
        return found
