"""Charts of what was measured: each takes records (a whole ledger will do), and returns a chart with tooltips, a
description for screen readers, and the same content as a table and as text."""

from labs.charts.changes import before_after, side_by_side
from labs.charts.designs import design_frontier
from labs.charts.frame import Chart
from labs.charts.kernels import access_map, roofline
from labs.charts.latency import latency_distribution, thread_sweep, throughput_curve
from labs.charts.load import batch_histogram, endurance, latency_curve, queue_compute
from labs.charts.model import channel_ranges, operator_profile
from labs.charts.options import accuracy_latency, frontier_chart, frontiers
from labs.charts.quantization import Settings, quantized
from labs.charts.series import over_time

__all__ = [
    "Chart",
    "Settings",
    "access_map",
    "accuracy_latency",
    "batch_histogram",
    "before_after",
    "channel_ranges",
    "design_frontier",
    "endurance",
    "frontier_chart",
    "frontiers",
    "latency_curve",
    "latency_distribution",
    "operator_profile",
    "over_time",
    "quantized",
    "queue_compute",
    "roofline",
    "side_by_side",
    "thread_sweep",
    "throughput_curve",
]
