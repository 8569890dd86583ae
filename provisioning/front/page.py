"""The front page as HTML: what is due, the manager's targets, each part and its lessons; ``page.html`` has its form.

Links carry the notebook's path in ``data-open``; whoever shows the page opens it. In a browser without JupyterLab the
``href`` does the same.
"""

import functools
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from labs.course.assignment import assignment
from labs.display.theme import STYLE, progress_bar
from labs.shell import msl
from labs.widgets.scoreboard import best_so_far, met, tiles
from provisioning.front import words
from provisioning.front.standing import PROVISIONED, Standing


def front_page(stands: Standing) -> str:
    """Return the page for a standing, with its style."""
    parts = [words.PartStanding(stands, number) for number in assignment().parts]
    best, resumed = best_so_far(stands.records), stands.resumed
    board = Markup(tiles(best))
    # A deep dive may be resumed: the part that is open is then the one whose turn it is.
    current = next(
        (step.part for step in (resumed, stands.next) if step and step.part is not None), None
    )
    dated = [(part.asked.due, part) for part in parts if part.asked.due and part.next]
    due = min(dated, key=lambda pair: pair[0], default=(None, None))[1]
    values = {
        "stands": stands,
        "parts": parts,
        "resumed": resumed,
        "current": current,
        "due": due,
        "board": board,
    }
    course = assignment().course
    return _template().render(values, title=course.title, hand_in=course.hand_in, met=met(best))


@functools.cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["code"] = lambda text: Markup(
        re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    )
    environment.globals |= {
        "words": words,
        "msl": msl,
        "style": Markup(STYLE),
        "provisioned": PROVISIONED,
    }
    environment.globals["progress_bar"] = lambda *about, **more: Markup(
        progress_bar(*about, **more)
    )
    return environment.get_template("page.html")
