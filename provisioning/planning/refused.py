"""Reserving on the machine that the calendar shows free, or on the next one where the site refuses that.

A refusal is remembered for a while, or the same calendar would lead to the same plan, and that to the same refusal.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from provisioning.setup.record import Record, state_folder
from provisioning.testbed import Booking, Lease, LeaseRequest, Resource, Testbed
from provisioning.testbed.errors import ConflictError, NoCapacityError
from provisioning.testbed.surroundings import rehearsing

#: How long a refusal counts: by then the site has seen to the machine, or its calendar says why.
REMEMBERED = timedelta(hours=12)


def book(testbed: Testbed, request: LeaseRequest, others: Iterable[str] = ()) -> Lease:
    """Return a lease of the machine that is asked for, or of the next one where the site refuses it.

    Args:
        request: with the machine's name, or without one for any of the type.
        others: names of other machines that are free then; looked at after the first refusal only.

    Raises:
        NoCapacityError: the site refused them all; each of them counts as taken from now on.
        ProvisioningError: anything else that the site refused.
    """
    refused, flavor = {}, request.resource == "flavor"
    # Virtual machines are lent by count: what is refused to one is refused to all of its kind.
    for node in chain([request.node], () if flavor else others):
        if node in refused:
            continue
        try:
            return testbed.reserve(replace(request, node=node))
        except (NoCapacityError, ConflictError) as error:
            refused[node] = error.what
            if node:
                now = datetime.now(UTC)
                told = {
                    (request.start or now).isoformat(): [request.end.isoformat(), now.isoformat()]
                }
                _record().update(
                    f"{testbed.site}/{request.type if flavor else node}", remember=told
                )
    said = "; ".join(dict.fromkeys(refused.values()))
    raise NoCapacityError(f"{said} ({', '.join(filter(None, refused)) or request.type})")


def without_refused(resources: Sequence[Resource]) -> list[Resource]:
    """Return machines that were refused lately as taken for the time that was asked for."""
    steps, now = _record().steps(), datetime.now(UTC)

    def refused(machine: Resource) -> Iterable[Booking]:
        known = [
            steps[name]
            for one in (machine.name, machine.type)
            if (name := f"{machine.site}/{one}") in steps
        ]
        for begin, (end, told) in (span for about in known for span in about.facts.items()):
            if now - datetime.fromisoformat(told) < REMEMBERED:
                yield Booking(datetime.fromisoformat(begin), datetime.fromisoformat(end))

    return [replace(each, bookings=(*each.bookings, *refused(each))) for each in resources]


def refusals(site: str) -> Iterator[str]:
    """Yield a line for each refusal of a site that is remembered: machine, and the day on which it was reported."""
    for name, about in _record().steps().items():
        place, _, machine = name.partition("/")
        yield from (
            f"{machine}, reported on {when[:10]}"
            for _, when in about.facts.values()
            if place == site
        )


def _record() -> Record:
    # A played site has nothing to say of the real one's machines.
    return Record(state_folder() / f"refused{'-in-rehearsal' if rehearsing() else ''}.json")
