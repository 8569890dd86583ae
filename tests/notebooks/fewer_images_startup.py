"""Runs at the start of a kernel of part 1, whose lessons spend half of their time on accuracy: one image in three.

IPython runs this file because the test makes it part of a profile; no lesson and no code of the course knows about it.
"""

import itertools

import labs.dataset

_iterate = labs.dataset.iterate
# In order, so the classes stay as they are. Not the training images: calibration takes its own number of those.
labs.dataset.iterate = lambda root, split: itertools.islice(
    _iterate(root, split), 0, None, 1 if split == "training" else 3
)
