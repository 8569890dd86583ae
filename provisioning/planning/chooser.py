"""What a student has chosen, from the calendar to the lease, and all of it in words.

The planner's widget draws this, and a lesson, the command line and a screen reader get its text.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from labs.display.table import Cell
from provisioning.planning.blocks import Block, Slot, Timetable, calendars_of, local_span, timetable
from provisioning.planning.booking import calendar_file, reservation_code
from provisioning.planning.lessons import to_prepare
from provisioning.planning.refused import book
from provisioning.setup.context import pick_lease
from provisioning.sites.spec import PartSpec, SiteOption, resource_name
from provisioning.testbed import Lease, LeaseRequest, Resource, Testbed
from provisioning.testbed.errors import LeaseFailedError, NoCapacityError, ProvisioningError
from provisioning.testbed.silent import Silent
from provisioning.testbed.surroundings import Clock

#: How many days one page of the calendar shows, and how many pages there are: beyond that nobody plans a lab.
PAGE_DAYS = 7
PAGES = 4

#: How far ahead the block lies that is chosen unasked: a request that arrives after its beginning is refused.
LEAD = timedelta(minutes=5)

OPTION_COLUMNS = ("machine", "free this week", "what changes for the lesson")


class Chooser:
    """One part's calendar, the block chosen in it, and the lease that comes of it; the clock says what has gone by."""

    def __init__(
        self, spec: PartSpec, testbed_for: Callable[[str], Testbed], zone: ZoneInfo, clock: Clock
    ) -> None:
        self.spec = spec
        self.zone = zone
        self.name = resource_name(spec.part)
        self.page = 0
        self.option: SiteOption = spec.options[0]
        self.slot: Slot | None = None
        self.node: str | None = None
        #: The student's usable lease, and where it is; None while there is none.
        self.lease: Lease | None = None
        self.lease_option: SiteOption | None = None
        #: Options whose calendar could not be read, and sites that did not say whether the student has a lease there.
        self.unread, self.silent = Silent(), Silent()
        self._testbed_for = testbed_for
        self._clock = clock
        self._calendars: Mapping[SiteOption, Sequence[Resource]] = {}

    def read(self) -> None:
        """Ask every site for its calendar and for a lease that is there already; keep the choice if it is still free.

        At first, the first free block of the first option that has one is chosen.
        """
        first_time = not self._calendars
        self._calendars, self.unread = calendars_of(self.spec, self._testbed_for)
        self._find_lease()
        try:
            self.choose(start=self.slot.start if self.slot else None, node=self.node)
        except ProvisioningError:
            self.choose()
        if first_time:
            known = self.options or self.spec.options
            self.choose(next((option for option in known if self.table(option).free), known[0]))

    @property
    def now(self) -> datetime:
        """The present of the site, with time zone UTC."""
        return self._clock.now()

    @property
    def options(self) -> tuple[SiteOption, ...]:
        """Options that have a calendar, in the order of the options."""
        return tuple(self._calendars)

    def table(self, option: SiteOption | None = None) -> Timetable:
        """Return the calendar page of an option; the chosen one's when left out."""
        now, option = self.now, option or self.option
        first = now.astimezone(self.zone).date() + timedelta(days=self.page * PAGE_DAYS)
        return timetable(
            self.spec, option, self._calendars.get(option), first, PAGE_DAYS, self.zone, now
        )

    def choose(
        self,
        option: SiteOption | None = None,
        start: datetime | None = None,
        node: str | None = None,
    ) -> Slot | None:
        """Choose an option, a beginning and a machine; what is left out becomes the first that is free.

        Raises:
            NoCapacityError: nothing is free at that beginning, or that machine is not.
        """
        option = option or self.option
        free = self.table(option).free
        # Left to us, no block that begins while its reservation is still being read and sent.
        soon = self.now + LEAD if start is None else None
        slot = next(
            (
                each
                for each in free
                if each.start == start or (soon is not None and each.start >= soon)
            ),
            None,
        )
        if slot is None and option in self.unread and (start or node):
            raise self.unread[option]
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
        return Block(self.option, self.node, self.slot.start, self.slot.end)

    def reserve(self, *, anyway: bool = False) -> Lease:
        """Return the student's lease: the one that is there, else a new one of the chosen block.

        A machine that the site refuses is passed over for the next one that is free in that block.

        Args:
            anyway: also while a site cannot say whether the student has a lease there.

        Raises:
            NoCapacityError: somebody was faster everywhere, or nothing was chosen.
            LeaseFailedError: the site made a lease and could not fill it.
            ProvisioningError: a site did not answer, or anything else that the site refused.
        """
        self._find_lease()
        if self.lease is None:
            if not anyway:
                self.silent.check(
                    "nobody knows whether you have a lease already",
                    "If you are sure that you have none there: Reserve anyway, or --anyway.",
                )
            block = self.block
            if block is None:
                if self.option in self.unread:
                    raise self.unread[self.option]
                raise NoCapacityError(
                    f"nothing is chosen: no {self.option.type} is free in this week"
                )
            option = block.option
            request = LeaseRequest(
                self.name, option.resource, option.type, block.start, block.end, block.resource
            )
            free = self.slot.free if self.slot else ()
            self.lease = book(self._testbed_for(option.site), request, free)
            self.lease_option, self.node = option, self.lease.node or self.node
        if self.lease.status == "ERROR":
            raise LeaseFailedError(f"the lease {self.lease.name!r} is in ERROR")
        return self.lease

    def _find_lease(self) -> None:
        self.lease, self.lease_option, self.silent = None, None, Silent()
        for option in {option.site: option for option in reversed(self.spec.options)}.values():
            # The best site's lease stands.
            with self.silent.at(option.site):
                if lease := pick_lease(self._testbed_for(option.site).leases(), self.name):
                    self.lease, self.lease_option = lease, option

    def code(self) -> str:
        """Return python-chi code that reserves the chosen block; a comment when none is chosen."""
        return (
            reservation_code(self.block, self.name)
            if self.block
            else "# nothing is free in this week"
        )

    def calendar_file(self) -> bytes:
        """Return an ``.ics`` file of the chosen block, or nothing."""
        return calendar_file(self.spec, self.block, self.name, self.now) if self.block else b""

    def said_zone(self) -> str:
        """Return whose time is shown, and how far it is from UTC now; a server in a cloud knows no better than UTC."""
        key, offset = self.zone.key, self.now.astimezone(self.zone).isoformat()[-6:]
        hint = " Choose yours." if key in ("UTC", "Etc/UTC") else ""
        return f"All times are in your time zone: {key} (UTC{offset}).{hint}"

    def said_rules(self) -> str:
        """Return how long a block is and why it begins and ends as it does."""
        return (
            f"Blocks of {self.spec.hours} h begin on the hour and end at :{self.option.end_minute:02d}, "
            "so that the machine is free again when the next block begins."
        )

    def said_free(self, option: SiteOption) -> str:
        """Return what is free of an option in the week that is shown, or why nobody knows."""
        if option in self.unread:
            return f"not known: {self.unread[option].what}"
        free = self.table(option).free
        return (
            f"{len(free)} free blocks, first {free[0].said(self.zone)}"
            if free
            else "all taken this week"
        )

    def said_way_out(self) -> str:
        """Return what to do about sites that did not answer; empty where all did."""
        return Silent({**self.unread, **self.silent}).ways_out

    def said_lease(self) -> str:
        """Return the lease: where and when it is, its state and its identifier; empty while there is none."""
        lease, option = self.lease, self.lease_option
        if lease is None or option is None:
            return ""
        when = local_span(lease.start, lease.end, self.zone)
        return f"Reserved at {option.site} ({option.name}): {lease.name} is {lease.status}, {when}, id {lease.id}"

    def option_rows(self) -> list[list[Cell]]:
        """Return the options in order of preference: name and place, what is free, what changes for the lesson."""
        rows = []
        for option in self.spec.options:
            name = Cell(
                option.name,
                f"({option.site}, {option.type})",
                "msl-best" if option == self.option else "",
                True,
            )
            changes = option.changes or "nothing: it was written for this machine"
            rows.append([name, Cell(self.said_free(option), words=True), Cell(changes, words=True)])
        return rows

    def text(self, *, rehearsed: bool) -> str:
        """Return calendar, options, choice and lease in words and columns."""
        block, option = self.block, self.option
        chosen = (
            f"{block.resource} ({option.name}, {option.site}), {block.local(self.zone)}"
            if block
            else ""
        )
        lines = [
            f"{self.spec.title}: choose a block"
            + (" (rehearsal: nothing is booked on Chameleon)" if rehearsed else ""),
            self.said_zone(),
            self.said_rules(),
            "",
            f"{option.name} ({option.site}, {option.type}): {option.hardware}",
            self.table().text(),
            "",
            *(
                f"{machine.plain()}: {free.plain()}; changes {what.plain()}"
                for machine, free, what in self.option_rows()
            ),
            "",
            f"Before it: {to_prepare(self.spec.part)}",
            f"Chosen: {chosen}" if chosen else "Nothing can be chosen in this week.",
            self.said_way_out(),
        ]
        return "\n".join([*lines, self.said_lease()]).rstrip()
