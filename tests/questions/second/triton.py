"""Second right solutions of "Serve with Triton"."""


def inside(requests_a_second, latency_s):
    """Count the requests that come while one of them stays, a millisecond at a time."""
    return requests_a_second / 1000 * (latency_s * 1000)
