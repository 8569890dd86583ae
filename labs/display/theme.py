"""How every widget of the course looks: one style sheet, built on JupyterLab's own theme variables, light and dark.

The colours of data are Okabe and Ito's, darkened or lightened so far that each keeps a contrast of 3 on a light and on
a dark page (what WCAG 2.2 asks of graphics); no widget tells two things apart by colour alone.
Source: Okabe and Ito, 'Color Universal Design' (2008).
"""

from html import escape

#: The series colours in the order in which they are used; the same in both themes.
SERIES = ("#1b7fbd", "#d55e00", "#00906a", "#b95f93", "#a87900", "#7a70cf")

_LIGHT = "--msl-accent:#0072b2;--msl-on-accent:#fff;--msl-good:#00714f;--msl-bad:#b54708;--msl-played:#7a4a9a;"
_DARK = "--msl-accent:#56b4e9;--msl-on-accent:#10202b;--msl-good:#4fd1a5;--msl-bad:#ffab6b;--msl-played:#c9a3e6;"

# Fallbacks behind each --jp- variable keep the same look on a page without JupyterLab's theme (nbconvert, a browser).
_SHEET = """
.msl{%(light)s--msl-ink:var(--jp-ui-font-color1,#1f2328);--msl-soft:var(--jp-ui-font-color2,#5b6169);
--msl-line:var(--jp-border-color2,#d9dce0);--msl-faint:var(--jp-layout-color2,#eef0f2);
--msl-paper:var(--jp-layout-color1,#fff);color:var(--msl-ink);
font-family:var(--jp-ui-font-family,system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif);font-size:13px;
line-height:1.45;max-width:860px;box-sizing:border-box}
[data-jp-theme-light="false"] .msl{%(dark)s}
.msl *{box-sizing:border-box}
.msl.msl-card{border:1px solid var(--msl-line);border-radius:10px;background:var(--msl-paper);padding:16px 20px;
margin:4px 0}
.msl .msl-title{font-size:15px;font-weight:600;margin:0;letter-spacing:-.005em}
.msl .msl-heading{font-size:13px;font-weight:600;margin:0 0 4px}
.msl .msl-sub{color:var(--msl-soft);margin:2px 0 0}
.msl .msl-foot{color:var(--msl-soft);font-size:12px;margin:12px 0 0;padding-top:10px;
border-top:1px solid var(--msl-line)}
.msl .msl-body{margin-top:14px;overflow-x:auto}
.msl table.msl-table{border-collapse:collapse;width:100%%;margin:0;font-size:13px;border:0;table-layout:auto;
font-variant-numeric:tabular-nums}
.msl table.msl-table caption{text-align:left;color:var(--msl-soft);padding:0 0 8px;caption-side:top}
.msl table.msl-table th,.msl table.msl-table td{padding:7px 8px;border:0;border-bottom:1px solid var(--msl-line);
text-align:right;vertical-align:baseline;white-space:nowrap;background:none;max-width:none}
.msl table.msl-table tr{background:none}
.msl table.msl-table thead th{color:var(--msl-soft);font-weight:500;font-size:12px;border-bottom-color:var(--msl-soft)}
.msl table.msl-table tbody tr:last-child>*{border-bottom:0}
.msl table.msl-table th:first-child,.msl table.msl-table .msl-text{text-align:left}
.msl table.msl-table td.msl-text{white-space:normal}
.msl table.msl-table tbody th{font-weight:600}
.msl table.msl-table tbody tr:hover{background:var(--msl-faint)}
.msl table.msl-table tr.msl-group th{color:var(--msl-soft);font-weight:500;font-size:12px;padding-top:16px}
.msl table.msl-table tr.msl-group:hover{background:none}
.msl .msl-best{font-weight:700;color:var(--msl-good)}
.msl .msl-ci{display:block;color:var(--msl-soft);font-size:11px;font-weight:400}
.msl .msl-good{color:var(--msl-good);font-weight:600}
.msl .msl-bad{color:var(--msl-bad);font-weight:600}
.msl .msl-soft{color:var(--msl-soft)}
.msl .msl-strong{font-weight:600}
.msl .msl-badge{display:inline-block;border:1px solid currentColor;border-radius:999px;padding:0 8px;font-size:11px;
line-height:18px;font-weight:600;white-space:nowrap}
.msl .msl-badge.msl-played{color:var(--msl-played)}
.msl .msl-badge.msl-real{color:var(--msl-good)}
.msl details{margin-top:8px}
.msl summary{cursor:pointer;color:var(--msl-soft)}
.msl summary:focus-visible,.msl a:focus-visible,.msl button:focus-visible{
outline:2px solid var(--jp-brand-color1,#0072b2);outline-offset:2px;border-radius:3px}
.msl a{color:var(--msl-accent);text-decoration:underline}
.msl .msl-line-of-text{display:flex;align-items:baseline;gap:8px;flex-wrap:wrap}
.msl .jupyter-button{height:28px;margin:2px;padding:0 10px;border:0;font-size:13px;line-height:28px;cursor:pointer}
.msl .msl-push{margin-left:auto}
.msl .msl-bar{height:8px;border-radius:4px;background:var(--msl-faint);overflow:hidden;margin:8px 0 6px}
.msl .msl-bar>div{height:100%%;border-radius:4px;background:var(--msl-accent);animation:msl-grow .5s linear}
.msl .msl-board{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px}
.msl .msl-tile{border:1px solid var(--msl-line);border-radius:8px;padding:14px 16px;display:flex;flex-direction:column}
.msl .msl-gauge{margin-top:14px}
.msl .msl-figure{font-size:15px;font-variant-numeric:tabular-nums;white-space:nowrap}
.msl .msl-scale{position:relative;height:6px;border-radius:3px;background:var(--msl-faint);margin:5px 0 3px}
.msl .msl-scale>div{height:100%%;border-radius:3px;background:currentColor}
.msl .msl-scale>i{position:absolute;left:50%%;top:-4px;height:14px;width:2px;margin-left:-1px;background:var(--msl-ink)}
.msl .msl-limit{text-align:center;color:var(--msl-soft);font-size:11px;font-variant-numeric:tabular-nums}
.msl .msl-best-here{margin-top:auto;padding-top:14px}
.msl pre.msl-code{margin:6px 0 0;padding:8px 10px;border-radius:6px;background:var(--msl-faint);color:var(--msl-ink);
font-family:var(--jp-code-font-family,ui-monospace,Menlo,monospace);font-size:12px;line-height:1.5;white-space:pre-wrap;
overflow-wrap:anywhere}
.msl .msl-note{border-left:3px solid currentColor;padding:2px 0 2px 12px;margin:10px 0 0}
.msl .msl-note p{margin:0 0 2px;color:var(--msl-ink);font-weight:400}
.msl .msl-note p.msl-strong{font-weight:600}
.msl .msl-note pre{font-weight:400;margin:6px 0;max-height:180px;overflow-y:auto}
@keyframes msl-grow{from{width:var(--msl-from)}}
@media (prefers-reduced-motion:reduce){.msl .msl-bar>div{animation:none}}
@media print{.msl.msl-card{break-inside:avoid}}
"""

#: The style element that travels with every widget's HTML, so that one saved output looks right on its own.
STYLE = "<style>" + (_SHEET % {"light": _LIGHT, "dark": _DARK}).replace("\n", "") + "</style>"


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
    return f'<div class="msl-line-of-text"><p class="msl-title">{escape(title)}</p>{label}</div>{sub}'


def progress_bar(title: str, fraction: float, *, text: str = "", drawn: float | None = None) -> str:
    """Return the HTML of a bar, named by its title, that grows from the fraction that was drawn before."""
    spoken = f' aria-valuetext="{escape(text)}"' if text else ""
    return (
        f'<div class="msl-bar" role="progressbar" aria-label="{escape(title)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{fraction * 100:.0f}"{spoken}><div style="width:{fraction:.1%};'
        f'--msl-from:{fraction if drawn is None else drawn:.1%}"></div></div>'
    )
