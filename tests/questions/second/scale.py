"""Second right solutions: written another way, they must agree with the first whatever is drawn."""


def replicas(ongoing, target_ongoing, least, most):
    """Count up to the first number that is enough."""
    wanted = least
    while wanted * target_ongoing < ongoing and wanted < most:
        wanted += 1
    return wanted


def idle(arrivals_s, seconds_each, keep_s, dollars_an_hour):
    """Go through the night, request by request."""
    starts, kept_s, gone_s = 0, 0.0, -1.0
    for place, arrival_s in enumerate(arrivals_s):
        starts += arrival_s > gone_s
        answer_s = arrival_s + seconds_each
        gone_s = answer_s + keep_s
        following = arrivals_s[place + 1] if place + 1 < len(arrivals_s) else float("inf")
        kept_s += min(gone_s, following) - answer_s
    return int(starts), kept_s * dollars_an_hour / 3600
