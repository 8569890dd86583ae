"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import numpy as np


def fold__input_channels_scaled(weight, bias, gamma, beta, mean, variance, epsilon):
    """The factor is multiplied along the weight's input channels instead of its output channels."""
    factor = gamma / np.sqrt(variance + epsilon)
    return weight * factor.reshape(1, -1, 1, 1), (bias - mean) * factor + beta


def fold__old_bias_not_scaled(weight, bias, gamma, beta, mean, variance, epsilon):
    """The convolution's own bias is added as it was, without BatchNorm's factor."""
    factor = gamma / np.sqrt(variance + epsilon)
    return weight * factor[:, None, None, None], bias + beta - mean * factor


def offset__row_times_height(layout, channel, row, column, channels, height, width):
    """A row is taken to be as long as the image's height instead of its width."""
    if layout == "NCHW":
        return channel * height * width + row * height + column
    return (row * height + column) * channels + channel


def offset__itself_counted(layout, channel, row, column, channels, height, width):
    """The number itself is counted too, so the result is one more than the numbers before it."""
    if layout == "NCHW":
        return (channel * height + row) * width + column + 1
    return (row * width + column) * channels + channel + 1


def time_by_operator__overwritten(events):
    """Each event overwrites the operator's time instead of adding to it, so only the last one is left."""
    times = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            times[event["args"]["op_name"]] = event["dur"]
    return dict(sorted(times.items(), key=lambda item: item[1], reverse=True))
