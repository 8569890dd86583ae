"""How every widget of the course looks: one style sheet on JupyterLab's theme variables.

The colours of data are Okabe and Ito's, darkened or lightened to a contrast of 3 on light and dark
pages, as WCAG 2.2 requires of graphics. No widget distinguishes two things by colour alone. Source:
Okabe and Ito, 'Color Universal Design' (2008).
"""

from html import escape
from pathlib import Path

#: The two accents of a figure, and the colour of everything that is not its point.
BLUE, ORANGE, GREY = "#1b7fbd", "#d55e00", "#858b92"
#: Tints of the accents, for boxes with dark letters.
PALE_BLUE, PALE_ORANGE = "#cfe5f4", "#fbdcc2"
#: The series colours in the order in which they are used; the same in both themes.
SERIES = (BLUE, ORANGE, "#00906a", "#b95f93", "#a87900", "#7a70cf")

_SHEET = Path(__file__).with_name("theme.css").read_text(encoding="utf-8")

#: The style element that travels with every widget's HTML, so that one saved output looks right on
#: its own. Fallbacks behind each --jp- variable keep the same look on a page without JupyterLab's
#: theme (nbconvert, a browser).
STYLE = f"<style>{_SHEET}</style>".replace("\n", "")


def card(title: str, body: str, *, subtitle: str = "", footer: str = "", badge: str = "") -> str:
    """Return the HTML of a card.

    Args:
        title: Plain text; escaped here.
        body: HTML.
        subtitle: Plain text under the title.
        footer: Plain text under the body, such as the machine's name.
        badge: HTML of a label at the right of the title.
    """
    foot = f'<p class="msl-foot">{escape(footer)}</p>' if footer else ""
    inside = f'{heading(title, subtitle, badge)}<div class="msl-body">{body}</div>{foot}'
    return f'{STYLE}<section class="msl msl-card" aria-label="{escape(title)}">{inside}</section>'


def heading(title: str, subtitle: str = "", badge: str = "") -> str:
    """Return the HTML of a card's head.

    ``title`` and ``subtitle`` are plain text, ``badge`` is HTML.
    """
    sub = f'<p class="msl-sub">{escape(subtitle)}</p>' if subtitle else ""
    label = f'<span class="msl-push">{badge}</span>' if badge else ""
    return (
        f'<div class="msl-line-of-text"><p class="msl-title">{escape(title)}</p>{label}</div>{sub}'
    )


def progress_bar(title: str, fraction: float, *, text: str = "", drawn: float | None = None) -> str:
    """Return the HTML of a bar that grows from the fraction that was drawn before."""
    begin = fraction if drawn is None else drawn
    scale = f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{fraction * 100:.0f}"'
    if text:
        scale += f' aria-valuetext="{escape(text)}"'
    filled = f'<div style="width:{fraction:.1%};--msl-from:{begin:.1%}"></div>'
    name = f'aria-label="{escape(title)}"'
    return f'<div class="msl-bar" role="progressbar" {name} {scale}>{filled}</div>'
