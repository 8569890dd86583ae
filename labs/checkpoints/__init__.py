"""The questions of a lesson: ``predict``, ``predicted`` and ``check``, and ``begin`` in its first
cell.

They are imported at their first use: a grader judges with ``labs.course.question`` and has no
widgets.
"""

from importlib import import_module

__all__ = ["NotThereYetError", "check", "predict", "predicted"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.notebook"), name)
