"""Faults on demand: which there are, how often each strikes, and for whom."""

import re
from dataclasses import dataclass
from typing import Any

from provisioning.rehearsal.store import Document, Store


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong on Chameleon and can be made to go wrong here.

    Attributes:
        what: What happens, in a sentence a student reads.
        seconds: How long it takes, for faults that have a length, in seconds; as on Chameleon for waits (the
            clock's speed shortens them), real seconds where the sentence says so.
    """

    what: str
    seconds: float | None = None


#: Every fault by name. The name is what `--fault` and the admin service take.
FAULTS: dict[str, Fault] = {
    "no-hosts": Fault("Blazar finds no free node or device and answers 500, as the real one does"),
    "lease-error": Fault("the next lease goes to ERROR instead of ACTIVE"),
    "server-error": Fault("the next server goes to ERROR while it boots"),
    "container-error": Fault("the next container goes to Error while it starts"),
    "server-conflict": Fault("Nova refuses the next server with 409"),
    "no-floating-ip": Fault("Neutron has no floating IP left and answers 409"),
    "ssh-never": Fault("the next server goes ACTIVE, but nothing ever answers at its port 22"),
    "ssh-late": Fault("the next server answers SSH 30 minutes after it went ACTIVE", 1800.0),
    "slow-boot": Fault("the next server or container takes an hour to start", 3600.0),
    "token-401": Fault("Keystone refuses to issue the next token"),
    "session-401": Fault("one request in mid-session is answered 401, as when a token was revoked"),
    "token-expiry": Fault("the next token lives for 20 real seconds", 20.0),
    "service-503": Fault("the reservation service answers 503 once"),
    "lease-ends": Fault("the next lease ends 30 real seconds after it became active, in mid-run", 30.0),
    "network-503": Fault("the network service answers 503 once"),
    "compute-503": Fault("the compute service answers 503 once"),
    "upload-cut": Fault("the next upload to a container is refused as too large"),
}

_SPELLING = re.compile(r"(?P<name>[a-z0-9-]+)(=(?P<seconds>[0-9.]+))?(:(?P<times>[0-9]+|always))?(@(?P<user>.+))?")


def parse_fault(text: str) -> Document:
    """Return the record of a fault as the command line spells it: `NAME[=SECONDS][:TIMES][@USER]`.

    Args:
        text: For example `no-hosts`, `slow-boot=7200`, `service-503:3`, `ssh-never:always@mary`.

    Returns:
        A document for the store with `name`, `seconds`, `times` (-1 for always) and `user` (None for everybody).

    Raises:
        ValueError: The spelling or the name is unknown; the message lists the names.
    """
    match = _SPELLING.fullmatch(text)
    if not match or match["name"] not in FAULTS:
        raise ValueError(
            f"no fault {text!r}: write NAME[=SECONDS][:TIMES|:always][@USER], NAME one of {', '.join(FAULTS)}"
        )
    times = match["times"] or "1"
    seconds = float(match["seconds"]) if match["seconds"] else FAULTS[match["name"]].seconds
    return {
        "id": f"{match['name']}@{match['user'] or '*'}",
        "name": match["name"],
        "seconds": seconds,
        "times": -1 if times == "always" else int(times),
        "user": match["user"],
    }


class Faults:
    """The faults that are armed now. Each strikes the number of times it was given, then is gone."""

    def __init__(self, store: Store) -> None:
        """Keep the armed faults in the store, so that they survive a restart."""
        self._store = store

    def arm(self, text: str) -> Document:
        """Arm a fault; arming one again replaces its count. See `parse_fault` for the spelling and errors."""
        return self._store.put("fault", parse_fault(text))

    def clear(self, name: str | None = None) -> None:
        """Disarm one fault by name, or all of them."""
        for fault in self._store.find("fault"):
            if name in (None, fault["name"]):
                self._store.remove("fault", fault["id"])

    def armed(self) -> list[Document]:
        """Return the armed faults, oldest first."""
        return self._store.find("fault")

    def strike(self, name: str, user: str | None = None) -> dict[str, Any] | None:
        """Use one strike of a fault.

        Args:
            name: The fault's name.
            user: The user whose request is being served, or None when that is not known yet.

        Returns:
            The fault's record when it strikes now, else None.
        """
        for fault in self._store.find("fault", name=name):
            if fault["user"] not in (None, user):
                continue
            if fault["times"] > 0:
                fault["times"] -= 1
                if fault["times"]:
                    self._store.put("fault", fault)
                else:
                    self._store.remove("fault", fault["id"])
            return fault
        return None
