"""Clicks that arrive while a cell runs.

JupyterLab (4.4 and newer) sends what a widget's button does to a *subshell* of the kernel, a thread of its own
(ipykernel 7 and newer), so that Cancel works although the main thread is busy. Without subshells the toolbar's stop
button does the same.

Source: JEP 91 (kernel subshells); JupyterLab's setting 'Kernel Comms over subshells'.
"""

from __future__ import annotations

from IPython import get_ipython


def has_kernel() -> bool:
    """Return whether this is a notebook's kernel, and not a plain Python process."""
    return getattr(get_ipython(), "kernel", None) is not None


def heard_while_busy() -> bool:
    """Return whether this kernel handles a widget's messages while a cell runs."""
    kernel = getattr(get_ipython(), "kernel", None)
    return "kernel subshells" in getattr(kernel, "kernel_info", {}).get("supported_features", [])


def hear_while_busy(*buttons) -> None:
    """Have clicks handled in the subshell that the browser named, also on ipykernel 7.4.

    That version sends a widget's messages to the shell that last spoke to the widget, which is the busy one. Its rule
    is an attribute of the comm that older versions do not have; without it the browser's choice stands.
    """
    for button in buttons:
        if button.comm is not None:
            button.comm._reply_subshell_for = None
