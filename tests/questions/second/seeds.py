"""A second right solution of "Three seeds, four bits"."""

from statistics import mean

from labs.stats import mean_interval


def gain(with_it, without):
    """Leave the t distribution to the course's own statistics."""
    apart = [100 * (one - other) for one, other in zip(with_it, without, strict=True)]
    interval = mean_interval(apart)
    return [mean(apart), interval.low, interval.high]
