"""The card of a question in a notebook: a note in the course's style, with its text.

Neither colour nor sign stands alone: each note says in words how the question stands. All text is
escaped, since answers are shown back.
"""

import re
from collections.abc import Sequence
from html import escape

from labs.course.question import State
from labs.display.shown import Shown
from labs.display.theme import STYLE

#: Sign, words and class of the style sheet.
_LOOKS = {
    State.PASSED: ("✓", ": right", "msl-good"),
    State.FAILED: ("✗", ": not right yet", "msl-bad"),
    State.MISSING: ("▷", ": something has to run first", "msl-strong"),
    State.UNANSWERED: ("○", ": not answered yet", "msl-soft"),
    State.PENDING: ("…", ": not judged yet", "msl-note"),
    State.VOID: ("–", ": taken out for the whole class", "msl-soft"),
    State.LOST: ("0", ": unlocked, without points", "msl-soft"),
    State.CREDITED: ("+", ": everybody has its points", "msl-soft"),
    None: ("✎", "", "msl-strong"),
}


class NotThereYetError(LookupError):
    """Something has to be made first: an earlier lesson's file or record, or a prediction; the
    message names it.
    """

    def _render_traceback_(self) -> list[str]:
        """Return one sentence: where something comes first, a traceback explains nothing."""
        return [str(self)]


class Card(Shown):
    """A framed message, and the same as text."""

    def __init__(
        self,
        headline: str,
        state: State | None = None,
        sentences: Sequence[str] = (),
        rows: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Put a message together, of sentences (backticks mark code) and pairs of name and value.

        ``state`` says how the question stands; None is for a card that judges nothing.
        """
        sign, words, look = _LOOKS[state]
        width = max((len(name) for name, _ in rows), default=0)
        pairs = [f"{name:<{width}}  {value}" for name, value in rows]
        body = "".join(f"<p>{marked(sentence)}</p>" for sentence in sentences if sentence)
        if values := "\n".join(pairs):
            body += f'<pre class="msl-code">{escape(values)}</pre>'
        name = escape(headline + words)
        html = (
            f'{STYLE}<div class="msl"><div class="msl-note {look}" role="group" '
            f'aria-label="{name}"><p class="msl-strong"><span class="{look}" '
            f'aria-hidden="true">{sign}</span> {escape(headline)}<span class="msl-soft" '
            f'style="font-weight:400">{words}</span></p>{body}</div></div>'
        )
        lines = [f"{sign} {headline}{words}", *filter(None, sentences), *pairs]
        super().__init__(html, "\n".join(lines))


def marked(text: str) -> str:
    """Return a sentence as HTML: text in backticks as code, links to notebooks as links."""
    linked = re.sub(
        r"\[([^\]]+)\]\(([^()\s:]+\.ipynb(?:#[\w=-]+)?)\)", r'<a href="\2">\1</a>', escape(text)
    )
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", linked)
