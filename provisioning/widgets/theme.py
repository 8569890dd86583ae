"""How this room's widgets look: JupyterLab's own theme variables, light and dark, in the course's colours.

The course's other widgets look the same; the rooms share no code, so that this one stays as light as Chameleon's own
Jupyter needs. No widget tells two things apart by colour alone.
"""

from __future__ import annotations

from html import escape

_LIGHT = "--msl-accent:#0072b2;--msl-on-accent:#fff;--msl-good:#00714f;--msl-bad:#b54708;--msl-played:#7a4a9a;"
_DARK = "--msl-accent:#56b4e9;--msl-on-accent:#10202b;--msl-good:#4fd1a5;--msl-bad:#ffab6b;--msl-played:#c9a3e6;"

# Fallbacks behind each --jp- variable keep the same look on a page without JupyterLab's theme.
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
.msl table.msl-table{border-collapse:collapse;width:100%%;margin:0;font-size:13px;border:0;
font-variant-numeric:tabular-nums}
.msl table.msl-table th,.msl table.msl-table td{padding:6px 8px;border:0;border-bottom:1px solid var(--msl-line);
text-align:left;vertical-align:baseline;background:none;max-width:none;font-weight:400}
.msl table.msl-table thead th{color:var(--msl-soft);font-weight:500;font-size:12px}
.msl table.msl-table tr{background:none}
.msl table.msl-table tbody tr:last-child>*{border-bottom:0}
.msl table.msl-table .msl-number{text-align:right;white-space:nowrap}
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
.msl .msl-bar{height:8px;border-radius:4px;background:var(--msl-faint);overflow:hidden;margin:8px 0 10px}
.msl .msl-bar>div{height:100%%;border-radius:4px;background:var(--msl-accent)}
.msl pre.msl-code{margin:6px 0 0;padding:8px 10px;border-radius:6px;background:var(--msl-faint);color:var(--msl-ink);
font-family:var(--jp-code-font-family,ui-monospace,Menlo,monospace);font-size:12px;line-height:1.5;white-space:pre-wrap;
overflow-wrap:anywhere}
.msl .msl-note{border-left:3px solid currentColor;padding:2px 0 2px 12px;margin:10px 0 0}
.msl .msl-note p{margin:0 0 2px;color:var(--msl-ink);font-weight:400}
.msl .msl-note p.msl-strong{font-weight:600}
.msl .msl-note pre{font-weight:400;margin:6px 0;max-height:180px;overflow-y:auto}
@media print{.msl.msl-card{break-inside:avoid}}
"""

#: The style element that travels with every widget's HTML, so that one saved output looks right on its own.
STYLE = "<style>" + (_SHEET % {"light": _LIGHT, "dark": _DARK}).replace("\n", "") + "</style>"


def badge(rehearsed: bool) -> str:
    """Return the HTML of the label that says whether this is the rehearsal or Chameleon."""
    kind, word = ("msl-played", "rehearsal") if rehearsed else ("msl-real", "Chameleon")
    meaning = "Played on this computer: nothing is booked." if rehearsed else "The real testbed."
    return f'<span class="msl-badge {kind}" title="{meaning}">{word}</span>'


def heading(title: str, rehearsed: bool, subtitle: str = "") -> str:
    """Return the HTML of a card's head.

    Args:
        title: plain text; escaped here.
        rehearsed: decides the label.
        subtitle: plain text under the title.
    """
    sub = f'<p class="msl-sub">{escape(subtitle)}</p>' if subtitle else ""
    return (
        f'<div class="msl-line-of-text"><p class="msl-title">{escape(title)}</p>'
        f'<span class="msl-push">{badge(rehearsed)}</span></div>{sub}'
    )


def card(title: str, body: str, rehearsed: bool, subtitle: str = "") -> str:
    """Return the HTML of a card around a body of HTML."""
    inside = f'{heading(title, rehearsed, subtitle)}<div class="msl-body">{body}</div>'
    return f'{STYLE}<section class="msl msl-card" aria-label="{escape(title)}">{inside}</section>'


def note(words: str, kind: str = "msl-bad") -> str:
    """Return the HTML of a message: what was seen, lines of a log, and what to do, each recognisable."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if not lines:
        return ""
    log = "\n".join(line[1:].strip() for line in lines if line.startswith("|"))
    said = [line for line in lines if not line.startswith("|")]
    parts = [f'<p class="msl-strong">{escape(said[0])}</p>'] if said else []
    parts += [f'<pre class="msl-code">{escape(log)}</pre>'] if log else []
    for line in said[1:]:
        label, colon, rest = line.partition(":")
        named = colon and label in ("Likely", "Way out")
        parts.append(f"<p><b>{label}:</b> {escape(rest.strip())}</p>" if named else f"<p>{escape(line)}</p>")
    role = "alert" if kind == "msl-bad" else "status"
    return f'<div class="msl"><div class="msl-note {kind}" role="{role}">{"".join(parts)}</div></div>'
