"""Cards of this room: the course's own look, with a label that says whether this is the rehearsal
or Chameleon.
"""

from html import escape

import ipywidgets

from labs.display import theme


def badge(rehearsed: bool) -> str:
    """Return the HTML of the label that says whether this is the rehearsal or Chameleon."""
    kind, word = ("msl-played", "rehearsal") if rehearsed else ("msl-real", "Chameleon")
    meaning = "Played on this computer: nothing is booked." if rehearsed else "The real testbed."
    return f'<span class="msl-badge {kind}" title="{meaning}">{word}</span>'


def heading(title: str, rehearsed: bool, subtitle: str = "") -> str:
    """Return the HTML of a card's head."""
    return theme.heading(title, subtitle, badge(rehearsed))


def still(title: str, text: str, rehearsed: bool) -> str:
    """Return the HTML of a card with a widget's text twin, for wherever the widget itself does not
    run.
    """
    return theme.card(title, f'<pre class="msl-code">{escape(text)}</pre>', badge=badge(rehearsed))


def html(width: str = "100%") -> ipywidgets.HTML:
    """Return an empty piece of HTML to be filled, of some width."""
    return ipywidgets.HTML(layout=ipywidgets.Layout(width=width, margin="0"))


def note(words: str, kind: str = "msl-bad") -> str:
    """Return the HTML of a message: the fault, lines of a log, its likely cause, and its fix."""
    if not words:
        return ""
    role = "alert" if kind == "msl-bad" else "status"
    inside = f'<pre class="msl-code">{escape(words)}</pre>'
    return f'<div class="msl"><div class="msl-note {kind}" role="{role}">{inside}</div></div>'
