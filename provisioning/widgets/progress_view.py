"""What the progress looks like: HTML of the steps, the links and the countdown."""

from __future__ import annotations

from html import escape

from labs.display.theme import STYLE, progress_bar
from provisioning.setup.run import Event, LeaseLeft, Link, Row, Run
from provisioning.widgets.cards import heading, note

_MARKS = {
    "waiting": ("·", "msl-soft", "waiting"),
    "running": ("▸", "msl-strong", "running"),
    "done": ("✓", "msl-good", "done"),
    "failed": ("✗", "msl-bad", "failed"),
    "cancelled": ("■", "msl-soft", "cancelled"),
    "blocked": ("–", "msl-soft", "not begun"),
}
#: Lines of log under a running step.
_TAIL_LINES = 4

PROGRESS_STYLE = (
    "<style>"
    ".msl table.msl-steps td.msl-detail{padding:0 8px 8px 34px;border-bottom:0}"
    ".msl table.msl-steps tr.msl-has-detail>*{border-bottom:0}"
    ".msl .msl-state{white-space:nowrap;width:1%}"
    ".msl .msl-path{font-size:9px;color:var(--msl-accent);vertical-align:2px}"
    ".msl .msl-link{margin:0 0 10px}"
    "</style>"
)


def minutes(seconds: float) -> str:
    """Return a duration as people say it."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def line(event: Event) -> str:
    """Return one event as a line for a plain terminal."""
    said = event.text or event.kind
    kind = f"{event.kind}: " if event.kind in ("failed", "retrying") else ""
    return f"{event.elapsed_s:7.1f} s  {event.step:<12}{kind}{said}"


def picture(attempt: Run, left: LeaseLeft | None, rehearsed: bool) -> str:
    """Return everything as a still picture."""
    title = escape(attempt.title)
    return f'{STYLE}<section class="msl msl-card" aria-label="{title}">{steps(attempt, left, rehearsed)}</section>'


def steps(attempt: Run, left: LeaseLeft | None, rehearsed: bool) -> str:
    """Return the HTML of the steps, and of the links once they are there."""
    settings = attempt.settings
    subtitle = f"{settings.name} at {settings.option.site}: {_said(attempt)}"
    table = _table(attempt)
    if attempt.state == "done":
        table = f"<details><summary>The steps</summary>{table}</details>"
    parts = [PROGRESS_STYLE, heading(attempt.title, rehearsed, subtitle), _bar(attempt)]
    parts += [_links(attempt.links), _left(left, settings.name)] if attempt.links else []
    return f'<div class="msl">{"".join(parts)}{table}</div>'


def _said(attempt: Run) -> str:
    rows = attempt.rows.values()
    done = sum(row.state == "done" for row in rows)
    counted = f"{done} of {len(rows)} steps"
    usual = minutes(attempt.left_s)
    return {
        "waiting": f"{counted} done, usually {usual} to go" if done else f"usually {usual}",
        "running": f"{counted}, usually {usual} to go",
        "done": "ready",
        "failed": f"{counted}; a step failed",
        "stopped": f"{counted}; stopped",
    }[attempt.state]


def _bar(attempt: Run) -> str:
    if attempt.state == "done":
        return ""
    return progress_bar(attempt.title, attempt.fraction)


def _table(attempt: Run) -> str:
    critical = set(attempt.plan.critical_path)
    rows = "".join(_row(attempt, row, row.name in critical) for row in attempt.rows.values())
    return (
        '<table class="msl-table msl-words msl-steps"><thead><tr><th scope="col">state</th><th scope="col">step</th>'
        '<th scope="col" class="msl-number">elapsed</th><th scope="col" class="msl-number">usual</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        '<p class="msl-sub"><span class="msl-path" aria-hidden="true">●</span> on the critical path: a delay there '
        "delays the end. The other steps run beside it.</p>"
    )


def _row(attempt: Run, row: Row, critical: bool) -> str:
    mark, kind, word = _MARKS[row.state]
    began = row.state not in ("waiting", "blocked")
    elapsed = minutes(attempt.elapsed_s(row)) if began else ""
    path = ' <span class="msl-path" role="img" aria-label="critical path" title="critical path">●</span>'
    path = path if critical else ""
    detail = _detail(row)
    return (
        f'<tr{" class=msl-has-detail" if detail else ""}><td class="msl-state {kind}">{mark} {word}</td>'
        f'<th scope="row">{escape(row.title)}{path}</th><td class="msl-number">{elapsed}</td>'
        f'<td class="msl-number msl-soft">{minutes(row.expected_s)}</td></tr>{detail}'
    )


def _detail(row: Row) -> str:
    """Return the log tail of what runs, or the message of what failed."""
    if row.state == "running" and row.tail:
        tail = "\n".join(list(row.tail)[-_TAIL_LINES:])
        inside = f'<pre class="msl-code">{escape(tail)}</pre>'
    elif row.state == "failed":
        inside = note(row.error)
    elif row.state == "cancelled":
        inside = '<p class="msl-sub">You pressed cancel. Resume goes on here.</p>'
    else:
        return ""
    return f'<tr><td class="msl-detail" colspan="4">{inside}</td></tr>'


def _links(links: tuple[Link, ...]) -> str:
    parts = []
    for link in links:
        value = escape(link.value)
        shown = (
            f'<a href="{value}" target="_blank" rel="noopener">{value}</a>'
            if link.is_address
            else f'<pre class="msl-code">{value}</pre>'
        )
        parts.append(f'<div class="msl-link"><p class="msl-heading">{escape(link.purpose)}</p>{shown}</div>')
    return f'<div class="msl-body">{"".join(parts)}</div>'


def _left(left: LeaseLeft | None, name: str) -> str:
    if left is None:
        return ""
    if left.warning:
        return f'<div class="msl-note msl-bad" role="status"><p>{escape(name)}: {escape(left.text())}</p></div>'
    return f'<p class="msl-strong">{escape(name)}: {escape(left.text())}.</p>'
