"""The front page: the course map with points, the next step, leases and hand-in, as HTML and as text.

Links carry the notebook's path in ``data-open``; whoever shows the page opens it. In a browser without JupyterLab the
``href`` does the same.
"""

from dataclasses import dataclass
from html import escape

from labs.course.assignment import assignment
from labs.course.lessons import PART_TITLES
from labs.display.shown import Shown
from labs.display.table import Cell, Group, html_table, text_table
from labs.display.theme import card, progress_bar
from labs.shell import msl
from labs.workspace import PROJECT_DIR
from provisioning.front.standing import PROVISIONED, Standing, Step

#: A mark beside each word, so that nothing is told by colour alone.
_MARKS = {"done": "✓", "begun": "◐", "open": "○"}


def front_page(found: Standing) -> Shown:
    """Return the page for a standing."""
    body = _top(found) + "".join(_section(found, part) for part in _parts(found))
    return Shown(card(assignment().course.title, body, subtitle=_summary(found), footer=_unread(found)), text_of(found))


def text_of(found: Standing) -> str:
    """Return the page in words and columns, which ``msl status`` prints."""
    lines = [f"{assignment().course.title}: {_summary(found)}", next_text(found), *(one.text for one in found.leases)]
    rows: list = []
    for part in _parts(found):
        rows.append(Group(_part_line(found, part)))
        rows += [_row(one, found) for one in found.of_part(part)]
    lines += ["", text_table(_HEADER, rows)]
    if found.unread:
        lines += ["", _unread(found)]
    return "\n".join(lines)


def _unread(found: Standing) -> str:
    count = len(found.unread)
    return f"{count} lines of the ledger cannot be read; `{msl('doctor')}` names them." if count else ""


def next_text(found: Standing) -> str:
    """Return one sentence on the next step."""
    step = found.next
    if step is None:
        return f"Every lesson that is asked is done: hand in what is not handed in yet (`{msl('submit PART')}`)."
    asked = f"; first open question: {step.left[0].title}" if step.begun and step.left else ""
    lease = f", {step.lesson.machine_minutes} of them on a lease" if step.lesson.machine_minutes else ""
    lease += f", beside {step.lesson.setup_minutes} of set-up" if step.lesson.setup_minutes else ""
    return f"Next: {step.lesson.title}, an estimated {step.lesson.minutes} minutes{lease}, {step.where}{asked}"


def _summary(found: Standing) -> str:
    done = sum(one.done for one in found.counted)
    return f"{done} of {len(found.counted)} lessons done, {found.earned:g} of {found.possible:g} points"


def _parts(found: Standing) -> list[int | None]:
    return [*assignment().parts, *([None] if found.of_part(None) else [])]


def _part_line(found: Standing, part: int | None) -> str:
    if part is None:
        return "Deep dives that nobody asks for: as you like, without points"
    asked, counted = assignment().part(part), [one for one in found.counted if one.part == part]
    earned, possible = sum(one.earned for one in counted), sum(one.possible for one in counted)
    due = f"; due {asked.due.astimezone():%a %d %b %H:%M}" if asked.due else ""
    return f"{PART_TITLES[part]}: {earned:g} of {possible:g} points; {asked.points:g} in the gradebook{due}"


def _top(found: Standing) -> str:
    step, resumed = found.next, found.resumed
    share = found.earned / found.possible if found.possible else 0.0
    bar = progress_bar("Points of the course", share, text=_summary(found))
    go = ""
    if resumed is not None:
        word = "Continue" if resumed.begun else "Begin"
        go = f'<p class="msl-strong">{word}: {_link(resumed).html()}</p>'
    # While a lesson is open, its next question; after a look back at an older one, what comes next all the same.
    more = f"<p>{_code(next_text(found))}</p>" if step is not resumed or step is None or step.begun else ""
    left = "".join(f'<p class="msl-note msl-good" role="status">{escape(one.text)}</p>' for one in found.leases)
    return f"{bar}{go}{more}{left}"


def _section(found: Standing, part: int | None) -> str:
    steps = found.of_part(part)
    is_current = found.next is not None and part == found.next.part
    table = html_table(_HEADER, [_row(one, found) for one in steps])
    opened = " open" if is_current or any(one.begun and not one.done for one in steps) else ""
    name, line = "" if part is None else part, escape(_part_line(found, part))
    return f'<details data-part="{name}"{opened}><summary>{line}</summary>{table}{_ends(part)}</details>'


@dataclass(frozen=True)
class _Wrapped(Cell):
    """A cell that may take several lines, with a link where it has one."""

    path: str = ""
    now: bool = False

    def html(self) -> str:
        now = ' aria-current="step"' if self.now else ""
        link = f'<a href="/lab/tree/{escape(self.path)}" data-open="{escape(self.path)}"{now}>{escape(self.text)}</a>'
        return f'<span style="white-space:normal">{link if self.path else escape(self.text)}</span>'


def _link(step: Step, now: bool = False) -> _Wrapped:
    lesson = step.lesson
    name = lesson.title + (" (choose)" if step.choice else "")
    return _Wrapped(name, path=lesson.notebook.relative_to(PROJECT_DIR).as_posix(), now=now)


_HEADER = ["lesson", "state", "points", "predictions", "minutes (estimated)", "on the lease", "where"]


def _row(step: Step, found: Standing) -> list[Cell]:
    kind = "msl-good" if step.done else "msl-strong" if step.begun else "msl-soft"
    # What nobody asks for has checks, and no points.
    points = ("", "") if step.part is None else (f"{step.earned:g}/{step.possible:g}", step.predictions or "")
    numbers = (*points, step.lesson.minutes)
    return [
        _link(step, step is found.next),
        Cell(f"{_MARKS[step.word]} {step.word}", kind=kind, words=True),
        *(Cell(str(one)) for one in (*numbers, step.lesson.machine_minutes or "")),
        Cell(step.where, words=True),
    ]


def _ends(part: int | None) -> str:
    if part is None:
        return ""
    home = f"Bring results home from the leased machine: `{msl(f'pull {part}')}`. " if part in PROVISIONED else ""
    text = f"{home}Look at what the grader will say, and write the zip: `{msl(f'submit {part}')}`."
    return f'<p class="msl-sub">{_code(text)}</p>'


def _code(text: str) -> str:
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))
