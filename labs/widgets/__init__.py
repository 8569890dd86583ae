"""What lessons show beside charts: tables, measuring with progress and Cancel, and widgets to turn and press.

Every function returns an object that a notebook shows as HTML or as a live widget; ``.text`` and ``print`` give the
same content in words and columns. What needs more than Chameleon's own Jupyter has (charts, a load generator, a
server's settings) is imported when it is asked for; the look (``labs.display``), which provisioning shares,
needs none of it.
"""

from importlib import import_module

from labs.display.table import facts
from labs.widgets.measure import compare, compare_there, evaluate, measure_there
from labs.widgets.progress import Stopped, run_with_progress
from labs.widgets.scoreboard import scoreboard

#: Names that are imported when they are asked for, with their modules.
_LATER = {
    "design_explorer": "explorers",
    "image_grid": "images",
}

__all__ = [
    "Stopped",
    "compare",
    "compare_there",
    "evaluate",
    "facts",
    "measure_there",
    "run_with_progress",
    "scoreboard",
]
__all__ += sorted(_LATER)


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
