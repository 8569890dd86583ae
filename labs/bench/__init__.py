"""The course's one benchmark: latency, throughput, accuracy and size of native objects and
callables, as records with raw samples."""

from labs.bench.measuring import accuracy, size
from labs.bench.targets import describe
from labs.bench.timing import compare, latency, throughput, time_calls
from labs.runtimes.calling import UnknownTargetError, caller
from labs.runtimes.progress import Cancelled

__all__ = [
    "Cancelled",
    "UnknownTargetError",
    "accuracy",
    "caller",
    "compare",
    "describe",
    "latency",
    "size",
    "throughput",
    "time_calls",
]
