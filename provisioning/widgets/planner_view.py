"""What the planner's parts look like: HTML of its head, options, code, calendar file and lease."""

from __future__ import annotations

import base64
from datetime import datetime, tzinfo
from html import escape

from labs.display.theme import STYLE
from provisioning.planning.choice import (
    OptionLine,
    option_lines,
    said_block,
    said_lease,
    said_rules,
    said_zone,
    to_do_before,
)
from provisioning.planning.chooser import PAGE_DAYS, Chooser
from provisioning.sites.spec import SiteOption
from provisioning.testbed.errors import LeaseFailedError
from provisioning.widgets.calendar import CALENDAR_STYLE, legend, still_calendar
from provisioning.widgets.cards import card, heading, note

#: Copies the code beside the button. The clipboard's own interface exists on pages served over HTTPS or from this
#: computer; selecting the text and the old command do the same elsewhere.
_COPY = (
    "const code=this.closest('.msl-card').querySelector('.msl-take-code').textContent;"
    "const done=()=>{this.textContent='Copied ✓';setTimeout(()=>{this.textContent='Copy the code'},2500)};"
    "const old=()=>{const a=document.createElement('textarea');a.value=code;document.body.append(a);a.select();"
    "document.execCommand('copy');a.remove();done()};"
    "navigator.clipboard?navigator.clipboard.writeText(code).then(done,old):old()"
)


def local(moment: datetime, zone: tzinfo) -> str:
    """Return a moment in the student's own time."""
    return f"{moment.astimezone(zone):%a %d %b %H:%M %Z}"


def head(chooser: Chooser, rehearsed: bool) -> str:
    """Return the HTML of the head: what is planned, by whose clock, by which rules."""
    title = f"{chooser.spec.title}: choose a block"
    rules = f'<p class="msl-sub">{escape(said_rules(chooser.spec, chooser.option))}</p>'
    whose = f'<p class="msl-strong" style="margin:8px 0 4px">{escape(said_zone(chooser))}</p>'
    return f'{STYLE}{CALENDAR_STYLE}<div class="msl">{heading(title, rehearsed)}{rules}{whose}</div>'


def offered(chooser: Chooser) -> list[tuple[str, SiteOption]]:
    """Return the machines to choose from, each with what is free this week."""
    found = []
    for line in option_lines(chooser):
        if line.free is not None:
            count = f"{line.free} free blocks" if line.free else "all taken this week"
            found.append((f"{line.option.name} ({line.option.site}, {line.option.type}): {count}", line.option))
    return found


def option_table(chooser: Chooser) -> str:
    """Return the HTML of the chosen machine, and of the site options in order of preference."""
    option = chooser.option
    changes = f" <b>What changes for the lesson:</b> {escape(option.changes)}" if option.changes else ""
    rows = "".join(map(_option_row, option_lines(chooser)))
    taken = not chooser.table(chooser.spec.options[0]).free
    return (
        f'<div class="msl"><p class="msl-sub">{escape(option.hardware)}.{changes}</p>'
        f"<details{' open' if taken else ''}><summary>Every machine this part runs on, the best first</summary>"
        '<table class="msl-table msl-words"><thead><tr><th scope="col">machine</th><th scope="col">free</th>'
        f'<th scope="col">what changes for the lesson</th></tr></thead><tbody>{rows}</tbody></table></details></div>'
    )


def _option_row(line: OptionLine) -> str:
    option = line.option
    name = f"<b>{escape(option.name)}</b>" if line.chosen else escape(option.name)
    where = f'<br><span class="msl-soft">{escape(option.site)}, {escape(option.type)}</span>'
    changes = option.changes or "nothing: it was written for this machine"
    return f"<tr><td>{name}{where}</td><td>{escape(line.first)}</td><td>{escape(changes)}</td></tr>"


