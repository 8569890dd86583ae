"""The rehearsal's switches in a notebook: faults, and a calendar that moves; never on Chameleon."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from provisioning.rehearsal import place
from provisioning.rehearsal.faults import FAULTS
from provisioning.testbed.errors import ProvisioningError
from provisioning.testbed.surroundings import rehearsing


class NotRehearsingError(ProvisioningError):
    """This process talks to the real Chameleon, or to nothing."""

    likely = "This is Chameleon itself, or the rehearsal was not switched on in this kernel."
    way_out = "On a laptop: `from provisioning import rehearsal; rehearsal.use()` in the notebook's first cell."


def drills() -> dict[str, int]:
    """Return every fault by its name, with how often it will strike yet: 0 while it is off, -1 for always."""
    armed = {fault["name"]: int(fault["times"]) for fault in status()["faults"]}
    return {name: armed.get(name, 0) for name in FAULTS}


def arm(name: str, times: int = 1) -> None:
    """Let a fault strike so many times, -1 for always; its name may be the command line's full spelling of it."""
    spelled = name if ":" in name else f"{name}:{'always' if times < 0 else times}"
    _ask("POST", "/faults", {"fault": spelled})


def disarm(name: str | None = None) -> None:
    """Switch one fault off, or all of them."""
    _ask("DELETE", f"/faults?name={name}" if name else "/faults")


def advance(by: timedelta) -> datetime:
    """Move the calendar forward and return its new present, with time zone UTC."""
    return datetime.fromisoformat(_ask("POST", "/clock", {"advance_s": by.total_seconds()})["now"])


def advance_to(moment: datetime) -> datetime:
    """Move the calendar to a moment, unless that has gone by; return its present, with time zone UTC."""
    now = datetime.fromisoformat(status()["now"])
    # A second beyond it: what begins at that moment has begun.
    return advance(moment - now + timedelta(seconds=1)) if moment > now else now


def status() -> Mapping[str, Any]:
    """Return the clock, the armed faults and everything that exists, for all students."""
    return _ask("GET", "/status")


def status_text(now: Mapping[str, Any]) -> str:
    """Return the testbed's state in a few lines."""
    ahead = timedelta(seconds=round(now["advanced_s"]))
    lines = [
        f"calendar: {datetime.fromisoformat(now['now']):%a %d %b %Y %H:%M} UTC"
        + (f", {ahead} ahead of the real one" if ahead else ""),
        f"waits are {now['speed']:.0f} times shorter than on Chameleon",
    ]
    faults = ", ".join(f"{fault['id']} ({fault['times']} times)" for fault in now["faults"])
    lines.append(f"faults: {faults or 'none'}".replace("@*", "").replace("-1 times", "always"))
    for kind in ("leases", "servers", "containers"):
        alive = [row for row in now[kind] if row["status"] not in ("TERMINATED", "DELETED")]
        shown = ", ".join(f"{row['name']} {row['status']} at {row['site']}" for row in alive[:6])
        more = f", and {len(alive) - 6} more" if len(alive) > 6 else ""
        lines.append(f"{kind}: {shown or 'none'}{more}")
    return "\n".join(lines)


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    if not rehearsing():
        raise NotRehearsingError("faults and a calendar that moves exist in the rehearsal only")
    return place.ask(place.folder(), method, path, body)
