"""What a student has chosen, from the calendar to the lease: the planner draws it, and a lesson can drive it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from provisioning.planning.blocks import Block, calendars_of
from provisioning.planning.booking import calendar_file, reservation_code
from provisioning.planning.timetable import Slot, Timetable, timetable
from provisioning.setup.context import pick_lease
from provisioning.sites.spec import Part, SiteOption, load_spec, resource_name
from provisioning.testbed import Lease, LeaseRequest, Resource, Testbed
from provisioning.testbed.errors import LeaseFailedError, NoCapacityError, ProvisioningError, WrongRequestError
from provisioning.testbed.surroundings import Clock

#: How many days one page of the calendar shows, and how many pages there are: beyond that nobody plans a lab.
PAGE_DAYS = 7
PAGES = 4

#: How far ahead the block lies that is chosen unasked: a request that arrives after its beginning is refused.
LEAD = timedelta(minutes=5)


class Chooser:
    """One part's calendar, the block chosen in it, and the lease that comes of it.

    Args:
        part: of the course.
        testbed_for: returns the testbed of a site's name.
        zone: the student's.
        clock: whose present decides what has gone by.
        name: of the lease; the student's own when left out.
    """

    def __init__(
        self, part: Part, testbed_for: Callable[[str], Testbed], zone: ZoneInfo, clock: Clock, name: str | None = None
    ):
        self.spec = load_spec(part)
        self.zone = zone
        self.name = name or resource_name(part)
        self.page = 0
        self.option: SiteOption = self.spec.options[0]
        self.slot: Slot | None = None
        self.node: str | None = None
        #: The student's usable lease, and where it is; None while there is none.
        self.lease: Lease | None = None
        self.lease_option: SiteOption | None = None
        #: SiteOptions whose calendar could not be read, with the reason.
        self.unread: Mapping[SiteOption, str] = {}
        self._testbed_for = testbed_for
        self._clock = clock
        self._calendars: Mapping[SiteOption, Sequence[Resource]] = {}

    def read(self, telling: Callable[[str], None] = lambda _site: None) -> None:
        """Ask every site for its calendar and for a lease that is there already; keep the choice if it is still free.

        Args:
            telling: called with each site's name before it is asked; what it raises stops the reading.
        """

        def asked(site: str) -> Testbed:
            telling(site)
            return self._testbed_for(site)

        first_time = not self._calendars
        self._calendars, self.unread = calendars_of(self.spec, asked)
        self.look()
        if first_time:
            self.choose(self._first_option())

    def look(self) -> None:
        """Look for the student's lease and at the clock, without asking for the calendars again."""
        self._find_lease()
        start, node = self.slot.start if self.slot else None, self.node
        try:
            self.choose(start=start, node=node)
        except NoCapacityError:
            self.choose()

    @property
    def now(self) -> datetime:
        """The present of the site, with time zone UTC."""
        return self._clock.now()

    @property
    def options(self) -> tuple[SiteOption, ...]:
        """Options that have a calendar, in the order of the options."""
        return tuple(self._calendars)

    def table(self, option: SiteOption | None = None, days: int = PAGE_DAYS) -> Timetable:
        """Return the calendar page of an option; the chosen one's when left out."""
        now, option = self.now, option or self.option
        first = now.astimezone(self.zone).date() + timedelta(days=self.page * PAGE_DAYS)
        return timetable(self.spec, option, self._calendars.get(option, ()), first, days, self.zone, now)

    def choose(
        self, option: SiteOption | None = None, start: datetime | None = None, node: str | None = None
    ) -> Slot | None:
        """Choose an option, a beginning and a machine; what is left out becomes the first that is free.

        Raises:
            NoCapacityError: nothing is free at that beginning, or that machine is not.
        """
        option = option or self.option
        free = self.table(option).free
        # Left to us, no block that begins while its reservation is still being read and sent.
        soon = self.now + LEAD if start is None else None
        slot = next((each for each in free if each.start == start or (soon is not None and each.start >= soon)), None)
        if start is not None and slot is None:
            raise NoCapacityError(
                f"no {option.type} at {option.site} is free for the block from {start:%a %d %b %H:%M %Z}"
            )
        if node is not None and (slot is None or node not in slot.free):
            raise NoCapacityError(f"{node} is not free for that block")
        self.option, self.slot = option, slot
        self.node = node or (slot.free[0] if slot else None)
        return slot

    def turn_to(self, page: int) -> None:
        """Turn the calendar to another week, 0 to 3, and choose its first free block."""
        self.page = min(max(page, 0), PAGES - 1)
        self.choose()

    @property
    def block(self) -> Block | None:
        """The chosen block on the chosen machine; None when nothing is free on this page."""
        if self.slot is None or self.node is None:
            return None
        return Block(self.option, self.node, self.slot.start, self.slot.end, len(self.slot.free) - 1)

    def reserve(self) -> Lease:
        """Return the student's lease: the one that is there, else a new one of the chosen block.

        Raises:
            NoCapacityError: somebody was faster, or nothing was chosen; the calendar is read again by then.
            LeaseFailedError: the site made a lease and could not fill it.
            ProvisioningError: anything else that the site refused.
        """
        self._find_lease()
        if self.lease is None:
            block = self.block
            if block is None:
                raise NoCapacityError(f"nothing is chosen: no {self.option.type} is free in this week")
            if block.start < self.now:
                raise WrongRequestError(
                    "the beginning of the chosen block has gone by", way_out="Choose a later one in the calendar."
                )
            option = block.option
            self.lease = self._testbed_for(option.site).reserve(
                LeaseRequest(self.name, option.resource, option.type, block.start, block.end, block.resource)
            )
            self.lease_option = option
        if self.lease.status == "ERROR":
            raise LeaseFailedError(f"the lease {self.lease.name!r} is in ERROR")
        return self.lease

    def code(self) -> str:
        """Return python-chi code that reserves the chosen block; a comment when none is chosen."""
        return reservation_code(self.block, self.name) if self.block else "# nothing is free in this week"

    def calendar_file(self) -> bytes:
        """Return an ``.ics`` file of the chosen block, or nothing."""
        return calendar_file(self.spec, self.block, self.name, self.now) if self.block else b""

    def _first_option(self) -> SiteOption:
        free = (option for option in self._calendars if self.table(option).free)
        return next(free, next(iter(self._calendars), self.spec.options[0]))

    def _find_lease(self) -> None:
        self.lease = self.lease_option = None
        for site in dict.fromkeys(option.site for option in self._calendars):
            try:
                lease = pick_lease(self._testbed_for(site).leases(), self.name)
            except ProvisioningError:
                # The calendar above was read; a lease that cannot be seen now is found at the next reading.
                continue
            if lease is not None:
                self.lease = lease
                self.lease_option = next(option for option in self.spec.options if option.site == site)
                return
