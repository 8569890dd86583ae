"""From a calendar to a lease: the first choice, a student's choices, and one lease for each
part.
"""

import dataclasses
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from labs.sites.spec import load_spec
from provisioning.planning.chooser import Chooser
from provisioning.testbed import Booking, Resource
from provisioning.testbed.errors import NoCapacityError, ServiceBusyError
from tests.provisioning.conftest import NOON, MemoryTestbed

CHICAGO = ZoneInfo("America/Chicago")
MODEL = load_spec("model")
LIQID, GIGAIO = MODEL.options[:2]
FOREVER = (Booking(NOON - timedelta(days=1), NOON + timedelta(days=60)),)
NAME = "serve-model-ada"


class Sites:
    """Testbeds in memory by name, each with a calendar by node type."""

    def __init__(self, home):
        self.calendars = {"compute_liqid": ["liqid01", "liqid02"], "compute_gigaio": ["gigaio-01"]}
        self.taken, self.broken, self.beds, self.home = set(), set(), {}, home

    def __call__(self, site):
        if site in self.broken:
            raise ServiceBusyError(f"{site} is in maintenance")
        if site not in self.beds:
            self.beds[site] = MemoryTestbed(self.home, site)
            self.beds[site].resources = lambda kind, type_name: self.nodes(site, type_name)
        return self.beds[site]

    def nodes(self, site, type_name):
        booked = FOREVER if type_name in self.taken else ()
        return [
            Resource(site, name, type_name, bookings=booked)
            for name in self.calendars.get(type_name, ())
        ]


@pytest.fixture
def sites(tmp_path):
    return Sites(tmp_path)


@pytest.fixture
def read(sites, clock):
    """Return a chooser that has read its calendars, ten minutes before noon: the next block can be
    taken in peace.
    """

    def reader_at(elapsed_s=-600.0):
        clock.elapsed_s = elapsed_s
        chooser = Chooser(MODEL, sites, CHICAGO, clock)
        chooser.read()
        return chooser

    return reader_at


@pytest.mark.parametrize(
    ("elapsed_s", "hours"), [(-600.0, 0), (-120.0, 1)], ids=["in peace", "about to begin"]
)
def test_the_first_free_block_of_the_best_machine_is_chosen(read, elapsed_s, hours):
    """A block that is about to begin is chosen only when asked for: its request would arrive too
    late.
    """
    chooser = read(elapsed_s)
    assert (chooser.block.option, chooser.block.resource) == (LIQID, "liqid01")
    assert chooser.block.start == NOON + timedelta(hours=hours)
    assert chooser.block.end == chooser.block.start + timedelta(hours=2, minutes=50)
    assert chooser.choose(start=NOON).start == NOON


@pytest.mark.parametrize(
    ("taken", "broken", "option", "reason"),
    [
        ({"compute_liqid"}, set(), GIGAIO, "all taken this week"),
        (set(), {"CHI@TACC"}, GIGAIO, "CHI@TACC is in maintenance"),
        ({"compute_liqid", "compute_gigaio"}, set(), None, "Nothing can be chosen"),
        (set(), {option.site for option in MODEL.options}, None, "CHI@UC is in maintenance"),
    ],
    ids=["taken", "maintenance", "all taken", "no site"],
)
def test_the_next_option_is_chosen_and_the_text_says_why(
    sites, read, taken, broken, option, reason
):
    """With the changes for the lesson; without a choice, code, calendar file and lease are
    absent.
    """
    sites.taken, sites.broken = taken, broken
    chooser = read()
    text = chooser.text(rehearsed=False)
    assert reason in text
    assert f"changes {GIGAIO.changes}" in text
    if option:
        assert chooser.block.option == option
    else:
        assert chooser.block is None
        assert chooser.calendar_file() == b""
        assert chooser.code().startswith("#")
        with pytest.raises(ServiceBusyError if broken else NoCapacityError):
            chooser.reserve(anyway=True)
        # Nobody who read 'taken' would come back.
        assert ("·" in chooser.table().text().splitlines()[1]) != bool(broken)
        assert bool(broken) == ("all taken this week" not in text) == ("Fix:" in text)


