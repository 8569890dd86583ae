"""A second right solution."""


def pick(options, most_ms, least_accuracy):
    """Return the first that keeps both bounds, smallest first."""
    for one in sorted(options, key=lambda one: one["size_bytes"]):
        if not (one["p95_ms"] > most_ms or one["accuracy"] < least_accuracy):
            return one["name"]
    return None
