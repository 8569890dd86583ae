"""Where a student stands, in words: what the front page says, and the whole of it as text for ``msl status``."""

from datetime import UTC, datetime
from itertools import islice

from labs.course.assignment import assignment
from labs.course.lessons import PART_TITLES
from labs.course.points import sums_text
from labs.display.table import Cell, text_table
from labs.shell import msl
from provisioning.front.standing import Standing, Step

#: A mark beside each word, so that nothing is told by colour alone.
MARKS = {"done": "✓", "begun": "◐", "open": "○"}

#: What the points are, and what may still change them.
POINTS_NOTE = (
    "Points are your gradebook's, as your own checks promise them; what only the grader can see (further cases, your "
    "files opened again) may still take some."
)


class PartStanding:
    """One part of the assignment, and how far it is."""

    def __init__(self, stands: Standing, number: int) -> None:
        """Read a part of a standing."""
        self.number, self.title, self.asked = number, PART_TITLES[number], assignment().part(number)
        self.steps = stands.of_part(number)
        counted = [step for step in self.steps if step.counts]
        self.lessons, self.done = len(counted), sum(step.done for step in counted)
        self.next = next((step for step in counted if not step.done), None)
        #: Points of a talk are the teacher's to give.
        talk = f", and {self.asked.defence:g} for the talk" if self.asked.defence else ""
        self.points = f"{points_of(*counted)} points{talk}"
        #: In the reader's time; empty without a date.
        self.due = ""
        if self.asked.due:
            word = "was due" if self.asked.due < datetime.now(UTC) else "due"
            self.due = f"{word} {self.asked.due.astimezone():%a %d %B, %H:%M}"

    @property
    def text(self) -> str:
        """All of it on one line."""
        return f"{self.title}: {self.done} of {self.lessons} lessons, {self.points}{', ' * bool(self.due)}{self.due}"


def summary(stands: Standing) -> str:
    """Return how far the whole course is."""
    counted = [step for step in stands.steps if step.counts]
    return f"{sum(step.done for step in counted)} of {len(counted)} lessons, {points_of(*counted)} points"


def next_text(stands: Standing) -> str:
    """Return one sentence on the next step."""
    step = stands.next
    if step is None:
        writes = f"`{msl('submit PART')}` writes the zip."
        return f"Every lesson that is asked is done: hand in what is not handed in yet. {writes}"
    return f"Next: {step.lesson.title}, an estimated {about(step)}"


def about(step: Step) -> str:
    """Return how long a lesson takes and where, and its first open question once it is begun."""
    setup = f", beside {step.lesson.setup_minutes} of set-up" if step.lesson.setup_minutes else ""
    asked = f"; first open question: {step.left[0].title}" if step.begun and step.left else ""
    return f"{step.time}{setup}{asked}"


def where() -> str:
    """Return a sentence on where a zip goes."""
    return f"Upload the zip {assignment().course.hand_in_where}"


def unread(stands: Standing) -> str:
    """Return a sentence on lines of the ledger that cannot be read; empty if there are none."""
    return (
        f"{len(stands.unread)} lines of the ledger cannot be read; `{msl('doctor')}` names them."
        * bool(stands.unread)
    )


def points_of(*steps: Step) -> str:
    """Return the points of lessons in the gradebook's scale; empty for a lesson that does not count."""
    return (
        sums_text(row for step in steps for row in step.rows)
        if any(step.counts for step in steps)
        else ""
    )


def text_of(stands: Standing) -> str:
    """Return the page in words and columns."""
    lines = [f"{assignment().course.title}: {summary(stands)}", next_text(stands)]
    lines += [lease.text for lease in stands.leases]
    groups = [
        (part.text, part.steps)
        for part in (PartStanding(stands, number) for number in assignment().parts)
    ]
    groups += [("Optional deep dives (no points)", stands.of_part(None))]
    header = ["lesson", "state", "points", "time, estimated"]
    table = text_table(header, [_row(step) for _, steps in groups for step in steps]).splitlines()
    rows = iter(table[2:])
    lines += [
        "",
        *table[:2],
        *(
            line
            for title, steps in groups
            if steps
            for line in (f"[{title}]", *islice(rows, len(steps)))
        ),
    ]
    submit = f"`{msl('submit PART')}` writes a part's zip. {where()}"
    return "\n".join([*lines, "", submit, POINTS_NOTE, unread(stands)]).rstrip()


def _row(step: Step) -> list[Cell]:
    state = Cell(f"{MARKS[step.word]} {step.word}", words=True)
    return [Cell(step.name), state, Cell(points_of(step)), Cell(step.time, words=True)]
