"""Points for results that were measured on a lease, by the site's record of the lease."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from labs.course.lease_record import OWN, HeldLease, SiteObservation, held_leases, is_own
from labs.course.roster import Student
from labs.course.tables import PartAsked
from labs.sites.spec import NUMBERS, PARTS, resource_name


@dataclass(frozen=True)
class LeasePoints:
    """One person's points for leases."""

    points: float
    #: Kinds of results that count, and kinds that only the ledger claims.
    proven: tuple[str, ...]
    unproven: tuple[str, ...]

    def text(self, part: PartAsked) -> str:
        """Return what a gradebook says of it."""
        text = f"leases: {self.points:.2f} of {part.lease:g} points"
        if self.unproven:
            text += f"; the site's record does not prove {', '.join(self.unproven)}"
        return text


def lease_points(
    part: PartAsked,
    person: Student,
    leased: Sequence[Mapping[str, str]],
    looks: Sequence[SiteObservation],
) -> LeasePoints:
    """Return a person's points for leases: an equal share for each kind of result that the part's
    lessons measure on a lease.

    Args:
        leased: Results that the ledger says were measured on a lease (``Result.leased``).
        looks: The site's record.
    """
    kinds = part.leased_kinds()
    claimed = [kind for kind in kinds if any(result["kind"] == kind for result in leased)]
    held = _held_by(part, person, looks)
    proven = [
        kind
        for kind in claimed
        if any(_is_proven(result, held) for result in leased if result["kind"] == kind)
    ]
    points = part.lease * len(proven) / len(kinds) if kinds else 0.0
    unproven = tuple(kind for kind in claimed if kind not in proven)
    return LeasePoints(points, tuple(proven), unproven)


def _held_by(part: PartAsked, person: Student, looks: Iterable[SiteObservation]) -> list[HeldLease]:
    """Return the leases that count of a person in a part."""
    (site_part,) = [each for each in PARTS if NUMBERS[each] == part.number]
    counted = [look for look in looks if part.own_machine or not is_own(look.site)]
    return held_leases(counted, resource_name(site_part, person.name))


def _is_proven(result: Mapping[str, str], held: Iterable[HeldLease]) -> bool:
    """Return whether a result was measured while a lease was held, on its machine."""
    begun = datetime.fromisoformat(result["started_at"])
    for lease in held:
        is_within = lease.start <= begun <= lease.until
        # A machine of the instructor's own is told no site, or that it is one.
        sites = ("", OWN) if is_own(lease.site) else (lease.site,)
        is_at_site = result["site"] in sites
        is_on_node = lease.node == result["node"] or not (lease.node and result["node"])
        if is_within and is_at_site and is_on_node:
            return True
    return False
