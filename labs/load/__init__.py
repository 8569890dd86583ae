"""Load on real servers: closed and open loops in a process of their own, recorded with everything a grader needs."""

from labs.load.loops import Snapshot, closed_loop, open_loop
from labs.load.record import NothingAnsweredError
from labs.load.sweep import keeps_up, sweep_concurrency, sweep_rate
from labs.load.target import Served, Target, predict, predict_raw
from labs.load.triton import image_inputs, tensor_inputs, triton_grpc, triton_http
from labs.progress import Cancelled

__all__ = [
    "Cancelled",
    "NothingAnsweredError",
    "Served",
    "Snapshot",
    "Target",
    "closed_loop",
    "image_inputs",
    "keeps_up",
    "open_loop",
    "predict",
    "predict_raw",
    "sweep_concurrency",
    "sweep_rate",
    "tensor_inputs",
    "triton_grpc",
    "triton_http",
]
