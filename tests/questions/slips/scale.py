"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import math


def replicas_wanted__rounded_down(ongoing, target_ongoing, least, most):
    """The number of replicas is rounded down by // instead of up, so the last requests get no replica."""
    return min(most, max(least, ongoing // target_ongoing))


def replicas_wanted__most_forgotten(ongoing, target_ongoing, least, most):
    """The upper bound is forgotten, so a crowd of requests gets more replicas than are allowed."""
    return max(least, math.ceil(ongoing / target_ongoing))


def idle_dollars__last_keep_forgotten(arrivals_s, seconds_each, keep_s, dollars_an_hour):
    """The seconds that the replica is kept after the very last answer are not paid for."""
    cold = 1
    idle_s = 0
    for before, arrival in zip(arrivals_s[:-1], arrivals_s[1:], strict=True):
        gap = arrival - (before + seconds_each)
        if gap > keep_s:
            cold += 1
        idle_s += min(gap, keep_s)
    return cold, idle_s / 3600 * dollars_an_hour


def idle_dollars__kept_from_arrival(arrivals_s, seconds_each, keep_s, dollars_an_hour):
    """The idle time is counted from a request's arrival instead of from its answer, so computing counts as idle."""
    cold = 0
    idle_s = 0
    last = None
    for arrival in arrivals_s:
        if last is None:
            cold += 1
        elif arrival - last > keep_s:
            cold += 1
            idle_s += keep_s
        else:
            idle_s += arrival - last
        last = arrival
    idle_s += keep_s
    return cold, idle_s * dollars_an_hour / 3600
