"""A place whose machines are already there: any Linux machine that SSH reaches.

Like a site it holds leases and machines, and set-up, push, pull, links, proof and release treat it
as one. A lease here begins when a machine is named and ends with its release. Booting makes one
folder in the account's home, which plays the home of all commands of set-up and lessons: packages,
caches, data, and temporary files are in it. So nothing else on the machine changes, and release
deletes the folder and ends the processes that have it as their home.

The host key must be known to this computer (``~/.ssh/known_hosts``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from labs.course.tables import NODE
from labs.sites.spec import NAME_PREFIX, OWN_SITE, Part, SiteOption, own_option, resource_name
from provisioning.chameleon.shells import SshShell
from provisioning.setup.jobs import script
from provisioning.setup.record import Record, state_folder
from provisioning.testbed import (
    Address,
    Lease,
    LeaseRequest,
    Machine,
    Reservation,
    Resource,
    ResourceKind,
    SecurityGroup,
    Volume,
    Way,
    errors,
)

#: A lease here has no end of its own.
ENDLESS = datetime(9000, 1, 1, tzinfo=UTC)
#: File in the folder on the machine that says that a set-up has made it.
MARK = ".made-by-serving-labs"
#: How the files end that hold which machine a part has.
_ENDING = "-own-machine.json"
#: Exit code of the scripts for a folder that no set-up has made.
TAKEN = 73
#: Seconds for ending processes and deleting gigabytes.
LEAVE_S = 900.0


class FolderTakenError(errors.ProvisioningError):
    """The machine has a folder of our name that no set-up has made; nothing was changed."""

    likely = "Somebody copied or restored it, or its mark was deleted."
    way_out = "Look at the folder, rename or delete it yourself, and run the same command again."


@dataclass(frozen=True)
class OwnMachine:
    """A machine that was named for a part."""

    #: The name that the part's resources carry: that of its folder on the machine, too.
    name: str
    user: str
    host: str
    port: int
    #: File of the private key; SSH's usual ones when empty.
    key: str
    #: Folder of ``provisioning/node`` with the packages that fit it.
    machine: str
    hardware: str
    #: When it was named, in ISO form.
    since: str
    #: Whether its folder may have been made.
    entered: bool = False

    @property
    def way(self) -> Way:
        """How SSH reaches the folder on it."""
        return way_to(f"{self.user}@{self.host}:{self.port}", self.key, self.name)

    @property
    def outside(self) -> Way:
        """How SSH reaches the account's own home on it."""
        return replace(self.way, folder="")


def way_to(node: str, key: str, folder: str = "") -> Way:
    """Return how SSH reaches ``user@host`` or ``user@host:port``.

    Raises:
        ValueError: it has another form.
    """
    match = NODE.fullmatch(node)
    if not match:
        raise ValueError(f"{node!r} is no machine: write it as user@host or user@host:port")
    # The same file for both programs that connect, whichever home they would look it up in.
    known_hosts = Path.home() / ".ssh" / "known_hosts"
    port = int(match["port"] or 22)
    return Way(match["host"], key, match["user"], port, str(known_hosts), folder)


def _record(name: str) -> Record:
    return Record(state_folder() / f"{name}{_ENDING}")


def named_machine(name: str) -> OwnMachine | None:
    """Return the machine that was named under a resource's name; None if there is none."""
    facts = _record(name).facts("machine")
    return OwnMachine(**facts) if facts else None


def own_machine(part: Part) -> OwnMachine | None:
    """Return the student's own machine for a part; None if a site is asked for one."""
    return named_machine(resource_name(part))


def keep(machine: OwnMachine) -> None:
    """Remember a machine until its release."""
    _record(machine.name).update("machine", remember=asdict(machine))


def own_options(part: Part) -> tuple[SiteOption, ...]:
    """Return the part's own machine as an option; none if none was named."""
    machine = own_machine(part)
    return (own_option(machine.machine, machine.hardware),) if machine else ()


