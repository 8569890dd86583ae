"""The course's one benchmark: latency, throughput, accuracy, size and cold start, as records with raw samples."""

from labs.bench.accuracy import accuracy
from labs.bench.cold import cold_start
from labs.bench.compare import Comparison, compare
from labs.bench.latency import latency
from labs.bench.recording import size
from labs.bench.suite import measure_option
from labs.bench.throughput import throughput
from labs.progress import Cancelled, OnProgress

__all__ = [
    "Cancelled",
    "Comparison",
    "OnProgress",
    "accuracy",
    "cold_start",
    "compare",
    "latency",
    "measure_option",
    "size",
    "throughput",
]
