"""The one table of what can be made to go wrong: what happens, and what one sees then in the course's notebooks."""

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong on Chameleon and can be made to go wrong here."""

    #: What happens, in a sentence a student reads.
    what: str
    #: What the course's own cells show when it strikes.
    seen: str
    #: How long it takes, for faults that have a length; the clock's speed shortens it unless the sentence says 'real'.
    seconds: float | None = None


#: Every fault by name. The name is what `--fault` and the switchboard take.
FAULTS: dict[str, Fault] = {
    "no-hosts": Fault(
        "Blazar finds no free node or device and answers 500, as the real one does",
        "Reserve takes the next machine that is free in the block; the refused one counts as taken for a while.",
    ),
    "lease-error": Fault(
        "the next lease goes to ERROR instead of ACTIVE",
        "The step 'Lease is active' fails: release, and reserve another node by name.",
    ),
    "server-error": Fault(
        "the next server goes to ERROR while it boots",
        "The step 'Server boots' fails; Resume removes the failed server and boots once more.",
    ),
    "container-error": Fault(
        "the next container goes to Error while it starts",
        "The step 'Container starts' fails; Resume removes it and starts another.",
    ),
    "server-conflict": Fault(
        "Nova refuses the next server with 409",
        "The boot is tried again by itself, and goes on.",
    ),
    "no-floating-ip": Fault(
        "Neutron has no floating IP left and answers 409",
        "The step 'Floating IP is bound' fails: somebody has to give addresses back.",
    ),
    "ssh-never": Fault(
        "the next server goes ACTIVE, but nothing ever answers at its port 22",
        "The step 'SSH answers' runs into its time-out: boot again on the same lease.",
    ),
    "ssh-late": Fault(
        "the next server answers SSH 30 minutes after it went ACTIVE",
        "The step 'SSH answers' takes far longer than usual, and then goes on.",
        1800.0,
    ),
    "slow-boot": Fault(
        "the next server or container takes an hour to start",
        "The step 'Server boots' takes far longer than usual, up to its time-out; Resume waits on.",
        3600.0,
    ),
    "token-401": Fault(
        "Keystone refuses to issue the next token",
        "Signing in is refused: look at the credentials, then run the cell again.",
    ),
    "session-401": Fault(
        "one request in mid-session is answered 401, as when a token was revoked",
        "Nothing: python-chi signs in again by itself.",
    ),
    "token-expiry": Fault(
        "the next token lives for 20 real seconds",
        "Nothing: python-chi signs in again by itself when the token has run out.",
        20.0,
    ),
    "maintenance": Fault(
        "a site is in maintenance: Keystone and every service answer 503, with a page for people",
        "The sentence says which site; the steps try once more by themselves, Reserve asks you to.",
    ),
    "no-calendar": Fault(
        "a site's list of who has what when cannot be read; everything else answers",
        "The planner says which calendar is missing and shows the others.",
    ),
    "lease-ends": Fault(
        "the next lease ends 30 real seconds after it became active, in mid-run",
        "Whatever runs stops with 'the lease has ended': reserve a new block.",
        30.0,
    ),
    "upload-cut": Fault(
        "the next upload to a container is refused as too large",
        "Copying into the container goes on in smaller pieces by itself.",
    ),
}

_SPELLING = re.compile(
    r"(?P<name>[a-z0-9-]+)(/(?P<site>[a-z0-9]+))?(=(?P<seconds>[0-9.]+))?"
    r"(:(?P<times>[1-9][0-9]*|always))?(@(?P<user>.+))?"
)


def parse_fault(text: str) -> dict[str, Any]:
    """Return the record of a fault as the command line spells it: `NAME[/SITE][=SECONDS][:TIMES][@USER]`.

    Returns:
        A document for the store with `name`, `seconds`, `times` (-1 for always), `user` (None for everybody) and `site`
        (None for all).

    Raises:
        ValueError: The spelling or the name is unknown; the message lists the names.
    """
    match = _SPELLING.fullmatch(text)
    if not match or match["name"] not in FAULTS:
        raise ValueError(
            f"no fault {text!r}: write NAME[/SITE][=SECONDS][:TIMES|:always][@USER], NAME one of {', '.join(FAULTS)}"
        )
    times = match["times"] or "1"
    return {
        "id": f"{match['name']}{'/' * bool(match['site'])}{match['site'] or ''}@{match['user'] or '*'}",
        "name": match["name"],
        "site": match["site"],
        "seconds": float(match["seconds"]) if match["seconds"] else FAULTS[match["name"]].seconds,
        "times": -1 if times == "always" else int(times),
        "user": match["user"],
    }
