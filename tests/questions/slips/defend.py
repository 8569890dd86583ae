"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""


def pick__bounds_exclusive(options, most_ms, least_accuracy):
    """An option that lies exactly on a bound is refused, because < and > stand instead of <= and >=."""
    good = [o for o in options if o["p95_ms"] < most_ms and o["accuracy"] > least_accuracy]
    if not good:
        return None
    return min(good, key=lambda o: o["size_bytes"])["name"]


def pick__none_forgotten(options, most_ms, least_accuracy):
    """The case that no option keeps both bounds is forgotten, so min of an empty list raises an error."""
    good = [o for o in options if o["p95_ms"] <= most_ms and o["accuracy"] >= least_accuracy]
    return min(good, key=lambda o: o["size_bytes"])["name"]
