"""Load on real servers: closed and open loops in a separate process, recorded with everything a
grader needs.
"""

from labs.load.loops import closed_loop, open_loop
from labs.load.record import NothingAnsweredError
from labs.load.served import image_inputs, tensor_inputs
from labs.load.target import LoadTarget, Served, predict

__all__ = [
    "LoadTarget",
    "NothingAnsweredError",
    "Served",
    "closed_loop",
    "image_inputs",
    "open_loop",
    "predict",
    "tensor_inputs",
]
