"""Second right solutions of queueing theory's functions."""


def wait(rate_rps, service_s, variability):
    """As the remaining service of those in front."""
    remaining_s = rate_rps * service_s**2 * (1 + variability) / 2
    return remaining_s / (1 - rate_rps * service_s)


def applies(due_rps, answered_rps, alone_s, loaded_s):
    """One assumption after the other."""
    if due_rps >= 1 / alone_s:
        return False
    if answered_rps / due_rps < 0.95:
        return False
    return 0.9 * alone_s <= loaded_s <= 1.1 * alone_s


def inside(begins_s, latencies_s, duration_s):
    """Request by request."""
    total_s = 0.0
    for begin_s, latency_s in zip(begins_s, latencies_s, strict=True):
        total_s += min(latency_s, duration_s - begin_s)
    return total_s / duration_s
