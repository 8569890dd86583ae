"""How every widget of the course looks: one style sheet, built on JupyterLab's own theme variables, light and dark.

The colours of data are Okabe and Ito's, darkened or lightened so far that each keeps a contrast of 3 on a light and on
a dark page (what WCAG 2.2 asks of graphics); no widget tells two things apart by colour alone.
Source: Okabe and Ito, 'Color Universal Design' (2008).
"""

from html import escape
from pathlib import Path

#: The series colours in the order in which they are used; the same in both themes.
SERIES = ("#1b7fbd", "#d55e00", "#00906a", "#b95f93", "#a87900", "#7a70cf")

#: The style element that travels with every widget's HTML, so that one saved output looks right on its own.
#: Fallbacks behind each --jp- variable keep the same look on a page without JupyterLab's theme (nbconvert, a browser).
STYLE = (
    f"<style>{Path(__file__).with_name('theme.css').read_text(encoding='utf-8')}</style>".replace(
        "\n", ""
    )
)


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
    """Return the HTML of a card's head; ``title`` and ``subtitle`` are plain text, ``badge`` is HTML."""
    sub = f'<p class="msl-sub">{escape(subtitle)}</p>' if subtitle else ""
    label = f'<span class="msl-push">{badge}</span>' if badge else ""
    return (
        f'<div class="msl-line-of-text"><p class="msl-title">{escape(title)}</p>{label}</div>{sub}'
    )


def progress_bar(title: str, fraction: float, *, text: str = "", drawn: float | None = None) -> str:
    """Return the HTML of a bar, named by its title, that grows from the fraction that was drawn before."""
    spoken = f' aria-valuetext="{escape(text)}"' if text else ""
    return (
        f'<div class="msl-bar" role="progressbar" aria-label="{escape(title)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{fraction * 100:.0f}"{spoken}><div style="width:{fraction:.1%};'
        f'--msl-from:{fraction if drawn is None else drawn:.1%}"></div></div>'
    )
