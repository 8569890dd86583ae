"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import numpy as np


def nodes_by_provider__events_counted(events):
    """Every event is counted, so a node that ran ten times counts ten times."""
    counts = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            provider = event["args"]["provider"]
            counts[provider] = counts.get(provider, 0) + 1
    return counts


def nodes_by_provider__operators_counted(events):
    """The different operators are counted instead of the nodes, so ten convolutions count as one."""
    operators = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            operators.setdefault(event["args"]["provider"], set()).add(event["args"]["op_name"])
    return {provider: len(names) for provider, names in operators.items()}


def joules_an_image__plain_mean_of_readings(times_s, watts, images):
    """The plain mean of all readings is multiplied by the whole time, though the readings are not evenly spaced."""
    return np.mean(watts) * (times_s[-1] - times_s[0]) / images


def joules_an_image__images_a_joule(times_s, watts, images):
    """The ratio is upside down: the images for one joule are returned, not the joules for one image."""
    joules = 0
    for i in range(1, len(times_s)):
        joules += (watts[i - 1] + watts[i]) / 2 * (times_s[i] - times_s[i - 1])
    return images / joules
