"""Runs at the start of a kernel of part 1, whose lessons spend half of their time on accuracy: one image in three.

IPython runs this file because the test makes it part of a profile; no lesson and no code of the course knows about it.
"""

import itertools

import labs.dataset

_iterate = labs.dataset.iterate
# In order, so the classes stay as they are. Calibration and the search for a budget keep their images.
labs.dataset.iterate = lambda root, split: itertools.islice(
    _iterate(root, split), 0, None, 3 if split == "evaluation" else 1
)
