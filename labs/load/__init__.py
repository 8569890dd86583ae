"""Load on real servers: closed and open loops in a process of their own, recorded with everything a grader needs."""

from labs.load.loops import closed_loop, open_loop
from labs.load.record import NothingAnsweredError
from labs.load.served import image_inputs, tensor_inputs, triton_grpc, triton_http
from labs.load.target import Served, Target, predict, predict_raw
from labs.runtimes.progress import Cancelled

__all__ = [
    "Cancelled",
    "NothingAnsweredError",
    "Served",
    "Target",
    "closed_loop",
    "image_inputs",
    "open_loop",
    "predict",
    "predict_raw",
    "tensor_inputs",
    "triton_grpc",
    "triton_http",
]
