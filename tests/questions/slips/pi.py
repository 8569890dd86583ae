"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import numpy as np


def throttled__bit_number_as_mask(flags):
    """The numbers of the bits, 2 and 18, are used as masks instead of 1 shifted by them."""
    return bool(flags & 2), bool(flags & 18)


def throttled__compared_whole(flags):
    """The whole number is compared with one bit, so any other bit that is set hides it."""
    return flags == 1 << 2, flags == 1 << 18


def slow_down__mean_for_median(windows_ms, count):
    """The mean of the windows is taken instead of their median, so one outlier moves it."""
    return np.mean(windows_ms[-count:]) / np.mean(windows_ms[:count])


def slow_down__sorted_first(windows_ms, count):
    """The windows are sorted for the median before they are split, so the fastest and the slowest are compared."""
    windows_ms = sorted(windows_ms)
    return np.median(windows_ms[-count:]) / np.median(windows_ms[:count])
