"""What lessons show: measurement with progress, pictures and tables, each with the same content as text.

Every function returns an object that a notebook shows as HTML or as a live widget; ``.text`` and ``print`` give the
same content in words and columns.
"""

from labs.widgets.comparison import comparison_table
from labs.widgets.distribution import latency_distribution
from labs.widgets.frontier import frontier
from labs.widgets.measure import measure
from labs.widgets.progress import Stopped, run_with_progress
from labs.widgets.quantization import quantization_explorer
from labs.widgets.quantization_view import Settings, quantized
from labs.widgets.scoreboard import Points, scoreboard

__all__ = [
    "Points",
    "Settings",
    "Stopped",
    "comparison_table",
    "frontier",
    "latency_distribution",
    "measure",
    "quantization_explorer",
    "quantized",
    "run_with_progress",
    "scoreboard",
]
