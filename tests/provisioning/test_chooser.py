"""From a calendar to a lease: what is chosen first, what a student can choose, and one lease for each part."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from provisioning.planning.choice import choice_text, option_lines
from provisioning.planning.chooser import PAGES, Chooser
from provisioning.sites.spec import PARTS, load_spec
from provisioning.testbed import Booking, Resource
from provisioning.testbed.errors import LeaseFailedError, NoCapacityError, ServiceBusyError, WrongRequestError

from .conftest import NOON, MemoryTestbed

CHICAGO = ZoneInfo("America/Chicago")
LIQID, GIGAIO = load_spec("model").options[:2]
FOREVER = (Booking(NOON - timedelta(days=1), NOON + timedelta(days=60)),)


class Sites:
    """Testbeds in memory by name, each with a calendar by node type."""

    def __init__(self, home):
        self.calendars = {"compute_liqid": ["liqid01", "liqid02"], "compute_gigaio": ["gigaio-01"]}
        self.taken = set()
        self.broken = set()
        self.beds = {}
        self.home = home

    def __call__(self, site):
        if site in self.broken:
            raise ServiceBusyError(f"{site} is in maintenance")
        if site not in self.beds:
            self.beds[site] = MemoryTestbed(self.home, site)
            self.beds[site].resources = lambda kind, type_name: self.nodes(site, type_name)
        return self.beds[site]

    def nodes(self, site, type_name):
        booked = FOREVER if type_name in self.taken else ()
        return [Resource(site, name, type_name, bookings=booked) for name in self.calendars.get(type_name, ())]


@pytest.fixture
def sites(tmp_path):
    return Sites(tmp_path)


@pytest.fixture
def clock(clock):
    """Ten to noon (UTC): the block that begins at noon can still be reserved in peace."""
    clock.elapsed_s = -600.0
    return clock


@pytest.fixture
def chooser(sites, clock):
    made = Chooser("model", sites, CHICAGO, clock, "serve-model-ada")
    made.read()
    return made


def test_the_first_free_block_of_the_best_machine_is_chosen(chooser):
    """Noon UTC is a full hour; it is 06:00 in Chicago."""
    assert chooser.block.option == LIQID
    assert chooser.block.resource == "liqid01"
    assert (chooser.block.start, chooser.block.end) == (NOON, NOON + timedelta(hours=2, minutes=50))


def test_a_block_that_is_about_to_begin_is_chosen_only_when_asked_for(sites, clock):
    """By the time the request arrives it would have begun, and the site refuses a start in the past."""
    clock.elapsed_s = -120.0
    chooser = Chooser("model", sites, CHICAGO, clock)
    chooser.read()
    assert chooser.block.start == NOON + timedelta(hours=1)
    assert chooser.choose(start=NOON).start == NOON


def test_the_options_is_climbed_when_all_is_taken(sites, clock):
    """The next machine is chosen, and the text says what changes for the lesson."""
    sites.taken = {"compute_liqid"}
    chooser = Chooser("model", sites, CHICAGO, clock)
    chooser.read()
    assert chooser.option == GIGAIO
    text = choice_text(chooser, rehearsed=False)
    assert f"What changes for the lesson: {GIGAIO.changes}" in text
    assert "all taken this week" in text


def test_when_everything_is_taken_nothing_is_chosen_and_all_says_so(sites, clock):
    """Also the code and the calendar file have nothing to give."""
    sites.taken = {"compute_liqid", "compute_gigaio"}
    chooser = Chooser("model", sites, CHICAGO, clock)
    chooser.read()
    assert chooser.block is None
    assert chooser.calendar_file() == b""
    assert chooser.code().startswith("#")
    assert "Nothing can be chosen" in choice_text(chooser, rehearsed=False)
    with pytest.raises(NoCapacityError):
        chooser.reserve()


def test_one_site_in_maintenance_hides_no_other(sites, clock):
    """Its options carry the reason."""
    sites.broken = {"CHI@TACC"}
    chooser = Chooser("model", sites, CHICAGO, clock)
    chooser.read()
    assert chooser.option == GIGAIO
    assert "maintenance" in next(line.first for line in option_lines(chooser) if line.option == LIQID)


def test_no_site_at_all_still_gives_a_planner_that_says_why(sites, clock):
    """So that 'Read again' has somewhere to stand."""
    sites.broken = {"CHI@TACC", "CHI@UC"}
    chooser = Chooser("model", sites, CHICAGO, clock)
    chooser.read()
    assert chooser.options == ()
    assert chooser.block is None
    assert choice_text(chooser, rehearsed=False).count("in maintenance") == 4


def test_a_node_can_be_chosen_by_name_and_only_a_free_one(chooser):
    """What is not free is refused, and the choice stays as it was."""
    chooser.choose(start=NOON + timedelta(hours=3), node="liqid02")
    assert (chooser.block.resource, chooser.block.start) == ("liqid02", NOON + timedelta(hours=3))
    with pytest.raises(NoCapacityError, match="liqid99"):
        chooser.choose(node="liqid99")
    with pytest.raises(NoCapacityError, match="is free for the block"):
        chooser.choose(start=NOON - timedelta(hours=3))
    assert chooser.block.resource == "liqid02"


def test_reading_again_keeps_what_is_still_free(chooser, sites):
    """Somebody takes the node in between: then the first free block is chosen."""
    chooser.choose(start=NOON + timedelta(hours=5), node="liqid02")
    chooser.read()
    assert (chooser.block.resource, chooser.block.start) == ("liqid02", NOON + timedelta(hours=5))
    sites.calendars["compute_liqid"] = ["liqid01"]
    chooser.read()
    assert (chooser.block.resource, chooser.block.start) == ("liqid01", NOON)


def test_weeks_can_be_turned_within_bounds(chooser):
    """Four weeks, and each shows its own blocks."""
    chooser.turn_to(1)
    assert chooser.block.start.astimezone(CHICAGO).date() == NOON.date() + timedelta(days=7)
    chooser.turn_to(99)
    assert chooser.page == PAGES - 1
    chooser.turn_to(-1)
    assert chooser.page == 0


def test_a_reservation_names_node_and_block(chooser, sites):
    """What is sent is what was chosen, and the lease says where."""
    asked = []
    bed = sites("CHI@UC")
    reserve = bed.reserve
    bed.reserve = lambda request: asked.append(request) or reserve(request)
    chooser.choose(GIGAIO, NOON + timedelta(hours=1))
    lease = chooser.reserve()
    (request,) = asked
    assert dataclasses.astuple(request) == (
        "serve-model-ada",
        "node",
        "compute_gigaio",
        NOON + timedelta(hours=1),
        NOON + timedelta(hours=3, minutes=50),
        "gigaio-01",
    )
    assert (chooser.lease, chooser.lease_option) == (lease, GIGAIO)
    assert f"Reserved at CHI@UC: serve-model-ada is PENDING: Mon 02 Mar 07:00–09:50 CST, id {lease.id}" in choice_text(
        chooser, rehearsed=True
    )


def test_a_second_click_makes_no_second_lease_anywhere(chooser, sites):
    """Not at the same site, and not at another one of the options, also in a new kernel."""
    first = chooser.reserve()
    again = Chooser("model", sites, CHICAGO, chooser._clock, "serve-model-ada")
    again.read()
    assert again.lease == first
    again.choose(GIGAIO)
    assert again.reserve() == first
    assert [len(bed.lease_list) for bed in sites.beds.values()].count(1) == 1
    assert sum(len(bed.lease_list) for bed in sites.beds.values()) == 1


def test_a_lease_in_error_is_told_and_not_taken_for_one(chooser, sites):
    """The site returns it like any other."""
    sites("CHI@TACC").give_lease("serve-model-ada", "ERROR")
    with pytest.raises(LeaseFailedError):
        chooser.reserve()


def test_a_block_that_went_by_while_the_page_lay_open_is_refused_here(chooser, clock, sites):
    """The site would answer with a date in a format that nobody reads."""
    clock.sleep(4201)
    with pytest.raises(WrongRequestError, match="gone by"):
        chooser.reserve()
    chooser.look()
    assert chooser.block.start == NOON + timedelta(hours=2)


def test_the_code_makes_the_same_reservation(chooser):
    """Same node, same name, dates in UTC."""
    code = chooser.code()
    compile(code, "copied", "exec")
    assert "'serve-model-ada'" in code
    assert "node_name='liqid01'" in code
    assert "datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)" in code


def test_text_names_zone_rules_and_what_to_do_before(chooser):
    """Whoever cannot see the calendar reads the same."""
    text = choice_text(chooser, rehearsed=True)
    for words in (
        "rehearsal",
        "America/Chicago (UTC−6)",
        "begin on the hour and end at :50",
        "Before it: Read",
        "liqid01",
    ):
        assert words in text


@pytest.mark.parametrize("part", PARTS)
def test_what_to_read_and_rehearse_before_is_there(part):
    """A planner that names a page which does not exist loses the student on the first click."""
    spec = load_spec(part)
    for page in (spec.read_first, spec.rehearse_first):
        assert (Path(__file__).parents[2] / page).is_file(), page
