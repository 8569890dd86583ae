"""A second right solution."""


def budget(size_bytes, most_bytes, right, total, least_accuracy):
    """Return the names of the bounds that do not hold."""
    holds = {"size": size_bytes <= most_bytes, "accuracy": right >= least_accuracy * total}
    return [name for name, true in holds.items() if not true]
