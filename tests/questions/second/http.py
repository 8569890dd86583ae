"""Second right solutions of "Serve over HTTP"."""


def may_wait(deadline_s, seconds_each, workers):
    """Add a round of waiting photos as long as it still ends in time."""
    waiting, ends_s = 0, 2 * seconds_each
    while ends_s <= deadline_s:
        waiting, ends_s = waiting + workers, ends_s + seconds_each
    return waiting