class NoServices:
    """The parts of a testbed that a machine over SSH does not have: it is there already."""

    #: Likely cause and way out of a refusal.
    _likely = "It is reached over SSH, and the services of a testbed do not know it."
    _way_out = "Reserve a machine at a site if you need that."

    def addresses(self) -> Sequence[Address]:
        return ()

    def groups(self) -> Sequence[SecurityGroup]:
        return ()

    def volumes(self) -> Sequence[Volume]:
        return ()

    def launch(
        self,
        name: str,
        reservation_id: str,
        image: str,
        ports: Sequence[int],
        environment: Mapping[str, str],
    ) -> None:
        raise self._not_here("started as a container")

    def make_volume(self, name: str, image: str, size_gb: int) -> None:
        raise self._not_here("given a volume")

    def delete_volume(self, volume_id: str) -> None:
        """Nothing to do: there are no volumes."""

    def allocate_address(self, label: str) -> Address:
        raise self._not_here("given an address")

    def attach_address(self, address: Address, machine: Machine) -> None:
        raise self._not_here("given an address")

    def delete_address(self, address_id: str) -> None:
        """Nothing to do: there are no addresses to give back."""

    def let_in(self, name: str, port: int, machine: Machine) -> None:
        """Nothing to do: SSH answers already."""

    def delete_group(self, group_id: str) -> None:
        """Nothing to do: there are no groups."""

    def _not_here(self, what: str) -> errors.RefusedError:
        return errors.RefusedError(
            f"this machine cannot be {what}", likely=self._likely, way_out=self._way_out
        )


class OwnPlace(NoServices):
    """The student's own machines, as a testbed."""

    site = OWN_SITE
    _likely = "It was named with --node, and has no calendar."
    _way_out = "Release it first, then reserve a machine at a site."

    def _all(self) -> list[OwnMachine]:
        files = sorted(state_folder().glob(f"{NAME_PREFIX}-*{_ENDING}"))
        machines = [named_machine(file.name.removesuffix(_ENDING)) for file in files]
        return [machine for machine in machines if machine is not None]

    def _get(self, name: str) -> OwnMachine:
        machine = named_machine(name)
        if machine is None:
            raise errors.LeaseMissingError(f"no machine of your own was named for {name!r}")
        return machine

    def leases(self) -> Sequence[Lease]:
        leases = []
        for machine in self._all():
            since = datetime.fromisoformat(machine.since)
            reservations = (Reservation(machine.name, OWN_SITE),)
            lease = Lease(
                f"lease-{machine.name}",
                machine.name,
                "ACTIVE",
                since,
                ENDLESS,
                reservations,
                created=since,
            )
            leases.append(lease)
        return leases

    def machines(self) -> Sequence[Machine]:
        machines = []
        for machine in self._all():
            if machine.entered:
                since = datetime.fromisoformat(machine.since)
                addresses = (machine.host,)
                identity = f"{machine.user}@{machine.host}"
                machines.append(
                    Machine(identity, machine.name, "server", "ACTIVE", addresses, created=since)
                )
        return machines

    def boot(
        self, name: str, reservation_id: str, image: str, flavor: str, volume_id: str = ""
    ) -> None:
        """Make the folder of this name."""
        machine = self._get(name)
        # Noted first: a folder that nobody knows of would never be deleted.
        keep(replace(machine, entered=True))
        try:
            _run(machine, "enter", "making its folder", 60.0)
        except FolderTakenError:
            # Nor is it deleted by a release.
            keep(machine)
            raise

    def delete_machine(self, machine: Machine) -> None:
        """End what runs there and delete the folder; a missing one is fine."""
        own = named_machine(machine.name)
        if own is not None:
            _run(own, "leave", "leaving", LEAVE_S)
            keep(replace(own, entered=False))

    def delete_lease(self, lease_id: str) -> None:
        """Forget the machine."""
        _record(lease_id.removeprefix("lease-")).clear()

    def shell(self, machine: Machine) -> SshShell:
        return SshShell(self._get(machine.name).way)

    def way(self, machine: Machine) -> Way:
        return self._get(machine.name).way

    def resources(self, kind: ResourceKind, type_name: str) -> Sequence[Resource]:
        return ()

    def reserve(self, request: LeaseRequest) -> Lease:
        raise self._not_here("reserved")

    def extend_lease(self, lease_id: str, end: datetime) -> Lease:
        raise self._not_here("made longer")


def _run(machine: OwnMachine, task: str, doing: str, timeout_s: float) -> None:
    """Run one of the scripts that know the folder from outside."""
    command = script(task, folder=machine.name, mark=MARK)
    done = SshShell(machine.outside).run(command, timeout_s=timeout_s)
    if done.exit_code == TAKEN:
        raise FolderTakenError(done.output.strip()[-300:])
    if done.exit_code != 0:
        raise errors.CommandFailedError(
            f"{doing} on {machine.host} ended with {done.exit_code}: {done.output.strip()[-800:]}",
            likely="Something there does not belong to this account, or still writes.",
            way_out="Look at what the message names, then run the same command again.",
        )
