"""A machine that a class shares: a site with one machine and its own calendar.

The assignment names the machine, and all students of the class sign in to one account on it. The
calendar is kept there (``booked.py``), so planner, leases and watching work as at a testbed's site.
A block's beginning and end are the machine's own: nothing can be set up before, and at the end the
student's folder and processes go, whether or not the student's computer is on.
"""

import inspect as source
import json
import os
import shlex
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from labs.course.lease_record import CLASS_SITE
from labs.shell import msl
from labs.sites.spec import OWN_SITE, Part, SiteOption, own_option
from provisioning.chameleon.shells import SshShell
from provisioning.own import booked
from provisioning.own.look import inspect
from provisioning.own.place import LEAVE_S, MARK, TAKEN, FolderTakenError, NoServices, way_to
from provisioning.setup.jobs import script
from provisioning.testbed import (
    Booking,
    Lease,
    LeaseRequest,
    Machine,
    Reservation,
    Resource,
    ResourceKind,
    Way,
    errors,
)

#: Variable with the file of the private key; SSH's usual ones without it.
KEY_VARIABLE = "LABS_SSH_KEY"


class NotYoursNowError(errors.ProvisioningError):
    """The machine belongs to another student's block now, or to nobody's."""

    likely = "Your block has not begun, or has ended, by the machine's own clock."
    way_out = f"Come back in your block; `{msl('lease plan PART')}` shows the free ones."


class SharedPlace(NoServices):
    """One machine of a class, as a testbed."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._node = site.removeprefix(CLASS_SITE)
        #: By which it is reserved: its address without the account.
        self._name = self._node.partition("@")[2]
        self._way = way_to(self._node, os.environ.get(KEY_VARIABLE, ""))

    def leases(self) -> Sequence[Lease]:
        listed = self._ask("list")
        return [self._lease(lease, listed["now"]) for lease in listed["leases"]]

    def now(self) -> datetime:
        """Return the machine's own time, by which blocks begin and end."""
        return _moment(self._ask("list")["now"])

    def resources(self, kind: ResourceKind, type_name: str) -> Sequence[Resource]:
        bookings = [Booking(lease.start, lease.end, lease.id) for lease in self.leases()]
        return (Resource(self.site, self._name, type_name, bookings=tuple(bookings)),)

    def reserve(self, request: LeaseRequest) -> Lease:
        if request.node not in (None, self._name):
            raise errors.RefusedError(f"{request.node} is not at {self.site}")
        start = str(request.start.timestamp()) if request.start else ""
        end = str(request.end.timestamp())
        answer = self._ask("reserve", uuid.uuid4().hex, request.name, start, end)
        return self._lease(answer["lease"], answer["now"])

    def extend_lease(self, lease_id: str, end: datetime) -> Lease:
        answer = self._ask("extend", lease_id, str(end.timestamp()))
        return self._lease(answer["lease"], answer["now"])

    def delete_lease(self, lease_id: str) -> None:
        """Give the block back, and delete what its holder has there."""
        self._ask("delete", lease_id)

    def machines(self) -> Sequence[Machine]:
        names = self._ask("list")["entered"]
        return [self._machine(name) for name in names]

    def boot(
        self, name: str, reservation_id: str, image: str, flavor: str, volume_id: str = ""
    ) -> None:
        """Make the student's folder; what an earlier student has left goes before."""
        self._ask("enter", name)

    def delete_machine(self, machine: Machine) -> None:
        """End what runs there and delete the folder; a missing one is fine."""
        self._ask("leave", machine.name)

    def shell(self, machine: Machine) -> SshShell:
        return SshShell(self.way(machine))

    def way(self, machine: Machine) -> Way:
        return replace(self._way, folder=machine.name)

    def seen_option(self, part: Part, option: SiteOption) -> SiteOption:
        """Return an option with the packages that fit the machine, by a look at it.

        Raises:
            ServerFailedError: it lacks something that the part needs; the message names it.
        """
        inspection = inspect(part, self._node, self._way.key)
        lacking = inspection.lacking()
        if lacking:
            raise errors.ServerFailedError(
                f"the class's machine lacks {'; '.join(lacking)}",
                likely="It was never prepared for this part, or its disk is full.",
                way_out="Send this message to your instructor; nothing was changed there.",
            )
        seen = own_option(inspection.machine, inspection.hardware)
        return replace(option, machine=seen.machine, hardware=seen.hardware)

    def _lease(self, lease: Mapping[str, Any], now: float) -> Lease:
        status = "ACTIVE"
        if now < lease["start"]:
            status = "PENDING"
        elif lease["end"] <= now:
            status = "TERMINATED"
        condition = json.dumps(["==", "$node_name", self._name])
        reservations = (Reservation(lease["id"], OWN_SITE, condition),)
        start, end, created = (_moment(lease[key]) for key in ("start", "end", "created"))
        return Lease(lease["id"], lease["name"], status, start, end, reservations, created)

    def _machine(self, name: str) -> Machine:
        identity = f"{self._node}/{name}"
        return Machine(identity, name, "server", "ACTIVE", (self._way.host,))

    def _ask(self, verb: str, *words: str) -> dict[str, Any]:
        """Return the calendar's answer to a verb.

        Raises:
            NoCapacityError: another booking is in the way.
            NotYoursNowError: nobody of this name has the machine now.
            LeaseMissingError: there is no such booking.
            FolderTakenError: a folder of this name is there that no set-up has made.
            CommandFailedError: something of an earlier student cannot be deleted, or there is no
                Python.
        """
        variables = {
            "BOOKED": source.getsource(booked),
            "ENTER": script("enter", mark=MARK),
            "LEAVE": script("leave", mark=MARK),
        }
        exports = [f"export {name}={shlex.quote(text)}" for name, text in variables.items()]
        call = shlex.join(["python3", "-c", booked.START, verb, *words])
        done = SshShell(self._way).run("\n".join([*exports, call]), timeout_s=LEAVE_S)
        try:
            answer = json.loads(done.output.splitlines()[-1])
        except (ValueError, IndexError):
            raise errors.CommandFailedError(
                f"the calendar of {self._way.host} gave no answer: {done.output.strip()[-300:]}",
                likely="The machine has no python3, or its account's home cannot be written.",
                way_out="Send this message to your instructor.",
            ) from None
        self._refuse(answer)
        return answer

    def _refuse(self, answer: Mapping[str, Any]) -> None:
        if "taken" in answer:
            raise errors.NoCapacityError(f"{self._name} is booked then, for {answer['taken']}")
        if "refused" in answer:
            raise NotYoursNowError(f"{self._way.host}: {answer['refused']}")
        if "missing" in answer:
            raise errors.LeaseMissingError(f"{self._way.host} has no booking {answer['missing']}")
        if answer.get("failed") == TAKEN:
            raise FolderTakenError(answer["output"].strip())
        if "failed" in answer:
            raise errors.CommandFailedError(
                f"{self._way.host} could not be cleared: {answer['output'].strip()}",
                likely="Something there does not belong to this account, or still writes.",
                way_out="Run the same command again; if it fails again, tell your instructor.",
            )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
