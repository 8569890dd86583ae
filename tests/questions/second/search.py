"""Second right solutions of the search's functions."""

import math


def meets(latencies_s, failed, limit_s, q, most_failed):
    """A failed request is one that takes for ever."""
    seconds = sorted([*latencies_s, *[math.inf] * failed])
    in_time = sum(one <= limit_s for one in seconds) / len(seconds)
    return in_time >= q / 100 and failed / len(seconds) <= most_failed


def cost(images_a_second, dollars_an_hour):
    """By the images of an hour."""
    return dollars_an_hour / (3600 * images_a_second) * 1_000_000


def halving(trials, limit):
    """Move the ends trial by trial."""
    low, high = 0, limit
    for rate, kept in trials:
        if kept:
            low = max(low, rate)
        else:
            high = min(high, rate)
    return low + (high - low) / 2 if (high - low) / high > 0.2 else None
