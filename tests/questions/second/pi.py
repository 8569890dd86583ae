"""Second right solutions."""

from statistics import median


def throttled(flags):
    """Return both bits by their worth."""
    return (flags & 4) == 4, (flags & 2**18) == 2**18


def slow_down(windows_ms, count):
    """Return the ratio of two medians."""
    return median(windows_ms[len(windows_ms) - count :]) / median(windows_ms[:count])