def test_a_node_can_be_chosen_by_name_and_only_a_free_one(read, sites):
    """A refusal leaves the choice as it was, also when the calendar is read again; the first free
    one if it went.
    """
    chooser = read()
    chooser.choose(start=NOON + timedelta(hours=3), node="liqid02")
    with pytest.raises(NoCapacityError, match="liqid99"):
        chooser.choose(node="liqid99")
    with pytest.raises(NoCapacityError, match="is free for the block"):
        chooser.choose(start=NOON - timedelta(hours=3))
    chooser.read()
    assert (chooser.block.resource, chooser.block.start) == ("liqid02", NOON + timedelta(hours=3))
    sites.calendars["compute_liqid"] = ["liqid01"]
    chooser.read()
    assert (chooser.block.resource, chooser.block.start) == ("liqid01", NOON)


def test_what_is_sent_is_what_was_chosen(read, sites):
    """Lease, code and text name the same node and block."""
    chooser, asked, bed = read(), [], sites("CHI@UC")
    reserve = bed.reserve
    bed.reserve = lambda request: asked.append(request) or reserve(request)
    chooser.choose(GIGAIO, NOON + timedelta(hours=1))
    assert "node_name='gigaio-01'" in chooser.code()
    assert "start_date=datetime(2026, 3, 2, 13, 0" in chooser.code()
    lease = chooser.reserve()
    start, end = NOON + timedelta(hours=1), NOON + timedelta(hours=3, minutes=50)
    assert [dataclasses.astuple(request) for request in asked] == [
        (NAME, "node", "compute_gigaio", start, end, "gigaio-01")
    ]
    assert (chooser.lease, chooser.lease_option) == (lease, GIGAIO)
    text = (
        f"Reserved at CHI@UC ({GIGAIO.name}): {NAME} is PENDING, Mon 02 Mar 07:00–09:50 CST, id "
        f"{lease.id}"
    )
    assert text in chooser.text(rehearsed=True)


def test_a_machine_that_is_refused_is_passed_over_and_not_offered_again(read, sites):
    """The next one that is free is taken; where none can be had, the next plan is another one, in a
    new kernel too.
    """
    chooser, bed, reserve = read(), sites("CHI@TACC"), sites("CHI@TACC").reserve
    broken = {"liqid01"}

    def refuse(request):
        if request.node in broken:
            raise NoCapacityError(f"not enough hosts available: {request.node}")
        return reserve(request)

    bed.reserve = refuse
    assert chooser.reserve().node == chooser.block.resource == "liqid02"
    assert read().table().free[0].free == ("liqid02",)
    bed.lease_list.clear()
    broken.add("liqid02")
    with pytest.raises(NoCapacityError, match="liqid02"):
        read().reserve()
    assert read().block.start == NOON + timedelta(hours=3)


def test_a_silent_site_may_have_the_lease(read, sites):
    """It makes a second lease only if asked, and reports all known facts."""
    sites("CHI@TACC").before = lambda _request: (_ for _ in ()).throw(
        ServiceBusyError("CHI@TACC is in maintenance")
    )
    chooser = read()
    chooser.choose(GIGAIO)
    with pytest.raises(ServiceBusyError, match="nobody knows whether you have a lease already"):
        chooser.reserve()
    assert chooser.reserve(anyway=True).name == NAME
    assert chooser.lease_option == GIGAIO
    assert read().reserve() == chooser.lease


def test_a_second_click_makes_no_second_lease_anywhere(read, sites):
    """Not at the same site, and not at another one of the options, also in a new kernel."""
    first, second = read().reserve(), read()
    assert second.lease == first
    second.choose(GIGAIO)
    assert second.reserve() == first
    assert sum(len(bed.lease_list) for bed in sites.beds.values()) == 1
