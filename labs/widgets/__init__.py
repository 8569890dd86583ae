"""The widgets of lessons besides charts: tables, measuring with progress and Cancel, controls.

Every function returns an object that a notebook shows as HTML or as a live widget; ``.text`` and
``print`` give the same content in words and columns.
"""

from labs.widgets.explore import explore
from labs.widgets.measure import compare, compare_there, evaluate, measure_there
from labs.widgets.progress import Stopped, run_with_progress
from labs.widgets.scoreboard import scoreboard

__all__ = [
    "Stopped",
    "compare",
    "compare_there",
    "evaluate",
    "explore",
    "measure_there",
    "run_with_progress",
    "scoreboard",
]
