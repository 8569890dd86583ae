"""Another right way to write the functions of "ExecuTorch and XNNPACK"."""

import numpy as np


def changed(before, after, labels):
    before, after, labels = map(np.asarray, (before, after, labels))
    differs = before != after
    return int(differs.sum()), int((differs & (before == labels)).sum())
