"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import math

import numpy as np


def normalize__reshaped(pixels, mean, std):
    """The channels are brought to the front with reshape instead of transpose, which mixes up the pixels."""
    height, width, channels = pixels.shape
    x = pixels.reshape(channels, height, width).astype(np.float32) / 255
    mean = np.array(mean, dtype=np.float32).reshape(3, 1, 1)
    std = np.array(std, dtype=np.float32).reshape(3, 1, 1)
    return (x - mean) / std


def normalize__mean_before_0_to_1(pixels, mean, std):
    """The mean is subtracted from the bytes before they are divided by 255, not after."""
    x = pixels.astype(np.float32)
    x = (x - np.array(mean, dtype=np.float32)) / 255 / np.array(std, dtype=np.float32)
    return x.transpose(2, 0, 1)


def percentile__interpolated(samples, q):
    """The value is interpolated between two samples as numpy does by default, so it need not be a sample."""
    return np.percentile(samples, q)


def percentile__not_sorted(samples, q):
    """The samples are not sorted, so the rank picks whatever was measured at that place."""
    rank = max(1, math.ceil(q / 100 * len(samples)))
    return samples[rank - 1]


def smallest_good_batch__place_for_size(batch_sizes, images_a_second, share):
    """The place of the batch size in the list is returned instead of the batch size."""
    wanted = share * max(images_a_second)
    for i in range(len(batch_sizes)):
        if images_a_second[i] >= wanted:
            return i


def smallest_good_batch__last_as_highest(batch_sizes, images_a_second, share):
    """The throughput of the last batch size is taken for the highest, though a smaller batch may reach more."""
    highest = images_a_second[-1]
    for size, rate in zip(batch_sizes, images_a_second, strict=True):
        if rate >= share * highest:
            return size
