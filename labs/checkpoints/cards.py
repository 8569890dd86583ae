"""What a notebook shows: plain HTML cards that follow JupyterLab's theme, each with its text equivalent.

Neither colour nor sign stands alone: every card begins with a word. All text is escaped, since answers are shown back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from labs.checkpoints.question import Question, State, Verdict

#: JupyterLab's own variables, so that a card is readable in light and dark themes; the second value is for elsewhere.
_TEXT = "var(--jp-ui-font-color1, #1a1a1a)"
_PAPER = "var(--jp-layout-color1, #ffffff)"
_LINE = "var(--jp-border-color2, #d0d0d0)"
_CODE = "var(--jp-layout-color2, #eeeeee)"
_TONES = {
    State.PASSED: "var(--jp-success-color1, #2e7d32)",
    State.FAILED: "var(--jp-error-color1, #c62828)",
    State.MISSING: "var(--jp-warn-color1, #b26a00)",
    State.UNANSWERED: "var(--jp-ui-font-color3, #8a8a8a)",
    None: "var(--jp-brand-color1, #1565c0)",
}

_SIGNS = {State.PASSED: "✓", State.FAILED: "✗", State.MISSING: "▷", State.UNANSWERED: "○", None: "✎"}
_SAID = {
    State.PASSED: "right",
    State.FAILED: "not right yet",
    State.MISSING: "something has to run first",
    State.UNANSWERED: "not answered yet",
}


@dataclass(frozen=True)
class Card:
    """A framed message, and the same as text."""

    #: First line, in bold.
    headline: str
    #: How the question stands; None for a card that judges nothing.
    state: State | None = None
    #: Sentences below it; backticks mark code.
    sentences: tuple[str, ...] = ()
    #: Pairs of name and value, shown side by side.
    rows: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        said = f": {_SAID[self.state]}" if self.state else ""
        rows = [f"  {name}: {value}" for name, value in self.rows if value]
        return "\n".join([f"{_SIGNS[self.state]} {self.headline}{said}", *filter(None, self.sentences), *rows])

    def _repr_html_(self) -> str:
        body = "".join(f'<p style="margin:4px 0 0">{marked(sentence)}</p>' for sentence in self.sentences if sentence)
        tone = _TONES[self.state]
        # An open question has a dashed frame: it is neither right nor wrong.
        frame = "dashed" if self.state in (State.UNANSWERED, State.MISSING) else "solid"
        said = f' <span style="opacity:.75">{_SAID[self.state]}</span>' if self.state else ""
        label = f"{self.headline}: {_SAID[self.state]}" if self.state else self.headline
        return (
            f'<div role="group" aria-label="{escape(label, quote=True)}" style="border:1px {frame} {_LINE};'
            f"border-left:5px solid {tone};border-radius:6px;background:{_PAPER};color:{_TEXT};"
            f'padding:8px 14px;margin:4px 0;max-width:46em;line-height:1.45">'
            f'<span aria-hidden="true" style="color:{tone};font-weight:bold">{_SIGNS[self.state]}</span> '
            f"<strong>{escape(self.headline)}</strong>{said}{body}{_pairs(self.rows)}</div>"
        )


def verdict_card(asked: Question, verdict: Verdict) -> Card:
    """Return what a check shows."""
    points = f"{asked.points} point{'s' * (asked.points > 1)}"
    hint = f"Hint: {asked.hint}" if verdict.state is State.FAILED and asked.hint else ""
    return Card(f"{asked.title} ({points})", state=verdict.state, sentences=(verdict.message, hint), rows=verdict.shown)


def marked(text: str) -> str:
    """Return a sentence as HTML, with what stands in backticks as code, and links to notebooks as links."""
    code = rf'<code style="background:{_CODE};padding:0 3px;border-radius:3px">\1</code>'
    linked = re.sub(r"\[([^\]]+)\]\(([^()\s:]+\.ipynb(?:#[\w=-]+)?)\)", r'<a href="\2">\1</a>', escape(text))
    return re.sub(r"`([^`\n]+)`", code, linked)


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and values as a description list; JupyterLab would paint a table's rows in stripes."""
    # JupyterLab floats these elements side by side with widths of its own.
    plain = "margin:0;padding:0;float:none;width:auto"
    shown = "".join(
        f'<dt style="{plain};font-weight:normal;opacity:.75;white-space:nowrap">{escape(name)}</dt>'
        f'<dd style="{plain};white-space:pre-wrap">{escape(value)}</dd>'
        for name, value in rows
        if value
    )
    grid = "display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:6px 0 0"
    return f'<dl style="{grid}">{shown}</dl>' if shown else ""
