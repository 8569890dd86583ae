"""A student's progress in words: the sentences of the front page, and all of it as text for ``msl
status``.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from labs.course.assignment import assignment
from labs.course.lessons import MINUTES_NOTE, PART_TITLES
from labs.course.points import sums_text
from labs.display.table import Cell, text_table
from labs.shell import msl
from provisioning.front.standing import CourseStanding, LessonStanding

#: A mark beside each word, so that nothing is told by colour alone.
MARKS = {"done": "✓", "begun": "◐", "open": "○"}

#: Meaning of the points, and possible changes.
POINTS_NOTE = (
    "Points are your gradebook's, as your own checks promise them; what only the grader can see "
    "(further cases, your files opened again) may still take some."
)


class PartStanding:
    """One part of the assignment, and how far it is."""

    def __init__(self, stands: CourseStanding, number: int) -> None:
        """Read a part of a standing."""
        self.number = number
        self.title = PART_TITLES[number]
        self.asked = assignment().part(number)
        self.steps = stands.of_part(number)
        counted = [step for step in self.steps if step.counts]
        self.lessons = len(counted)
        self.done = sum(step.done for step in counted)
        self.next = next((step for step in counted if not step.done), None)
        #: Points of a talk are the teacher's to give.
        talk = f", and {self.asked.defence:g} for the talk" if self.asked.defence else ""
        #: The gradebook adds the points that the site's record proves.
        leases = f", and {self.asked.lease:g} for leases (pending)" if self.asked.lease else ""
        self.points = f"{points_of(*counted)} points{talk}{leases}"
        #: In the reader's time; empty without a date.
        self.due = ""
        if self.asked.due:
            word = "was due" if self.asked.due < datetime.now(UTC) else "due"
            local = self.asked.due.astimezone()
            self.due = f"{word} {local:%a %d %B, %H:%M}"

    @property
    def text(self) -> str:
        """All of it on one line."""
        text = f"{self.title}: {self.done} of {self.lessons} lessons, {self.points}"
        return f"{text}, {self.due}" if self.due else text


def summary(stands: CourseStanding) -> str:
    """Return how far the whole course is."""
    counted = [step for step in stands.steps if step.counts]
    done = sum(step.done for step in counted)
    return f"{done} of {len(counted)} lessons, {points_of(*counted)} points"


def introduction(stands: CourseStanding) -> list[str]:
    """Return what the course is, how long it takes, and how a lesson works: a sentence or two
    each.
    """
    asked = [step.lesson for step in stands.steps if step.counts]
    hours = round(sum(lesson.minutes for lesson in asked) / 60)
    leased = sum("on a lease" in step.time for step in stands.steps if step.counts)
    where = "this computer rehearses all of them"
    if leased:
        where += f", and {leased} continue on a machine that you lease"
    return [
        "You make one image classifier fast, small and cheap to serve: first the model, then a "
        "device to run it on, then the system around it.",
        f"The {len(asked)} lessons take about {hours} hours; {where}.",
        "In each lesson you predict, measure, and write a few functions or files. A check below "
        "each of them says at once whether it is right.",
    ]


def next_text(stands: CourseStanding) -> str:
    """Return one sentence on the next step."""
    step = stands.next
    if step is None:
        writes = f"`{msl('submit PART')}` writes the zip."
        return f"Every lesson that is asked is done: hand in what is not handed in yet. {writes}"
    return f"Next: {step.lesson.title}, an estimated {about(step)}"


def how_to_open(step: LessonStanding) -> str:
    """Return the command that opens a lesson, and where its notebook is."""
    line = msl(f"lab {step.lesson.id}")
    return f"`{line}` opens notebooks/{step.lesson.link} in JupyterLab."


def about(step: LessonStanding) -> str:
    """Return how long a lesson takes and where, and its first open question once it is begun."""
    text = step.time
    if step.lesson.setup_minutes:
        text += f", beside {step.lesson.setup_minutes} of set-up"
    if step.begun and step.left:
        text += f"; first open question: {step.left[0].title}"
    return text


def where() -> str:
    """Return a sentence on where a zip goes."""
    return f"Upload the zip {assignment().course.hand_in_where}"


def unread(stands: CourseStanding) -> str:
    """Return a sentence on lines of the ledger that cannot be read; empty if there are none."""
    if not stands.unread:
        return ""
    count = len(stands.unread)
    return f"{count} lines of the ledger cannot be read; `{msl('doctor')}` names them."


def points_of(*steps: LessonStanding) -> str:
    """Return the points of lessons in the gradebook's scale; empty for a lesson that does not
    count.
    """
    if not any(step.counts for step in steps):
        return ""
    return sums_text(row for step in steps for row in step.rows)


def text_of(stands: CourseStanding) -> str:
    """Return the page in words and columns."""
    title = assignment().course.title
    lines = [f"{title}: {summary(stands)}", next_text(stands)]
    lines += [lease.text for lease in stands.leases]
    lines += ["", *_table_lines(stands), ""]
    lines.append(f"`{msl('submit PART')}` writes a part's zip. {where()}")
    lines += [POINTS_NOTE, MINUTES_NOTE, unread(stands)]
    return "\n".join(lines).rstrip()


def _table_lines(stands: CourseStanding) -> Iterator[str]:
    """Yield the table of all lessons: its header, then each part's title before its lessons."""
    steps_by_title = {}
    for number in assignment().parts:
        part = PartStanding(stands, number)
        steps_by_title[part.text] = part.steps
    steps_by_title["Optional deep dives (no points)"] = stands.of_part(None)
    cells = [_row(step) for steps in steps_by_title.values() for step in steps]
    header = ["lesson", "id", "state", "points", "time, estimated"]
    heading, rule, *rows = text_table(header, cells).splitlines()
    yield heading
    yield rule
    remaining = iter(rows)
    for title, steps in steps_by_title.items():
        if steps:
            yield f"[{title}]"
            yield from islice(remaining, len(steps))


def _row(step: LessonStanding) -> list[Cell]:
    state = Cell(f"{MARKS[step.word]} {step.word}", words=True)
    points = Cell(points_of(step))
    time = Cell(step.time, words=True)
    return [Cell(step.name), Cell(step.lesson.id, words=True), state, points, time]
