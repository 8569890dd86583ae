"""The rehearsal's switches in a notebook: faults, and a calendar that moves; never on Chameleon."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chameleon_rehearsal import place
from chameleon_rehearsal.environment import rehearsing
from chameleon_rehearsal.errors import NotRehearsingError
from chameleon_rehearsal.faults import FAULTS


def armed() -> dict[str, int]:
    """Return how often each fault will strike yet, by name: 0 while it is off, -1 for always."""
    times = {fault["name"]: int(fault["times"]) for fault in status()["faults"]}
    return {name: times.get(name, 0) for name in FAULTS}


def arm(name: str, times: int = 1) -> None:
    """Arm a fault for a number of times, -1 for always.

    Args:
        name: One of `FAULTS`, or the command line's full spelling, which has its own times.
    """
    if ":" not in name:
        name = f"{name}:always" if times < 0 else f"{name}:{times}"
    _ask("POST", "/faults", {"fault": name})


def disarm(name: str | None = None) -> None:
    """Switch one fault off, or all of them."""
    _ask("DELETE", f"/faults?name={name}" if name else "/faults")


def advance(by: timedelta) -> datetime:
    """Move the calendar forward and return its new present, with time zone UTC."""
    answer = _ask("POST", "/clock", {"advance_s": by.total_seconds()})
    return datetime.fromisoformat(answer["now"])


def advance_to(moment: datetime) -> datetime:
    """Move the calendar to a moment, unless it is in the past; return its present, in UTC."""
    now = datetime.fromisoformat(status()["now"])
    # A second later, so that everything that begins at that moment has begun.
    return advance(moment - now + timedelta(seconds=1)) if moment > now else now


def lease(
    name: str, type_name: str, user: str, *, hours: float = 3, site: str | None = None
) -> Mapping[str, str]:
    """Make a lease that is active at once, as if it had been made in Horizon beforehand.

    Args:
        type_name: The type of a node, a device or a virtual machine.
        site: Its name, such as `CHI@UC`; None for the first that has the type.

    Returns:
        `site`, its name, and `end`, the time in UTC.

    Raises:
        RehearsalDownError: No rehearsal answers.
        ValueError: No site has the type, or it is taken.
    """
    wish = {"name": name, "type": type_name, "user": user, "hours": hours, "site": site}
    return place.ask(place.folder(), "POST", "/leases", wish)


def status() -> Mapping[str, Any]:
    """Return the clock, the armed faults and everything that exists, for all students."""
    return _ask("GET", "/status")


def status_text(now: Mapping[str, Any]) -> str:
    """Return the testbed's state in a few lines."""
    calendar = f"calendar: {datetime.fromisoformat(now['now']):%a %d %b %Y %H:%M} UTC"
    ahead = timedelta(seconds=round(now["advanced_s"]))
    if ahead:
        calendar += f", {ahead} ahead of the real one"
    faults = ", ".join(f"{fault['id']} ({fault['times']} times)" for fault in now["faults"])
    faults = faults.replace("@*", "").replace("-1 times", "always")
    return "\n".join(
        [
            calendar,
            f"waits are {now['speed']:.0f} times shorter than on Chameleon",
            f"faults: {faults or 'none'}",
            *(f"{kind}: {_first_few(now[kind])}" for kind in ("leases", "servers", "containers")),
        ]
    )


def _first_few(rows: Sequence[Mapping[str, str]], limit: int = 6) -> str:
    """Return the first few existing resources, in words."""
    alive = [row for row in rows if row["status"] not in ("TERMINATED", "DELETED")]
    shown = ", ".join(f"{row['name']} {row['status']} at {row['site']}" for row in alive[:limit])
    more = len(alive) - limit
    return f"{shown}, and {more} more" if more > 0 else shown or "none"


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    if not rehearsing():
        raise NotRehearsingError
    return place.ask(place.folder(), method, path, body)
