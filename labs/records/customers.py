"""Three customers of GourmetGram, and their computers on site: the story's own figures, stated and not measured.

The deep dive 'Three customers' designs a service for each, and its questions judge the designs by the same facts.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

#: Seconds from when a machine for a job is paid until it begins with the first photo: boot, load, fetch.
JOB_START_S = 90.0
#: Dollars a day for a small computer at a customer's site: its price over three years, power, and somebody's visits.
BOARD_USD_PER_DAY = 0.40
#: How many times as long as on the machine that measured a photo takes on such a computer. Part 2 measures one.
BOARD_TIMES_AS_LONG = 4.0
#: Round trips until the answer to the first photo over HTTPS: one for TCP, one for TLS 1.3, one for the request itself.
#: Source: RFC 9293, section 3.5; RFC 8446, section 2.
ROUND_TRIPS = 3
#: The canteens' uplink once the fibre is laid, in megabits a second.
FIBRE_MBIT_S = 100.0
#: How often a day a batch job may run.
RUNS_PER_DAY = (1, 24)


@dataclass(frozen=True)
class Customer:
    """What one customer sends, and what it asks for."""

    name: str
    title: str
    #: Photos in each hour of a day, from midnight on.
    photos_per_h: tuple[int, ...]
    #: Share of the photos whose class anybody ever asks for.
    asked_share: float
    photo_mb: float
    #: Uplink of whoever sends it, in megabits a second.
    upload_mbit_s: float
    #: Time to the data centre and back, in seconds.
    round_trip_s: float
    #: Sites, each of which would need a computer of its own.
    sites: int
    #: The class of a photo has to be there so many seconds after the photo, at the latest.
    may_wait_s: float
    #: Accuracy that may be lost against images of full size, as a fraction.
    may_lose: float


_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["customer"]
CUSTOMERS = tuple(Customer(**one | {"photos_per_h": tuple(one["photos_per_h"])}) for one in _TABLE)


def customer(name: str) -> Customer:
    """Return a customer by name; a KeyError where there is none of that name."""
    return {one.name: one for one in CUSTOMERS}[name]
