"""Second right solutions."""

import numpy as np


def nodes(events):
    """Return the number of different names by provider."""
    found = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            found.setdefault(event["args"]["provider"], set()).add(event["name"])
    return {provider: len(names) for provider, names in found.items()}


def joules(times_s, watts, images):
    """Return the area below the line, over the images."""
    return float(np.trapezoid(watts, times_s)) / images
