"""A page for the student: what it came to, and what to mend first. One file, no scripts, readable in light and dark."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape

from grading.grade.result.result import Result
from labs.course.lessons import lesson
from labs.course.points import TAKING_PART
from labs.course.question import Row
from labs.display.format import points_in_words

STYLE = """
:root{color-scheme:light dark;--ink:#1f2328;--soft:#5b6169;--line:#d9dce0;--paper:#fff;--wash:#f5f6f7;
--good:#00714f;--bad:#b54708}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa1a9;--line:#3a3f45;--paper:#16191c;--wash:#1e2226;
--good:#4fd1a5;--bad:#ffab6b}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:52rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0}.soft{color:var(--soft)}
.bar{height:.6rem;background:var(--wash);border:1px solid var(--line);
border-radius:.3rem;overflow:hidden;margin:.8rem 0}
.bar>div{height:100%;background:var(--good)}
ul{padding-left:1.2rem}li{margin:.3rem 0}
.mend{border:1px solid var(--line);border-left:5px solid var(--bad);
border-radius:.4rem;padding:.7rem 1rem;margin:.7rem 0}
.mend h3{font-size:1rem;margin:0 0 .2rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.4rem 0 0}
dt{color:var(--soft)}dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.94rem}
th,td{text-align:left;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.points,th.points{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code{font-size:.9em;overflow-wrap:anywhere}@media(min-width:40rem){td:first-child code{white-space:nowrap}}
.yes{color:var(--good)}.no{color:var(--bad)}
"""


def page(result: Result, *, hidden: bool = False) -> str:
    """Return the page as HTML; everything that comes from a submission is escaped.

    Args:
        result: The result.
        hidden: Whether hidden rows are shown too, as they are after the grades are out.
    """
    rows = [row for row in result.counted if hidden or not row.hidden]
    earned, possible = sum(row.points for row in rows), sum(row.possible for row in rows)
    width = 100 * earned / possible if possible else 0
    later = "Points for what the grader measures again come with the grades."
    grade = f"In the gradebook {result.grade:.2f} of {result.worth:g}, before lateness and a talk."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Part {result.part}: {earned:g} of {possible:g} points</title><style>{STYLE}</style></head><body><main>"
        f"<h1>Part {result.part}: {earned:g} of {possible:g} points</h1>"
        f'<p class="soft">{escape(result.student) or "Your submission"}. {grade if hidden else later}'
        f" {_taking_part(rows)}"
        f'</p><div class="bar" role="img" aria-label="{earned:g} of {possible:g} points">'
        f'<div style="width:{width:.1f}%"></div></div>'
        f"{_fault(result)}{_waiting(rows)}{_mend(rows)}{_evidence(result)}{_table(rows)}</main></body></html>\n"
    )


def _taking_part(rows: list[Row]) -> str:
    """Return how many points are for taking part, in a sentence."""
    some = [row for row in rows if not row.opened]
    if not some:
        return ""
    earned, possible = (sum(getattr(row, name) for row in some) for name in ("points", "possible"))
    return (
        f"{earned:g} of {points_in_words(possible)} are for taking part: for what your ledger says and nobody can open "
        f"again. They are at most {TAKING_PART:.0%} of what the part is worth."
    )


def _fault(result: Result) -> str:
    if not result.fault:
        return ""
    return "<p><strong>A part of the grader failed.</strong> That is not your fault, and staff will look at it.</p>"


def _waiting(rows: list[Row]) -> str:
    """Return what the grader could not judge, each with its cause."""
    waiting = [row for row in rows if row.is_pending]
    if not waiting:
        return ""
    lines = (
        f"<li>{_words(row.title)} <span class=soft>({_where(row, [])})</span>: {_words(row.message)}</li>"
        for row in waiting
    )
    return (
        f"<h2>Not judged yet ({points_in_words(_points(waiting))})</h2><p>Through no fault of yours: these points are "
        f"open, and no other point is worth more or less for them.</p><ul>{''.join(lines)}</ul>"
    )


def _mend(rows: list[Row]) -> str:
    """Return what is worth mending, the most points first: what was tried, each with all that rests on it; the rest."""
    lost = {row.id: row for row in rows if row.points < row.possible and not row.is_pending}
    if not lost and not any(row.is_pending for row in rows):
        return "<h2>Nothing to mend</h2><p>Every check is passed.</p>"
    behind: dict[str, list[Row]] = defaultdict(list)
    for row in lost.values():
        behind[row.needs if row.needs in lost else ""].append(row)
    causes = sorted(behind.pop("", []), key=lambda row: -row.possible - _points(behind[row.id]))
    tried = [_card(row, behind[row.id]) for row in causes if not row.is_open]
    never = [row for row in causes if row.is_open]
    text = "<h2>What to mend first</h2>" + "".join(tried) if tried else ""
    if never:
        worth = sum(row.possible + _points(behind[row.id]) for row in never)
        lines = (
            f"<li>{_words(row.title)} <span class=soft>({_where(row, behind[row.id])})</span></li>" for row in never
        )
        text += f"<h2>Not answered yet ({points_in_words(worth)})</h2><ul>{''.join(lines)}</ul>"
    return text


def _points(rows: list[Row]) -> float:
    return sum(row.possible for row in rows)


def _where(row: Row, behind: list[Row]) -> str:
    """Return a row's lesson and points, and how many more rest on it."""
    more = f", and {_points(behind):g} more that rest on it" if behind else ""
    return f"{_lesson(row)}, {points_in_words(row.possible)}{more}"


def _lesson(row: Row) -> str:
    return escape(lesson(row.about).title) if row.about else ""


def _words(text: str) -> str:
    """Return a text with its `code` marked up; all of it is escaped first."""
    return re.sub(r"`([^`<>]{1,200})`", r"<code>\1</code>", escape(text))


def _card(row: Row, behind: list[Row]) -> str:
    rests = "; ".join(one.title for one in behind)
    pairs = (*row.shown, ("Hint", row.hint), ("Rests on it", rests))
    shown = "".join(f"<dt>{name}</dt><dd>{_words(value[:600])}</dd>" for name, value in pairs if value)
    return (
        f'<section class="mend"><h3>{_words(row.title)}</h3><p class="soft">{_where(row, behind)}</p>'
        f"<p>{_words(row.message)}</p>{f'<dl>{shown}</dl>' if shown else ''}</section>"
    )


def _evidence(result: Result) -> str:
    notes = [f"<li><code>{escape(note.about)}</code>: {escape(note.message)}</li>" for note in result.notes[:60]]
    aside = [f"<li>{escape(one.message)}</li>" for one in result.findings]
    text = ""
    if notes:
        text += f"<h2>Your files</h2><ul>{''.join(notes)}</ul>"
    if aside:
        text += (
            "<h2>Records that were set aside</h2><p>These cannot be true of any run, so the checks were made without "
            f"them. Measure again; if you believe that they are right, write to staff.</p><ul>{''.join(aside)}</ul>"
        )
    return text


def _table(rows: list[Row]) -> str:
    lines = "".join(
        f"<tr><td>{_lesson(row)}</td><td>{_words(row.title)}</td>"
        f'<td class="points {"yes" if row.points == row.possible else "no"}">{row.points:g}/{row.possible:g}</td></tr>'
        for row in rows
    )
    head = '<tr><th scope="col">Lesson</th><th scope="col">Asks for</th><th scope="col" class="points">Points</th></tr>'
    return f'<h2>All checks</h2><div class="scroll"><table><thead>{head}</thead><tbody>{lines}</tbody></table></div>'
