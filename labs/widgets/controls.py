"""Controls in a notebook: clicks while a cell runs, keys that stay in the widget, names.

JupyterLab (4.4 and newer) sends a widget's clicks to a *subshell* of the kernel, which is a
separate thread (ipykernel 7 and newer). So Cancel works although the main thread is busy. Without
subshells the toolbar's stop button does the same. Source: JEP 91 (kernel subshells); JupyterLab's
setting 'Kernel Comms over subshells'.
"""

from collections.abc import Sequence

import ipywidgets
from IPython import get_ipython

#: Class of an HTML widget in ``controls`` whose text is announced whenever it changes.
SPOKEN = "msl-spoken"

# JupyterLab looks for its shortcuts before the page hears of a key ('a' inserts a cell, 'x' cuts
# one), except for an element with data-lm-suppress-shortcuts: the focused one itself, since its own
# selector is tried first. Source: Lumino, packages/commands, `targetDistance`. One listener serves
# the whole page. ipywidgets name most controls by their label; sliders and groups of radio buttons
# lack one.
_SCRIPT = """if (!window.mslControls) {
  const nameless = '.noUi-handle, .widget-readout, .widget-radio-box';
  const name = box => {
    box.querySelectorAll('.msl-spoken').forEach(at => at.setAttribute('role', 'status'));
    box.querySelectorAll(nameless).forEach(at => {
      const row = at.closest('.widget-inline-hbox, .widget-radio');
      const label = row?.querySelector('.widget-label');
      if (!label || at.ariaLabel) return;
      if (at.matches('.widget-radio-box')) at.setAttribute('role', 'radiogroup');
      at.setAttribute('aria-label', label.textContent);
    });
  };
  document.addEventListener('focusin', event => {
    const box = event.target.closest('.msl-controls');
    if (!box) return;
    name(box);
    event.target.setAttribute('data-lm-suppress-shortcuts', 'true');
  }, true);
  window.mslControls = name;
}
const nameAll = tries => {
  document.querySelectorAll('.msl-controls').forEach(window.mslControls);
  if (tries) setTimeout(nameAll, 400, tries - 1);
};
nameAll(5);"""


def has_kernel() -> bool:
    """Return whether this process is a notebook's kernel rather than a plain Python."""
    return getattr(get_ipython(), "kernel", None) is not None


def heard_while_busy() -> bool:
    """Return whether this kernel handles a widget's messages while a cell runs."""
    kernel = getattr(get_ipython(), "kernel", None)
    features = getattr(kernel, "kernel_info", {}).get("supported_features", [])
    return "kernel subshells" in features


def hear_while_busy(*buttons: ipywidgets.Button) -> None:
    """Have clicks handled in the subshell that the browser named, also on ipykernel 7.4.

    That version sends a widget's messages to the shell that last spoke to the widget, which is the
    busy one. Its rule is an attribute of the comm that older versions do not have; without it the
    browser's choice stands.
    """
    for button in buttons:
        if button.comm is not None:
            button.comm._reply_subshell_for = None


def controls(children: Sequence[ipywidgets.Widget], **layout: object) -> ipywidgets.VBox:
    """Return a box of controls, in the order of the Tab key, with names.

    They keep the keyboard to themselves.
    """
    image = f'<img src="data:," alt="" hidden onerror="{_SCRIPT}">'
    script = ipywidgets.HTML(image, layout={"display": "none"})
    box = ipywidgets.VBox([*children, script], layout=ipywidgets.Layout(**layout))
    return box.add_class("msl-controls")
