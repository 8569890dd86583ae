"""The planner: a week of free blocks in the student's own time, one chosen, and the lease that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from IPython.display import display

from labs.display.shown import Shown
from labs.display.theme import STYLE
from labs.widgets.controls import has_kernel
from provisioning import lab
from provisioning.planning.blocks import Block
from provisioning.planning.choice import choice_text
from provisioning.planning.chooser import Chooser
from provisioning.planning.zones import find_zone, keep_zone
from provisioning.rehearsal.drills import advance_to, site_clock
from provisioning.sites.spec import Part, SiteOption
from provisioning.testbed import Lease, Testbed
from provisioning.testbed.errors import NoCapacityError
from provisioning.testbed.surroundings import Clock
from provisioning.widgets import planner_view as view
from provisioning.widgets.planner_clicks import PlannerClicks
from provisioning.widgets.planner_controls import PlannerControls


def planner(
    part: Part,
    testbed: Testbed | Callable[[str], Testbed] | None = None,
    *,
    zone: str | None = None,
    clock: Clock | None = None,
) -> Planner:
    """Return the planner of a part, with every site's calendar read and the first free block chosen.

    Args:
        part: ``"model"``, ``"edge"`` or ``"system"``.
        testbed: one site that is open already, or what opens a site by its name; python-chi when left out.
        zone: time zone, such as ``"America/Chicago"``; the one chosen last time, or this computer's, when left out.
        clock: of the sites.
    """
    if zone is not None:
        keep_zone(find_zone(zone))
    chooser = Chooser(part, _opener(testbed), find_zone(zone), clock or site_clock())
    with reading() as telling:
        chooser.read(telling)
    return Planner(chooser)


@contextmanager
def reading() -> Iterator[Callable[[str], None]]:
    """Say which site is being asked, while it is: several calendars take a while. The line goes when they are read."""
    if not has_kernel():
        yield lambda _site: None
        return
    handle = display(Shown("", ""), display_id=True)

    def telling(site: str) -> None:
        words = f"Reading the calendar of {site}…"
        handle.update(Shown(f'{STYLE}<div class="msl msl-soft" role="status">{words}</div>', words))

    yield telling
    handle.update(Shown("", ""))


def _opener(testbed: Testbed | Callable[[str], Testbed] | None) -> Callable[[str], Testbed]:
    if callable(testbed):
        return testbed
    return lambda site: testbed if testbed is not None and testbed.site == site else lab.open_testbed(site)


class Planner(Shown):
    """The widget; ``reserve`` is what its button does.

    Args:
        chooser: its state.
    """

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.rehearsed = lab.rehearsing()
        self.controls = PlannerControls(chooser.zone.key)
        self.live = self.controls.live
        self.clicks = PlannerClicks(self)
        self.draw()

    @property
    def lease_name(self) -> str:
        """Name of the lease, reserved or not."""
        return self.chooser.name

    @property
    def chosen(self) -> Block | None:
        """The chosen block on its machine; None when nothing is free on the page that is shown."""
        return self.chooser.block

    @property
    def lease(self) -> Lease | None:
        """The student's lease; None while there is none."""
        return self.chooser.lease

    @property
    def option(self) -> SiteOption:
        """The kind of machine that is reserved, or else chosen."""
        return self.chooser.lease_option or self.chooser.option

    @property
    def code(self) -> str:
        """The python-chi code that reserves the chosen block."""
        return self.chooser.code()

    @property
    def text(self) -> str:
        """Calendar, options, choice and lease in words and columns."""
        return choice_text(self.chooser, rehearsed=self.rehearsed)

    @property
    def html(self) -> str:
        """The same as a still picture."""
        return view.still(self.chooser, self.rehearsed)

    def choose(self, option: SiteOption | None = None, start=None, node: str | None = None) -> Block | None:
        """Choose in code what a click chooses; what is left out becomes the first that is free.

        Args:
            option: kind of machine, from ``load_spec(part).options``.
            start: a full hour with time zone.
            node: name of the machine.

        Raises:
            NoCapacityError: it is not free.
        """
        self.chooser.choose(option, start, node)
        self.draw()
        return self.chosen

    def reserve(self) -> Lease:
        """Reserve the chosen block, or return the lease that is there already; the button does the same.

        Raises:
            ProvisioningError: the site refused; the message says what to do.
        """
        try:
            lease = self.chooser.reserve()
        except NoCapacityError:
            # Somebody was faster: what the calendar shows is out of date.
            self.chooser.read()
            raise
        finally:
            self.draw()
        return lease

    def go_to_start(self) -> str:
        """Move the rehearsal's calendar to the beginning of the lease; on Chameleon say when to come back."""
        lease = self.lease
        if lease is None:
            return "There is no lease yet."
        if self.rehearsed:
            advance_to(lease.start)
            self.chooser.look()
            self.draw()
            return f"The rehearsal's calendar is at the beginning of {lease.name}."
        return f"{lease.name} begins {view.local(lease.start, self.chooser.zone)}: come back at that time."

    def draw(self) -> None:
        """Bring every control up to date."""
        with self.clicks.not_chosen():
            self.controls.draw(self.chooser, self.rehearsed)
