"""A class of a few students, two kinds of machines, and two days on which it may work."""

from datetime import UTC, datetime, time

import pytest

from labs.sites.spec import load_spec
from provisioning.classroom.plan import Wish
from provisioning.testbed import Resource

MODEL = load_spec("model")
FIRST, SECOND = MODEL.options[:2]


def nodes(*names: str, site: str = "CHI@TACC", bookings=()) -> list[Resource]:
    """Return machines by name, all with the same bookings."""
    return [Resource(site, name, "any", bookings=tuple(bookings)) for name in names]


@pytest.fixture
def wish() -> Wish:
    """Tuesday and Wednesday from 9 to 18: three blocks a day on each machine."""
    earliest = datetime(2026, 3, 10, tzinfo=UTC)
    latest = datetime(2026, 3, 11, 23, tzinfo=UTC)
    return Wish(earliest, latest, UTC, time(9), time(18), frozenset({1, 2}))
