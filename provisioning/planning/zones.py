"""The student's own time zone: found, chosen, and kept for the next notebook."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from provisioning.setup.record import state_folder

#: Offered first: where Chameleon's sites and most of its classes are.
FIRST = ("America/Chicago", "America/New_York", "America/Denver", "America/Los_Angeles", "UTC")

_KEPT_IN = "time-zone"
#: Names that are no places: kept in the database for old programs.
_OLD_FORMS = ("Etc/", "SystemV/", "posix", "right/")


class UnknownZoneError(ValueError):
    """No such time zone; the message shows how they are written."""


def find_zone(name: str | None = None, environ: Mapping[str, str] = os.environ) -> ZoneInfo:
    """Return the zone asked for, else the one kept from an earlier choice, else this computer's.

    A named zone knows when the clocks change; the offset that Python reports for 'local' does not.

    Args:
        name: such as ``"America/Chicago"``; None looks further.
        environ: environment, for the kept choice and ``TZ``.

    Raises:
        UnknownZoneError: there is no zone of that name.
    """
    if name is not None:
        return _zone(name)
    for each in (_kept(environ), *_of_this_computer(environ)):
        try:
            if each:
                return _zone(each)
        except UnknownZoneError:
            continue
    return ZoneInfo("UTC")


def keep_zone(zone: ZoneInfo, environ: Mapping[str, str] = os.environ) -> None:
    """Remember the choice for the next notebook; a folder that cannot be written to costs the memory only."""
    try:
        folder = state_folder(environ)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _KEPT_IN).write_text(zone.key + "\n", encoding="utf-8")
    except OSError:
        return


def zone_names(first: str) -> list[str]:
    """Return every zone's name, the student's own first, then the likely ones, then the rest by name."""
    return list(dict.fromkeys([first, *FIRST, *_places()]))


@cache
def _places() -> tuple[str, ...]:
    # Python looks through hundreds of files for them.
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith(_OLD_FORMS)))


def said_of(zone: ZoneInfo, moment: datetime) -> str:
    """Return the zone in words: its name and how far it is from UTC at that moment."""
    return f"{zone.key} ({_offset(moment.astimezone(zone))})"


def is_doubtful(zone: tzinfo, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether UTC was taken only because this computer says nothing better, as servers in a cloud do."""
    return getattr(zone, "key", "") in ("UTC", "Etc/UTC") and not _kept(environ)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZoneError(f"no time zone {name!r}: write it as a place, such as 'America/Chicago'") from error


def _kept(environ: Mapping[str, str]) -> str:
    try:
        return (state_folder(environ) / _KEPT_IN).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _of_this_computer(environ: Mapping[str, str]) -> list[str]:
    found = [environ.get("TZ", "").removeprefix(":")]
    # Linux and macOS: a link into the database, whose tail is the name.
    place = Path("/etc/localtime")
    if place.is_symlink():
        found.append(str(place.resolve()).rpartition("zoneinfo/")[2])
    with contextlib.suppress(OSError):
        found.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    return found


def _offset(moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta()
    if not offset:
        return "UTC"
    minutes = int(abs(offset).total_seconds() // 60)
    sign = "−" if offset < timedelta() else "+"
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "")
