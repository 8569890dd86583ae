"""Second right ways to write the functions of "Measure the model"."""

import numpy as np


def normalize(pixels, mean, std):
    """Return the photo plane by plane."""
    return np.stack([(pixels[:, :, at].astype(np.float32) / 255 - mean[at]) / std[at] for at in range(3)])


def percentile(samples, q):
    """Return what numpy's own method of this definition does."""
    return np.percentile(samples, q, method="inverted_cdf")


def batch(batch_sizes, images_a_second, share):
    """Return the size, found in a loop over the sorted sizes."""
    for size, rate in sorted(zip(batch_sizes, images_a_second, strict=True)):
        if rate / max(images_a_second) >= share:
            return size
    return None
