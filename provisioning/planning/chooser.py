"""A student's choice, from the calendar to the lease, and its text.

The planner's widget draws this, and a lesson, the command line and a screen reader get its text.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from labs.display.table import Cell
from labs.sites.spec import PartSpec, SiteOption, resource_name
from provisioning.planning.blocks import Block, Slot, Timetable, calendars_of, local_span, timetable
from provisioning.planning.booking import calendar_file, reservation_code
from provisioning.planning.lessons import to_prepare
from provisioning.planning.refused import book
from provisioning.setup.context import pick_lease
from provisioning.testbed import Lease, LeaseRequest, Resource, Testbed
from provisioning.testbed.errors import LeaseFailedError, NoCapacityError, ProvisioningError
from provisioning.testbed.silent import Silent
from provisioning.testbed.surroundings import WallClock

#: Days on one page of the calendar, and number of pages; students do not plan a lab beyond that.
PAGE_DAYS = 7
PAGES = 4

#: How far ahead the block lies that is chosen unasked: a request that arrives after its beginning
#: is refused.
LEAD = timedelta(minutes=5)

OPTION_COLUMNS = ("machine", "free this week", "what changes for the lesson")


class Chooser:
    """One part's calendar, the chosen block, and its lease; the clock says what has gone by."""

    def __init__(
        self,
        spec: PartSpec,
        testbed_for: Callable[[str], Testbed],
        zone: ZoneInfo,
        clock: WallClock,
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
        #: Options whose calendar could not be read, and sites that did not say whether the student
        #: has a lease there.
        self.unread, self.silent = Silent(), Silent()
        self._testbed_for = testbed_for
        self._clock = clock
        self._calendars: Mapping[SiteOption, Sequence[Resource]] = {}

    def read(self) -> None:
        """Ask every site for its calendar and for a lease that is there already; keep the choice if
        it is still free.

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
            with_free = (option for option in known if self.table(option).free)
            self.choose(next(with_free, known[0]))

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
        now = self.now
        option = option or self.option
        today = now.astimezone(self.zone).date()
        first = today + timedelta(days=self.page * PAGE_DAYS)
        resources = self._calendars.get(option)
        return timetable(self.spec, option, resources, first, PAGE_DAYS, self.zone, now)

    def choose(
        self,
        option: SiteOption | None = None,
        start: datetime | None = None,
        node: str | None = None,
    ) -> Slot | None:
        """Choose an option, a beginning and a machine; each omitted one becomes the first free one.

        Raises:
            NoCapacityError: nothing is free at that beginning, or that machine is not.
        """
        option = option or self.option
        free = self.table(option).free
        if start is not None:
            matching = [slot for slot in free if slot.start == start]
        else:
            # Left to us, no block that begins while its reservation is still being read and sent.
            soon = self.now + LEAD
            matching = [slot for slot in free if slot.start >= soon]
        slot = matching[0] if matching else None
        if slot is None and option in self.unread and (start or node):
            raise self.unread[option]
        if start is not None and slot is None:
            raise NoCapacityError(
                f"no {option.type} at {option.site} is free for the block from "
                f"{start:%a %d %b %H:%M %Z}"
            )
        if node is not None and (slot is None or node not in slot.free):
            raise NoCapacityError(f"{node} is not free for that block")
        self.option = option
        self.slot = slot
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
        """Return the student's lease: the existing one, otherwise a new one of the chosen block.

        A machine that the site refuses is passed over for the next one that is free in that block.

        Args:
            anyway: also while a site cannot say whether the student has a lease there.

        Raises:
            NoCapacityError: all machines are booked by others, or nothing was chosen.
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
            self.lease_option = option
            self.node = self.lease.node or self.node
        if self.lease.status == "ERROR":
            raise LeaseFailedError(f"the lease {self.lease.name!r} is in ERROR")
        return self.lease

    def _find_lease(self) -> None:
        self.lease = None
        self.lease_option = None
        self.silent = Silent()
        best_options = {option.site: option for option in reversed(self.spec.options)}
        for site, option in best_options.items():
            # The best site's lease stands.
            with self.silent.at(site):
                lease = pick_lease(self._testbed_for(site).leases(), self.name)
                if lease is not None:
                    self.lease = lease
                    self.lease_option = option

    def code(self) -> str:
        """Return python-chi code that reserves the chosen block; a comment when none is chosen."""
        if self.block is None:
            return "# nothing is free in this week"
        return reservation_code(self.block, self.name)

    def calendar_file(self) -> bytes:
        """Return an ``.ics`` file of the chosen block, or nothing."""
        if self.block is None:
            return b""
        return calendar_file(self.spec, self.block, self.name, self.now)

    def zone_text(self) -> str:
        """Return whose time is shown, and how far it is from UTC now."""
        name = self.zone.key
        offset = self.now.astimezone(self.zone).isoformat()[-6:]
        # A server in a cloud knows no better than UTC.
        hint = " Choose yours." if name in ("UTC", "Etc/UTC") else ""
        return f"All times are in your time zone: {name} (UTC{offset}).{hint}"

    def rules_text(self) -> str:
        """Return how long a block is and why it begins and ends as it does."""
        return (
            f"Blocks of {self.spec.hours} h begin on the hour and end at "
            f":{self.option.end_minute:02d}, so that the machine is free again when the next "
            "block begins."
        )

    def free_text(self, option: SiteOption) -> str:
        """Return an option's free blocks in the shown week, or why they are unknown."""
        if option in self.unread:
            return f"not known: {self.unread[option].what}"
        free = self.table(option).free
        if not free:
            return "all taken this week"
        first = free[0].text(self.zone)
        return f"{len(free)} free blocks, first {first}"

    def ways_out_text(self) -> str:
        """Return what to do about sites that did not answer; empty where all did."""
        return Silent({**self.unread, **self.silent}).ways_out

    def lease_text(self) -> str:
        """Return where and when the lease is, its state and its id; empty while there is none."""
        lease = self.lease
        option = self.lease_option
        if lease is None or option is None:
            return ""
        when = local_span(lease.start, lease.end, self.zone)
        place = f"Reserved at {option.site} ({option.name})"
        return f"{place}: {lease.name} is {lease.status}, {when}, id {lease.id}"

    def option_rows(self) -> list[list[Cell]]:
        """Return the options in order of preference: name and place, free blocks, changes for the
        lesson.
        """
        rows = []
        for option in self.spec.options:
            place = f"({option.site}, {option.type})"
            style = "msl-best" if option == self.option else ""
            name = Cell(option.name, place, style, words=True)
            free = Cell(self.free_text(option), words=True)
            changes = option.changes or "nothing: it was written for this machine"
            rows.append([name, free, Cell(changes, words=True)])
        return rows

    def text(self, *, rehearsed: bool) -> str:
        """Return calendar, options, choice and lease in words and columns."""
        block = self.block
        option = self.option
        note = " (rehearsal: nothing is booked on Chameleon)" if rehearsed else ""
        lines = [f"{self.spec.title}: choose a block{note}"]
        lines += [self.zone_text(), self.rules_text(), ""]
        lines.append(f"{option.name} ({option.site}, {option.type}): {option.hardware}")
        lines += [self.table().text(), ""]
        for machine, free, changes in self.option_rows():
            lines.append(f"{machine.plain()}: {free.plain()}; changes {changes.plain()}")
        lines += ["", f"Before it: {to_prepare(self.spec.part)}"]
        if block is None:
            lines.append("Nothing can be chosen in this week.")
        else:
            when = block.local(self.zone)
            lines.append(f"Chosen: {block.resource} ({option.name}, {option.site}), {when}")
        lines += [self.ways_out_text(), self.lease_text()]
        return "\n".join(lines).rstrip()
