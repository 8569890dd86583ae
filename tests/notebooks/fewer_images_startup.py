"""Runs at the start of a kernel of part 1, whose lessons spend half of their time on images: one in three.

IPython runs this file because the test makes it part of a profile; no lesson and no code of the course knows about it.
"""

import itertools

import labs.data.dataset

_iterate, _load_split = labs.data.dataset.iterate, labs.data.dataset.load_split
# In order, so the classes stay as they are. Calibration and the search for a budget keep their images.
labs.data.dataset.iterate = lambda root, split: itertools.islice(
    _iterate(root, split), 0, None, 3 if split == "evaluation" else 1
)


def _load_fewer(root, split, limit=None, **how):
    if split == "training" and limit is None:  # to train with, not to calibrate
        limit = len(list(_iterate(root, split))) // 3
    return _load_split(root, split, limit, **how)


labs.data.dataset.load_split = _load_fewer
