"""Three customers of GourmetGram and their computers on site: the story's own figures, stated and
not measured.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: How many times as long as on the machine that measured a photo takes on a small computer at a
#: customer's site. Part 2 measures one.
BOARD_TIMES_AS_LONG = 4.0


@dataclass(frozen=True)
class Customer:
    """One customer's requests, and the link that carries them."""

    name: str
    title: str
    #: Photos in each hour of a day, from midnight on.
    photos_per_h: tuple[int, ...]
    #: Share of the photos whose class is ever requested.
    asked_share: float
    photo_mb: float
    #: The customer's uplink, in megabits a second.
    upload_mbit_s: float
    #: Time to the data centre and back, in seconds.
    round_trip_s: float


def _customers() -> Iterator[Customer]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    for facts in tomllib.loads(text)["customer"]:
        facts["photos_per_h"] = tuple(facts["photos_per_h"])
        yield Customer(**facts)


CUSTOMERS = tuple(_customers())


def customer(name: str) -> Customer:
    """Return a customer by name; a KeyError where there is none of that name."""
    return {customer.name: customer for customer in CUSTOMERS}[name]
