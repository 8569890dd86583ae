"""The tools of a step: the testbed, the results of other steps, and waiting with a limit,
cancelling and progress.
"""

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, TypeVar

from labs.sites.spec import PartSpec, SiteOption
from provisioning.setup import jobs
from provisioning.setup.record import Record
from provisioning.testbed import Lease, Machine, Shell, Testbed
from provisioning.testbed.errors import CancelledError, LeaseEndedError, StepTimeoutError
from provisioning.testbed.surroundings import WallClock

Result = TypeVar("Result")


@dataclass(frozen=True)
class Settings:
    """The caller's settings for one set-up."""

    spec: PartSpec
    option: SiteOption
    #: The one name that every resource carries.
    name: str
    #: Tree that is copied to the machine: the course's root folder.
    materials: Path
    #: How OpenSSH is called in the links; a rehearsal needs its own configuration file.
    ssh: str = "ssh"
    #: Seconds between two looks at a status.
    poll_s: float = 5.0
    #: Longest wait for a lease that has not started yet.
    early_s: float = 600.0
    #: Python that stands in for the pinned packages on a rehearsed machine; a real machine ignores
    #: it.
    stand_in: Path = Path(sys.executable)
    clock: WallClock = field(default_factory=WallClock)


@dataclass(eq=False)
class StepContext:
    """One attempt of one step, which ends after ``timeout_s`` seconds, or when the user asks to
    stop.
    """

    #: Seconds between two looks at whether the lease is still ours.
    LEASE_CHECK_S: ClassVar = 30.0

    settings: Settings
    testbed: Testbed
    record: Record
    step_name: str
    timeout_s: float
    say: Callable[[str], None]
    cancelled: threading.Event

    def __post_init__(self) -> None:
        self._lease_checked_s = self.settings.clock.monotonic_s()
        self._deadline_s = self._lease_checked_s + self.timeout_s

    def until(self, look: Callable[[], Result | None], waiting_for: str) -> Result:
        """Return what ``look`` finds, looking again until it does.

        Raises:
            StepTimeoutError: it did not within the step's time; ``waiting_for`` names it.
            CancelledError: the user asked to stop.
            LeaseEndedError: the lease is no longer active, so waiting would not help.
        """
        clock = self.settings.clock
        while True:
            if self.cancelled.is_set():
                raise CancelledError(f"stopped while waiting for {waiting_for}")
            result = look()
            if result is not None:
                return result
            left_s = self._deadline_s - clock.monotonic_s()
            if left_s <= 0:
                raise StepTimeoutError(f"waited {self.timeout_s:.0f} s for {waiting_for}")
            if clock.monotonic_s() - self._lease_checked_s > self.LEASE_CHECK_S:
                self._lease_checked_s = clock.monotonic_s()
                self.require_lease()
            clock.sleep(min(self.settings.poll_s, max(left_s, 0.01)))

    def lease(self) -> Lease | None:
        """Return the lease as the site sees it now: ours by name, the active one first."""
        return pick_lease(self.testbed.leases(), self.settings.name)

    def machine(self) -> Machine:
        """Return the machine of this set-up.

        Raises:
            LeaseEndedError: it is gone.
        """
        name = self.settings.name
        for machine in self.testbed.machines():
            if machine.name == name and not machine.failed:
                return machine
        raise LeaseEndedError(f"the machine {name!r} is no longer there")

    def shell(self) -> Shell:
        """Return a shell on the machine."""
        return self.testbed.shell(self.machine())

    def follow(self, name: str, command: str, title: str, *, rerun: bool = False) -> str:
        """Run a command on the machine as a job to its end, as ``jobs.follow`` does."""

        def say(line: str) -> None:
            # The scripts' lines for the step 'health' are not for people.
            if line and not line.startswith("check "):
                self.say(line)

        shell = self.shell()
        return jobs.follow(shell, name, command, title, say=say, until=self.until, rerun=rerun)

    def require_lease(self, meanwhile: str = "") -> None:
        """See that the lease is still ours, once one was.

        Raises:
            LeaseEndedError: it is no longer active.
        """
        if self.step_name == "lease" or not self.record.facts("lease"):
            return
        lease = self.lease()
        if lease is None or lease.status != "ACTIVE":
            seen = "gone" if lease is None else lease.status
            because = f"; meanwhile: {meanwhile}" if meanwhile else ""
            raise LeaseEndedError(f"the lease {self.settings.name!r} is {seen}{because}")


#: Leases in these states can never be used again.
SPENT = frozenset({"TERMINATED", "DELETED"})


def pick_lease(leases: Iterable[Lease], name: str) -> Lease | None:
    """Return the usable lease of that name, or None: ACTIVE first, then the one that starts first.

    Duplicate names are allowed, and ended leases stay listed, so the name alone does not decide.
    python-chi's ``get_lease`` reports a duplicate as missing.
    """
    named = [lease for lease in leases if lease.name == name]
    usable = [lease for lease in named if lease.status not in SPENT]
    return min(usable, key=_order_of_use, default=None)


def _order_of_use(lease: Lease) -> tuple[bool, bool, datetime]:
    """Return what sorts leases: active ones first, failed ones last, earlier ones before later."""
    return lease.status != "ACTIVE", lease.status == "ERROR", lease.start
