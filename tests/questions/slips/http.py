"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""


def may_wait__own_time_forgotten(deadline_s, seconds_each, workers):
    """The whole deadline is given to waiting; the time that the request itself needs is not taken off."""
    return int(deadline_s / seconds_each * workers)


def may_wait__workers_ignored(deadline_s, seconds_each, workers):
    """The workers are ignored, as if a single one answered all that wait."""
    return max(0, int((deadline_s - seconds_each) / seconds_each))
