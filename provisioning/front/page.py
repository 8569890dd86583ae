"""The front page as HTML: due dates, the manager's targets, each part and its lessons;
``page.html`` has its form.

Links carry the notebook's path in ``data-open``; the caller opens it. In a browser without
JupyterLab the ``href`` does the same.
"""

import functools
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from labs.course.assignment import assignment
from labs.display.theme import STYLE, progress_bar
from labs.shell import msl
from labs.widgets.scoreboard import best_so_far, met, targets_line, tiles
from provisioning.front import words
from provisioning.front.standing import PROVISIONED, CourseStanding


def front_page(stands: CourseStanding) -> str:
    """Return the page for a standing, with its style."""
    parts = [words.PartStanding(stands, number) for number in assignment().parts]
    best = best_so_far(stands.records)
    # A deep dive may be resumed: the part that is open is then the one whose turn it is.
    steps = [step for step in (stands.resumed, stands.next) if step is not None]
    open_parts = [step.part for step in steps if step.part is not None]
    dated = [(part.asked.due, part) for part in parts if part.asked.due and part.next]
    _, due = min(dated, key=lambda pair: pair[0], default=(None, None))
    course = assignment().course
    current = next(iter(open_parts), None)
    board = tiles(best) if any(best.values()) else ""
    return _template().render(
        stands=stands,
        parts=parts,
        resumed=stands.resumed,
        current=current,
        due=due,
        board=Markup(board),
        targets=Markup(targets_line(best)),
        title=course.title,
        hand_in=course.hand_in,
        met=met(best),
    )


@functools.cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["code"] = _code
    environment.globals |= {
        "words": words,
        "msl": msl,
        "style": Markup(STYLE),
        "provisioned": PROVISIONED,
        "progress_bar": _progress_bar,
    }
    return environment.get_template("page.html")


def _code(text: str) -> Markup:
    """Return a sentence as HTML, with text in backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _progress_bar(*arguments: Any, **keywords: Any) -> Markup:
    return Markup(progress_bar(*arguments, **keywords))
