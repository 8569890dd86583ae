"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""


def inside__divided(requests_a_second, latency_s):
    """The rate is divided by the latency instead of multiplied by it."""
    return requests_a_second / latency_s


def inside__printed(requests_a_second, latency_s):
    """The result is printed and not returned, so the caller gets None."""
    print(requests_a_second * latency_s)
