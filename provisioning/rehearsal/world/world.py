"""The rehearsed world: what the services share, and what time does to it between two requests."""

import itertools
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.rehearsal.catalogue import Catalogue, catalogue
from provisioning.rehearsal.faults import parse_fault
from provisioning.rehearsal.world.clock import Clock, lease_status
from provisioning.rehearsal.world.store import Document, Store


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


class ArmedFaults:
    """The faults that are armed now. Each strikes the number of times it was given, then is gone."""

    def __init__(self, store: Store) -> None:
        """Keep the armed faults in the store, so that they survive a restart."""
        self._store = store

    def arm(self, text: str) -> Document:
        """Arm a fault; arming one again replaces its count. See `parse_fault` for the spelling and errors."""
        return self._store.put("fault", parse_fault(text))

    def clear(self, name: str | None = None) -> None:
        """Disarm one fault by name, or all of them."""
        for fault in self._store.find("fault"):
            if name in (None, fault["name"]):
                self._store.remove("fault", fault["id"])

    def armed(self) -> list[Document]:
        """Return the armed faults, oldest first."""
        return self._store.find("fault")

    def strike(self, name: str, user: str) -> Document | None:
        """Use one strike of a fault against a user's request, and return its record, or None when it is not armed."""
        for fault in self._store.find("fault", name=name):
            if fault["user"] not in (None, user):
                continue
            if fault["times"] == 1:
                self._store.remove("fault", fault["id"])
            elif fault["times"] > 1:
                self._store.put("fault", fault | {"times": fault["times"] - 1})
            return fault
        return None


class World:
    """Store, clock, catalogue and faults under one roof."""

    def __init__(self, folder: Path, secret: str, clock: Clock | None = None) -> None:
        """Open the world kept in a folder, with the own catalogue that lies there.

        Args:
            folder: Where the database and the nodes' scratch homes live; made when missing.
            secret: What every student's password is derived from.
            clock: The clock to use; a new one by default. Its offset is restored from the store.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.secret = secret
        self.store = Store(folder / "world.sqlite3")
        self.clock = clock or Clock()
        moved = self.store.get("calendar", "calendar")
        self.clock.offset_s = moved["offset_s"] if moved else 0.0
        self.faults = ArmedFaults(self.store)
        own = folder / "catalogue.toml"
        self.catalogue: Catalogue = catalogue(own if own.exists() else None)

    def now(self) -> float:
        """Return the rehearsal's time, seconds since 1970."""
        return self.clock.now()

    def advance(self, duration_s: float) -> None:
        """Move the calendar forward by some seconds, and remember it."""
        self.clock.advance(duration_s)
        self.store.put("calendar", {"id": "calendar", "offset_s": self.clock.offset_s})
        self.settle()

    def note(self, event: str, **details: Any) -> None:
        """Write one line to the journal, which the graders of a rehearsal read."""
        line = json.dumps({"at_s": self.now(), "event": event, **details})
        with (self.folder / "journal.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(line + "\n")

    def settle(self) -> None:
        """Do what Blazar's timer does: when a lease has ended, its servers and containers go."""
        for lease in self.store.find("lease", released=False):
            if lease_status(lease, self.now()) == "TERMINATED":
                self.release(lease)

    def release(self, lease: Document) -> None:
        """Take away everything that runs on a lease's reservations; the lease itself stays on record."""
        reservations = {r["id"] for r in lease["reservations"]}
        for kind in ("server", "container"):
            for machine in self.store.find(kind, site=lease["site"]):
                if machine["reservation_id"] in reservations:
                    self.remove_machine(kind, machine)
        self.store.put("lease", lease | {"released": True})

    def remove_machine(self, kind: str, machine: Document) -> None:
        """Delete a server or container and its port. Its floating IP stays allocated, as on Chameleon."""
        for port in self.store.find("port", device_id=machine["id"]):
            for address in self.store.find("floating_ip", port_id=port["id"]):
                self.store.put("floating_ip", address | {"port_id": None, "fixed_ip": None})
            self.store.remove("port", port["id"])
        self.store.remove(kind, machine["id"])

    def allocate_floating_ip(self, site: str, project_id: str) -> Document | None:
        """Give a project the first free floating IP of a site, or None when the pool is empty."""
        taken = {address["address"] for address in self.store.find("floating_ip", site=site)}
        prefix = self.catalogue.sites[site].floating
        free = next((a for n in range(10, 250) if (a := f"{prefix}.{n}") not in taken), None)
        if free is None:
            return None
        address = {"id": str(uuid.uuid4()), "site": site, "project_id": project_id, "address": free}
        address |= {"port_id": None, "fixed_ip": None, "tags": [], "created_s": self.now()}
        return self.store.put("floating_ip", address)

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

    def reserved(self, caller: Caller, site: str, reservation_id: str | None, resource_type: str) -> list[str]:
        """Return the nodes or devices of a reservation of the caller's that is active; none for any other."""
        for lease in self.store.find("lease", site=site, project_id=caller.project_id):
            for reservation in lease["reservations"]:
                if reservation["id"] == reservation_id and reservation["resource_type"] == resource_type:
                    return reservation["resource_ids"] if lease_status(lease, self.now()) == "ACTIVE" else []
        return []
