"""Reserving on the machine that the calendar shows free, or on the next one where the site refuses that.

A refusal is remembered for a while, or the same calendar would lead to the same plan, and that to the same refusal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from provisioning.setup.record import state_folder
from provisioning.testbed import Booking, Lease, LeaseRequest, Resource, Testbed
from provisioning.testbed.errors import ConflictError, NoCapacityError
from provisioning.testbed.surroundings import rehearsing

#: How long a refusal counts: by then the site has seen to the machine, or its calendar says why.
REMEMBERED = timedelta(hours=12)


def book(testbed: Testbed, request: LeaseRequest, others: Iterable[str] = ()) -> Lease:
    """Return a lease of the machine that is asked for, or of the next one where the site refuses it.

    Args:
        testbed: the site.
        request: with the machine's name, or without one for any of the type.
        others: names of other machines that are free then; looked at after the first refusal only.

    Raises:
        NoCapacityError: the site refused them all; each of them counts as taken from now on.
        ProvisioningError: anything else that the site refused.
    """
    refused = {}
    for node in chain([request.node], others):
        if node in refused:
            continue
        try:
            return testbed.reserve(replace(request, node=node))
        except (NoCapacityError, ConflictError) as error:
            refused[node] = error.what
            if node:
                _remember(testbed.site, node, request)
    said = "; ".join(dict.fromkeys(refused.values()))
    raise NoCapacityError(f"{said} ({', '.join(filter(None, refused)) or request.type})")


def without_refused(resources: Sequence[Resource]) -> list[Resource]:
    """Return machines that were refused lately as taken for the time that was asked for."""
    told = _kept()
    return [
        replace(
            each,
            bookings=(
                *each.bookings,
                *(Booking(begin, end) for site, node, begin, end, _ in told if (site, node) == (each.site, each.name)),
            ),
        )
        for each in resources
    ]


def _remember(site: str, node: str, request: LeaseRequest) -> None:
    now = datetime.now(UTC)
    rows = [*_kept(), (site, node, request.start or now, request.end, now)]
    path = _path()
    with suppress(OSError):  # what cannot be written is refused again, no worse
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([[*row[:2], *map(str, row[2:])] for row in rows]), encoding="utf-8")


def _kept() -> list[tuple[str, str, datetime, datetime, datetime]]:
    """Return site, machine, begin and end of each refusal that still counts, and when it was told."""
    try:
        rows = json.loads(_path().read_text(encoding="utf-8"))
        found = [(*row[:2], *map(datetime.fromisoformat, row[2:])) for row in rows]
    except (OSError, ValueError, TypeError):
        return []  # none yet, or of another version
    return [row for row in found if datetime.now(UTC) - row[4] < REMEMBERED]


def _path() -> Path:
    # A played site has nothing to say of the real one's machines.
    return state_folder() / f"refused{'-in-rehearsal' if rehearsing() else ''}.json"
