"""How every widget looks: one style sheet, built on JupyterLab's own theme variables, light and dark.

The colours of data are Okabe and Ito's, which people with any colour vision can tell apart; no widget tells two things
apart by colour alone. Source: Okabe and Ito, 'Color Universal Design' (2008).
"""

from __future__ import annotations

from html import escape

#: The series colours in the order in which they are used: CSS variables with a light and a dark value.
SERIES = tuple(f"var(--msl-series-{index})" for index in range(6))

_LIGHT = {
    "series-0": "#0072b2",
    "series-1": "#d55e00",
    "series-2": "#00835f",
    "series-3": "#a94f85",
    "series-4": "#b07b00",
    "series-5": "#2f8fc4",
    "good": "#00714f",
    "bad": "#b54708",
    "target": "#b54708",
}
_DARK = {
    "series-0": "#56b4e9",
    "series-1": "#f08a4b",
    "series-2": "#2fc39a",
    "series-3": "#dd94bb",
    "series-4": "#e6b332",
    "series-5": "#9ad4f5",
    "good": "#4fd1a5",
    "bad": "#ffab6b",
    "target": "#ffab6b",
}


def _variables(values: dict[str, str]) -> str:
    return "".join(f"--msl-{name}:{value};" for name, value in values.items())


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
.msl .msl-badge{display:inline-block;border:1px solid currentColor;border-radius:999px;padding:0 8px;font-size:11px;
line-height:18px;font-weight:600;white-space:nowrap}
.msl svg{display:block;width:100%%;height:auto;overflow:visible}
.msl svg text{fill:var(--msl-ink);font-family:inherit;font-size:12px}
.msl svg .msl-tick{fill:var(--msl-soft);font-size:11px}
.msl svg .msl-strong{font-weight:600}
.msl svg .msl-halo{paint-order:stroke;stroke:var(--msl-paper);stroke-width:4px;stroke-linejoin:round}
.msl svg .msl-grid{stroke:var(--msl-line);stroke-width:1}
.msl svg .msl-axis{stroke:var(--msl-soft);stroke-width:1}
.msl svg .msl-target{stroke:var(--msl-target);stroke-width:1.5;stroke-dasharray:5 4}
.msl svg text.msl-target-text{fill:var(--msl-target);font-weight:600}
.msl details{margin-top:12px}
.msl summary{cursor:pointer;color:var(--msl-soft)}
.msl summary:focus-visible{outline:2px solid var(--jp-brand-color1,#0072b2);outline-offset:3px;border-radius:3px}
.msl .msl-line-of-text{display:flex;align-items:baseline;gap:8px;flex-wrap:wrap}
.msl .msl-push{margin-left:auto}
.msl .msl-bar{height:8px;border-radius:4px;background:var(--msl-faint);overflow:hidden;margin:8px 0 6px}
.msl .msl-bar>div{height:100%%;border-radius:4px;background:var(--msl-series-0);animation:msl-grow .5s linear}
.msl .msl-board{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px}
.msl .msl-tile{border:1px solid var(--msl-line);border-radius:8px;padding:14px 16px;display:flex;flex-direction:column}
.msl .msl-gauge{margin-top:14px}
.msl .msl-figure{font-size:15px;font-variant-numeric:tabular-nums;white-space:nowrap}
.msl .msl-scale{position:relative;height:6px;border-radius:3px;background:var(--msl-faint);margin:5px 0 3px}
.msl .msl-scale>div{height:100%%;border-radius:3px;background:currentColor}
.msl .msl-scale>i{position:absolute;left:50%%;top:-4px;height:14px;width:2px;margin-left:-1px;background:var(--msl-ink)}
.msl .msl-limit{text-align:center;color:var(--msl-soft);font-size:11px;font-variant-numeric:tabular-nums}
.msl .msl-best-here{margin-top:auto;padding-top:14px}
.msl .msl-facts{display:grid;grid-template-columns:repeat(3,1fr);gap:10px 18px;margin-bottom:14px}
.msl .msl-fact .msl-soft{font-size:11px}
.msl .msl-fact .msl-figure{font-size:15px;font-weight:600;white-space:nowrap}
@keyframes msl-grow{from{width:var(--msl-from)}}
@media (prefers-reduced-motion:reduce){.msl .msl-bar>div{animation:none}}
@media print{.msl.msl-card{break-inside:avoid}}
"""

#: The style element that travels with every widget's HTML, so that one saved output looks right on its own.
STYLE = "<style>" + (_SHEET % {"light": _variables(_LIGHT), "dark": _variables(_DARK)}).replace("\n", "") + "</style>"


def card(title: str, body: str, *, subtitle: str = "", footer: str = "") -> str:
    """Return the HTML of a card.

    Args:
        title: Plain text; escaped here.
        body: HTML.
        subtitle: Plain text under the title.
        footer: Plain text under the body, such as the machine's name.
    """
    parts = [f'<p class="msl-title">{escape(title)}</p>']
    parts += [f'<p class="msl-sub">{escape(subtitle)}</p>'] if subtitle else []
    parts += [f'<div class="msl-body">{body}</div>']
    parts += [f'<p class="msl-foot">{escape(footer)}</p>'] if footer else []
    return f'{STYLE}<section class="msl msl-card" aria-label="{escape(title)}">{"".join(parts)}</section>'