def week(chooser: Chooser) -> str:
    """Return the HTML that names the week on the page."""
    days = chooser.table().days
    return f'<span class="msl-strong">{days[0].date:%a %d %b} – {days[-1].date:%a %d %b %Y}</span>'


def take_along(chooser: Chooser) -> str:
    """Return the HTML of a button that copies the code, and of the calendar file to keep."""
    if chooser.block is None:
        return ""
    ics = base64.b64encode(chooser.calendar_file()).decode()
    return (
        '<div class="msl msl-line-of-text" style="margin-left:2px">'
        f'<button class="jupyter-button" type="button" onclick="{escape(_COPY)}" '
        'title="python-chi code that makes the same reservation">Copy the code</button>'
        f'<a download="{escape(chooser.name)}.ics" href="data:text/calendar;base64,{ics}">Calendar file (.ics)</a>'
        "</div>"
    )


def code(chooser: Chooser) -> str:
    """Return the HTML of the python-chi code that makes the same reservation."""
    if chooser.block is None:
        return ""
    return (
        '<div class="msl"><details><summary>The code: the same reservation with python-chi</summary>'
        f'<pre class="msl-code msl-take-code">{escape(chooser.code())}</pre></details></div>'
    )


def is_early(chooser: Chooser) -> bool:
    """Return whether there is a lease that has not begun."""
    return chooser.lease is not None and chooser.lease.start > chooser.now


def failed(chooser: Chooser) -> bool:
    """Return whether the site made the lease and could not fill it."""
    return chooser.lease is not None and chooser.lease.status == "ERROR"


def lease(chooser: Chooser) -> str:
    """Return the HTML of the lease once there is one, and of what to do before the block."""
    read, rehearse = to_do_before(chooser.spec)
    before = f"<p class='msl-heading'>Before the block</p><p class='msl-sub'>{escape(read)} {escape(rehearse)}</p>"
    parts = [f'<div class="msl" style="margin-top:10px">{before}']
    if chooser.lease is not None and chooser.lease_option is not None:
        parts = [_held(chooser), *parts]
    return "".join(parts) + "</div>"


def _held(chooser: Chooser) -> str:
    made, option, zone = chooser.lease, chooser.lease_option, chooser.zone
    facts = {
        "name": made.name,
        "where": f"{option.site}, {option.name}",
        "status": made.status,
        "begins": local(made.start, zone),
        "ends": local(made.end, zone),
        "id": made.id,
    }
    rows = "".join(f'<tr><th scope="row">{key}</th><td>{escape(value)}</td></tr>' for key, value in facts.items())
    if failed(chooser):
        return note(str(LeaseFailedError(f"the lease {made.name!r} at {option.site} is in ERROR")))
    return (
        '<div class="msl" role="status"><p class="msl-heading msl-good">✓ Reserved</p>'
        f'<table class="msl-table msl-words" style="width:auto">{rows}</table>'
        '<p class="msl-sub">One lease for each part: to move it, release this one first.</p></div>'
    )


def still(chooser: Chooser, rehearsed: bool) -> str:
    """Return the whole planner as a still picture."""
    zone, block = chooser.zone, chooser.block
    chosen = f"Chosen: {said_block(block, zone)}" if block else "Nothing can be chosen in this week."
    held = f"<p>{escape(said_lease(chooser.lease, zone))}</p>" if chooser.lease else ""
    body = (
        f"<p>{escape(said_zone(chooser))} {escape(said_rules(chooser.spec, chooser.option))}</p>"
        f"{option_table(chooser)}{still_calendar(chooser.table(), chooser.slot, zone)}{legend()}"
        f'<p class="msl-strong">{escape(chosen)}</p>{held}<p>{escape(" ".join(to_do_before(chooser.spec)))}</p>'
    )
    subtitle = f"{PAGE_DAYS} days from {chooser.table().days[0].date:%a %d %b %Y}"
    return CALENDAR_STYLE + card(f"{chooser.spec.title}: choose a block", body, rehearsed, subtitle)
