"""The one place where numbers become text: seconds inside, milliseconds on screen."""

import re

#: Control characters but the tab and the new line (ESC begins a terminal's commands, CR goes back
#: over a line), and the signs that turn the direction of a text around (Unicode, UAX #9).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds with three significant digits, such as '2.69 ms'."""
    return f"{_significant(seconds * 1e3)} ms"


def duration(seconds: float) -> str:
    """Return a longer duration as a person says it: '45 s', '3 min 20 s', '2 h 5 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest_s = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s"
    hours, rest_min = divmod(minutes, 60)
    return f"{hours} h {rest_min} min"


def megabytes(size_bytes: float) -> str:
    """Return a size in megabytes of 10**6 bytes, such as '2.43 MB'."""
    return f"{_significant(size_bytes / 1e6)} MB"


def percent(fraction: float) -> str:
    """Return a fraction as a percentage with one decimal, such as '88.6 %'."""
    return f"{fraction * 100:.1f} %"


def rate(per_second: float, what: str = "photos/s") -> str:
    """Return a rate without decimals above ten, such as '868 photos/s'."""
    if per_second >= 10:
        return f"{per_second:,.0f} {what}"
    return f"{per_second:.1f} {what}"


def _significant(number: float) -> str:
    if number == 0:
        return "0"
    decimals = 0
    if abs(number) < 10:
        decimals = 2
    elif abs(number) < 100:
        decimals = 1
    return f"{number:,.{decimals}f}"


#: An option's numbers: the heading of a column, and how a value is written.
NUMBERS = {
    "accuracy": ("accuracy", percent),
    "p50_s": ("p50", milliseconds),
    "p95_s": ("p95", milliseconds),
    "p99_s": ("p99", milliseconds),
    "batch_fps": ("throughput", rate),
    "size_bytes": ("size", megabytes),
}


def printable(text: str) -> str:
    """Return a text without characters that a terminal, a table or a page would obey."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", lines)


def points_in_words(count: float) -> str:
    """Return a number of points as it is read, to a tenth."""
    tenths = round(count, 1)
    return "1 point" if tenths == 1 else f"{tenths:g} points"
