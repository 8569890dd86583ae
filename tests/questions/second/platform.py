"""Second right solutions of the platform's functions."""


def retry(failed_tries, status):
    """Look it up."""
    own_fault = status // 100 == 4 and status != 429
    waits = {1: 0.1, 2: 0.2, 3: 0.4, 4: 0.5}
    return -1 if own_fault else waits.get(failed_tries, -1)


def canary(stable, canary):
    """Say what must hold for a promotion."""
    if canary["requests"] <= 14:
        return "wait"
    rates = [one["errors"] / one["requests"] for one in (stable, canary)]
    good = rates[1] <= rates[0] + 0.01 and canary["p95_s"] <= stable["p95_s"] * 1.5
    return "promote" if good else "roll back"
