"""The site's record of a class's leases, written by ``msl class watch --record FILE``.

No student can write this file, so it proves a lease. A line is one look at one site.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from labs.shell import msl

#: Site of a machine that belongs to the instructor, whose lines the instructor writes by hand.
OWN = "own"
#: How the sites of the machines begin that a class shares; behind it is how SSH reaches one.
CLASS_SITE = "class machine "

#: Status of a lease whose machine a student has, or had.
_HELD = ("ACTIVE", "TERMINATED")


def is_own(site: str) -> bool:
    """Return whether a site is a machine of the instructor's own."""
    return site == OWN or site.startswith(CLASS_SITE)


@dataclass(frozen=True)
class SeenLease:
    """A lease as one look found it."""

    id: str
    name: str
    #: The machine that it reserves; empty for a virtual machine.
    node: str
    #: Times with their zone, ISO 8601.
    start: str
    end: str
    status: str
    #: Whether a machine of its name runs on it.
    has_machine: bool


@dataclass(frozen=True)
class SiteObservation:
    """All leases of a class at one site at one moment."""

    #: With time zone, ISO 8601.
    at: str
    site: str
    leases: tuple[SeenLease, ...]


@dataclass(frozen=True)
class HeldLease:
    """The time for which a student had a machine."""

    site: str
    node: str
    start: datetime
    until: datetime


def append_looks(path: Path, looks: Iterable[SiteObservation]) -> None:
    """Append looks to a record, which only its owner can read."""
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:
        for look in looks:
            file.write(json.dumps(asdict(look)) + "\n")


def read_looks(path: Path) -> list[SiteObservation]:
    """Return the looks of a record, the earliest first.

    Raises:
        ValueError: A line is no look; the message names it.
    """
    looks = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            values = json.loads(line)
            leases = tuple(SeenLease(**lease) for lease in values["leases"])
            times = [values["at"], *(time for lease in leases for time in (lease.start, lease.end))]
            if any(datetime.fromisoformat(time).tzinfo is None for time in times):
                raise ValueError("a time has no zone")
            looks.append(SiteObservation(values["at"], values["site"], leases))
        except (ValueError, KeyError, TypeError) as error:
            watch = msl("class watch --record")
            raise ValueError(
                f"{path.name}, line {number}, is no line of `{watch}`: {error}. "
                "Write it as that command does, or delete it"
            ) from None
    return sorted(looks, key=lambda look: datetime.fromisoformat(look.at))


def held_leases(looks: Sequence[SiteObservation], name: str) -> list[HeldLease]:
    """Return the times at which a lease name had a machine, according to the looks.

    A lease without a machine in every look was never used. If a later look no longer finds a lease,
    it was given back or dropped before that look.
    """
    ids = dict.fromkeys(
        (look.site, lease.id) for look in looks for lease in look.leases if lease.name == name
    )
    held = [_held(looks, site, id) for site, id in ids]
    return [lease for lease in held if lease is not None]


def _held(looks: Sequence[SiteObservation], site: str, id: str) -> HeldLease | None:
    """Return the time for which one lease was held; None if it never had a machine."""
    last: SeenLease | None = None
    until: datetime | None = None
    has_had_machine = False
    for look in looks:
        if look.site != site:
            continue
        seen = next((lease for lease in look.leases if lease.id == id), None)
        if seen is not None and seen.status in _HELD:
            last = seen
            until = None
            has_had_machine = has_had_machine or seen.has_machine
        elif last is not None and until is None:
            until = datetime.fromisoformat(look.at)
    if last is None or not has_had_machine:
        return None
    start = datetime.fromisoformat(last.start)
    end = datetime.fromisoformat(last.end)
    return HeldLease(site, last.node, start, min(end, until) if until else end)
