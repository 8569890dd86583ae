"""The faults that you can cause (`faults.toml` has the one table), and their spelling on the
command line.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One fault of Chameleon's that you can cause here."""

    #: What happens, in a sentence a student reads.
    what: str
    #: Output of the course's own cells when the fault strikes.
    seen: str
    #: How long it takes, for faults that have a length; the clock's speed shortens it unless the
    #: sentence says 'real'.
    seconds: float | None = None
    #: Whether it stays with the server or container that is made when it strikes.
    stays: bool = False


_TABLE = tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))

#: Every fault by name. The name is what `--fault` and the switchboard take.
FAULTS = {name: Fault(**fault) for name, fault in _TABLE.items()}

_SPELLING = re.compile(
    r"(?P<name>[a-z0-9-]+)(/(?P<site>[a-z0-9]+))?(=(?P<seconds>[0-9.]+))?"
    r"(:(?P<times>[1-9][0-9]*|always))?(@(?P<user>.+))?"
)


def parse_fault(text: str) -> dict[str, Any]:
    """Return the record of a fault as the command line spells it:
    `NAME[/SITE][=SECONDS][:TIMES][@USER]`.

    Returns:
        A document for the store with `name`, `seconds`, `times` (-1 for always), `user` (None for
        everybody) and `site` (None for all).

    Raises:
        ValueError: The spelling or the name is unknown; the message lists the names.
    """
    match = _SPELLING.fullmatch(text)
    if not match or match["name"] not in FAULTS:
        raise ValueError(
            f"no fault {text!r}: write NAME[/SITE][=SECONDS][:TIMES|:always][@USER], NAME one of "
            f"{', '.join(FAULTS)}"
        )
    times = match["times"] or "1"
    identifier = (
        f"{match['name']}{'/' * bool(match['site'])}{match['site'] or ''}@{match['user'] or '*'}"
    )
    seconds = float(match["seconds"]) if match["seconds"] else FAULTS[match["name"]].seconds
    fault = {name: match[name] for name in ("name", "site", "user")} | {
        "id": identifier,
        "seconds": seconds,
    }
    return fault | {"times": -1 if times == "always" else int(times)}
