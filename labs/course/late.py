"""The cost of lateness: a share of the part's points for each begun day, or a pool of hours for all
parts.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, Strict, ValidationInfo
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

#: Settings for reading a table of the assignment's file: only known keys, unchangeable afterwards.
TABLE = ConfigDict(
    extra="forbid", validate_by_name=True, validate_by_alias=True, arbitrary_types_allowed=True
)

_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


def _share(value: object, info: ValidationInfo) -> object:
    """Return '10 %' as 0.1; a bare number could be either, so a file has to write the sign."""
    if info.context is None:
        return value
    percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    shown = {"name": str(info.field_name), "value": repr(value)}
    if percent is None:
        raise PydanticCustomError("share", '{name} is {value}; write it as "10 %"', shown)
    if float(percent[1]) > 100:
        raise PydanticCustomError(
            "share", "{name} is {value}; all there is to lose is 100 %", shown
        )
    return float(percent[1]) / 100


#: A share of something, 0 to 1; a text with a percent sign in a file.
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]


@dataclass(frozen=True, config=TABLE)
class Late:
    """The cost of lateness in one part."""

    #: Share of the part's points that each begun day takes off.
    per_day: Share
    #: Days after which nothing is taken any more.
    days: Annotated[int, Strict(), Field(ge=0)]

    def off(self, late: timedelta) -> float:
        """Return the share of the part's points that is taken off; 0 if it was in time, and
        ``late`` not above 0.
        """
        late_days = _begun(late, timedelta(days=1))
        if late_days > self.days:
            return 1.0
        return min(1.0, self.per_day * late_days)


#: Nothing counts that comes late.
NOTHING_LATE = Late(0.0, 0)


@dataclass(frozen=True, config=TABLE)
class Pool:
    """Hours of lateness that a student has for all parts, and the cost of each begun hour
    beyond.
    """

    pool_h: Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
    #: Share of the part's points that each begun hour takes off when the pool is empty.
    per_hour: Share

    def off(self, late: Iterable[timedelta]) -> list[float]:
        """Return the share of each part's points that is taken off, in the order in which they were
        due.

        Zero or less late is in time.
        """
        left = timedelta(hours=self.pool_h)
        shares = []
        for lateness in late:
            used = max(timedelta(0), lateness)
            hours_beyond = _begun(lateness - left, timedelta(hours=1))
            left = max(timedelta(0), left - used)
            shares.append(min(1.0, self.per_hour * hours_beyond))
        return shares


def _begun(late: timedelta, unit: timedelta) -> int:
    """Return how many units have begun: none if it was in time."""
    whole, rest = divmod(late, unit)
    begun = whole + 1 if rest else whole
    return max(0, begun)
