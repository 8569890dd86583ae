"""A second right solution."""

import numpy as np


def sdot(sums, activations, weights):
    """Return the sums, one group of four after the other."""
    found = [int(one) for one in sums]
    for place in range(16):
        found[place // 4] += int(activations[place]) * int(weights[place])
    return np.array(found, np.int32)
