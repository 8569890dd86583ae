"""Other right ways to write the functions of "Compile the graph"."""

from collections import Counter

import numpy as np


def fold(weight, bias, gamma, beta, mean, variance, epsilon):
    """Channel by channel."""
    weights, biases = [], []
    for channel, kernel in enumerate(weight):
        deviation = (variance[channel] + epsilon) ** 0.5
        weights.append(kernel / deviation * gamma[channel])
        biases.append(beta[channel] + gamma[channel] * (bias[channel] - mean[channel]) / deviation)
    return np.array(weights), np.array(biases)


def time_by_operator(events):
    """With a Counter, and the longest first."""
    times = Counter()
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            times[event["args"]["op_name"]] += event["dur"]
    return dict(times.most_common())


def offset(layout, channel, row, column, channels, height, width):
    """As numpy counts."""
    if layout == "NCHW":
        return np.ravel_multi_index((channel, row, column), (channels, height, width))
    return np.ravel_multi_index((row, column, channel), (height, width, channels))
