"""Other people's bookings: a calendar like that of a busy site, the same for every student.

It is computed, never stored. A node's bookings on a day follow only from the node's name and the
date, so two students, a restarted rehearsal and a test see one calendar. Part of every node type
stays free today and tomorrow, at any hour, so that students can rehearse at night, too.
"""

import hashlib
import itertools
import random
import uuid
from collections.abc import Iterator
from typing import Any

_DAY_S = 86_400
_HOUR_S = 3_600


def booked_until_s(now_s: float) -> float:
    """Return until when other people have booked, seconds since 1970: GPU nodes are taken about
    three weeks ahead.
    """
    return (now_s // _DAY_S + 21) * _DAY_S


def bookings(
    name: str, rank: int, peers: int, from_s: float, until_s: float
) -> list[dict[str, Any]]:
    """Return other people's bookings of a node that overlap a span of time, earliest first.

    Args:
        rank: The node's place among the nodes of its type, from 0.
        peers: How many nodes of that type the site has.

    Returns:
        Dicts with `id` (the reservation's) and `lease_id`, always the same for a booking, and with
        `start_s < until_s` and `end_s > from_s`, seconds since 1970.
    """
    first_day, last_day = int(from_s // _DAY_S) - 1, int(until_s // _DAY_S)
    days = range(first_day, last_day + 1)
    drawn = itertools.chain.from_iterable(_day(name, rank, peers, day) for day in days)
    return [
        booking for booking in drawn if booking["start_s"] < until_s and booking["end_s"] > from_s
    ]


def _day(name: str, rank: int, peers: int, day: int) -> Iterator[dict[str, Any]]:
    """Yield one day's bookings of a node; they never run past midnight (UTC)."""
    # The window of free nodes moves by one node a day and is two wide at least, so one node of it
    # stays in the window tomorrow as well: a lease that crosses midnight finds a machine.
    if (rank + day) % peers < max(2, peers // 2):
        return
    chance = random.Random(f"{name} {day}")
    hour = chance.choice((0, 0, 2, 6))
    while hour < 22:
        hours = min(chance.choice((2, 3, 4, 8, 12)), 24 - hour)
        key = hashlib.sha256(f"{name} {day} {hour}".encode()).hexdigest()
        start_s = float(day * _DAY_S + hour * _HOUR_S)
        # Bookings end ten minutes before the hour, as Chameleon asks of classes that follow one
        # another.
        ids = {"id": str(uuid.UUID(key[:32])), "lease_id": str(uuid.UUID(key[32:]))}
        yield ids | {"start_s": start_s, "end_s": start_s + hours * _HOUR_S - 600}
        hour += hours + chance.choice((0, 0, 1, 2, 4))
