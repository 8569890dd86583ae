"""Reserving on the machine that the calendar shows free, or on the next one where the site refuses
that.

A refusal is remembered for a while, or the same calendar would lead to the same plan, and that to
the same refusal.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from provisioning.setup.record import Record, StepRecord, state_folder
from provisioning.testbed import Booking, Lease, LeaseRequest, Resource, Testbed
from provisioning.testbed.errors import ConflictError, NoCapacityError
from provisioning.testbed.surroundings import rehearsing

#: How long a refusal counts: by then the site has seen to the machine, or its calendar says why.
REMEMBERED = timedelta(hours=12)


def book(testbed: Testbed, request: LeaseRequest, others: Iterable[str] = ()) -> Lease:
    """Return a lease of the requested machine, or of the next one if the site refuses it.

    Args:
        request: with the machine's name, or without one for any of the type.
        others: names of other machines that are free then; looked at after the first refusal only.

    Raises:
        NoCapacityError: the site refused them all; each of them counts as taken from now on.
        ProvisioningError: anything else that the site refused.
    """
    reasons: dict[str | None, str] = {}
    # Virtual machines are reserved by number, so a refusal of one holds for all of its kind.
    is_flavor = request.resource == "flavor"
    for node in chain([request.node], () if is_flavor else others):
        if node in reasons:
            continue
        try:
            return testbed.reserve(replace(request, node=node))
        except (NoCapacityError, ConflictError) as error:
            reasons[node] = error.what
            if node:
                _remember(testbed.site, request.type if is_flavor else node, request)
    why = "; ".join(dict.fromkeys(reasons.values()))
    machines = ", ".join(filter(None, reasons)) or request.type
    raise NoCapacityError(f"{why} ({machines})")


def _remember(site: str, machine: str, request: LeaseRequest) -> None:
    """Note that a machine was refused: beginning, end, and the time of the refusal."""
    now = datetime.now(UTC)
    start = request.start or now
    refusal = {start.isoformat(): [request.end.isoformat(), now.isoformat()]}
    _record().update(f"{site}/{machine}", remember=refusal)


def without_refused(resources: Sequence[Resource]) -> list[Resource]:
    """Return machines that were refused lately as taken for the time that was asked for."""
    records = _record().steps()
    now = datetime.now(UTC)
    seen = []
    for resource in resources:
        bookings = list(resource.bookings)
        for machine in (resource.name, resource.type):
            record = records.get(f"{resource.site}/{machine}")
            if record is not None:
                bookings += _refused_bookings(record, now)
        seen.append(replace(resource, bookings=tuple(bookings)))
    return seen


def _refused_bookings(record: StepRecord, now: datetime) -> Iterator[Booking]:
    """Yield the times for which a machine was refused lately."""
    for start, (end, refused_at) in record.facts.items():
        if now - datetime.fromisoformat(refused_at) < REMEMBERED:
            yield Booking(datetime.fromisoformat(start), datetime.fromisoformat(end))


def refusals(site: str) -> Iterator[str]:
    """Yield a line for each refusal of a site that is remembered: machine, and day of report."""
    for name, record in _record().steps().items():
        refusing_site, _, machine = name.partition("/")
        if refusing_site != site:
            continue
        for _, refused_at in record.facts.values():
            day = refused_at[:10]
            yield f"{machine}, reported on {day}"


def _record() -> Record:
    # A played site has nothing to say of the real one's machines.
    name = "refused-in-rehearsal.json" if rehearsing() else "refused.json"
    return Record(state_folder() / name)
