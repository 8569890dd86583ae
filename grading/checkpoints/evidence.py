"""Small questions that judges ask of numbers and times in evidence."""

from __future__ import annotations

from datetime import datetime


def moment(stamp: str) -> datetime:
    """Return an ISO 8601 time stamp as a date and time that can be compared."""
    return datetime.fromisoformat(stamp)


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_close(value: float, expected: float, *, within: float = 0.01) -> bool:
    """Return whether a number equals another up to a relative difference."""
    return abs(value - expected) <= within * abs(expected)
