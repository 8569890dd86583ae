"""Charts of what was measured: each takes records or plain rows, and returns a chart with tooltips, a description for
screen readers, and the same content as a table and as text."""

from labs.charts.designs import design_frontier
from labs.charts.frame import Chart
from labs.charts.kernels import access_map, roofline
from labs.charts.latency import latency_distribution

__all__ = ["Chart", "access_map", "design_frontier", "latency_distribution", "roofline"]
