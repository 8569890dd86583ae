"""The student's own time zone: found, chosen, and kept for the next notebook."""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from provisioning.setup.record import state_folder

#: Offered first: where Chameleon's sites and most of its classes are.
FIRST = ("America/Chicago", "America/New_York", "America/Denver", "America/Los_Angeles", "UTC")

#: File that holds the student's choice.
_CHOICE_NAME = "time-zone"


def find_zone(
    name: str | None = None, environ: Mapping[str, str] = os.environ, otherwise: str = ""
) -> ZoneInfo:
    """Return the zone asked for, else the one kept from an earlier choice, else the given one, else
    this computer's.

    A named zone knows when the clocks change; the offset that Python reports for 'local' does not.

    Args:
        name: such as ``"America/Chicago"``; None looks further.
        otherwise: a zone where none was chosen, such as a class's; empty for this computer's.

    Raises:
        ValueError: there is no zone of that name.
    """
    if name is not None:
        return _zone(name)
    # Linux and macOS: a link into the database, whose tail is the name.
    of_this_computer = str(Path("/etc/localtime").resolve()).rpartition("zoneinfo/")[2]
    of_environment = environ.get("TZ", "").removeprefix(":")
    chosen = ""
    with suppress(OSError):
        chosen = (state_folder(environ) / _CHOICE_NAME).read_text(encoding="utf-8").strip()
    for candidate in (chosen, otherwise, of_environment, of_this_computer):
        with suppress(ValueError):
            return _zone(candidate)
    return ZoneInfo("UTC")


def keep_zone(zone: ZoneInfo, environ: Mapping[str, str] = os.environ) -> None:
    """Remember the choice for the next notebook; a folder that cannot be written to costs the
    memory only.
    """
    folder = state_folder(environ)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CHOICE_NAME).write_text(zone.key + "\n", encoding="utf-8")


@cache
def zone_names(first: str) -> tuple[str, ...]:
    """Return every zone's name: the student's own, then the likely ones, then the rest by name."""
    # Names without a place are kept in the database for old programs.
    places = [name for name in available_timezones() if "/" in name]
    real = sorted(name for name in places if not name.startswith("Etc/"))
    return tuple(dict.fromkeys([first, *FIRST, *real]))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"no time zone {name!r}: write it as a place, such as 'America/Chicago'"
        ) from error
