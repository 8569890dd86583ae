"""Derived pages: the questions with points, and the course's map, so that neither can disagree with the course."""

import math
from collections.abc import Mapping
from pathlib import Path

from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.assignment import SHIPPED, assignment, in_hours
from labs.course.lessons import NOTEBOOKS_DIR, PART_TITLES, PLACES, Lesson, lessons
from labs.course.points import TAKING_PART, promised_rows, sums
from labs.course.question import Question, Row
from labs.course.tables import Assignment
from labs.display.format import points_in_words
from labs.records.prices import gpu_usd_per_hour
from labs.shell import msl
from provisioning.sites.spec import NUMBERS, PARTS, load_spec

#: The committed page.
QUESTIONS_PATH = NOTEBOOKS_DIR / "QUESTIONS.md"


def questions_page() -> str:
    """Return the page as Markdown: what is asked, then the rest; one section per lesson, one row per question."""
    course, pairs = assignment(), (pair for lesson in sources() for pair in written(lesson).items())
    questions = {id: Question(id, **asked.values) for id, asked in pairs}
    asked = course.lessons()
    count = sum(
        question.lesson_id in {lesson.id for lesson in asked} for question in questions.values()
    )
    lines = [
        f"# {course.course.title}: questions and points",
        "",
        f"{count} questions are asked. Each is answered in its lesson's notebook and judged by `check(…)` there, as",
        "often as you like. A prediction earns its points once what it is about is measured.",
        "",
        "The grader opens what you made: it calls functions on cases that nobody has seen, reads or runs files, and",
        "measures models again; what does not hold there loses its points. What only your ledger says (predictions,",
        "records, answers) is *taking part*, and is marked so. Points are your gradebook's, to a tenth: a part's",
        f"together are what it is worth there, and taking part is {TAKING_PART:.0%} of that at most.",
        "",
        f"It takes {in_hours(course)}",
        "",
        f"`{msl('submit 1', at_home=True)}`, in a terminal in the course's folder, writes one zip of part 1, and shows",
        "what the grader will find in it.",
        f"Upload the zip {course.course.hand_in_where_markdown}",
        "",
        "Made from the lessons and `assignment.toml`: what is written here by hand is lost.",
    ]
    for part in course.parts.values():
        due = (
            f", due {part.due:%a %d %b %Y %H:%M} ({course.course.time_zone.key})"
            if part.due
            else ""
        )
        lines += ["", f"# {PART_TITLES[part.number]}: {part.points:g} in the gradebook{due}"]
        lines += (
            ["", " ".join(part.terms(course.course.late))] if part.terms(course.course.late) else []
        )
        if part.choices:
            titles = ", ".join(one.title for one in part.asked() if one.id in part.choices)
            lines += [
                "",
                f"Of {titles}, the best {part.at_least} count; each has its points as if it is among these.",
            ]
        for lesson in part.asked():
            lines += _section(lesson, course, questions)
    lines += ["", "# Optional deep dives (no points)"]
    for lesson in sources():
        lines += _section(lesson, course, questions) if lesson not in asked else []
    return "\n".join(lines) + "\n"


def _section(lesson: Lesson, course: Assignment, questions: Mapping[str, Question]) -> list[str]:
    # Its own questions are right, so that a lesson to choose counts.
    rows = [
        Row(
            id,
            one.title,
            one.lesson_id,
            one.points * (one.lesson_id == lesson.id),
            one.points,
            "",
            opened=one.opened,
        )
        for id, one in questions.items()
    ]
    own = [
        row for row in promised_rows(rows, course, questions.__getitem__) if row.lesson == lesson.id
    ]
    points, lines = sums(own)["possible"], [["question", "as", "points"], ["---", "---", "---:"]]
    lines += [[row.title, _kind(questions[row.id]), f"{sums([row])['possible']:g}"] for row in own]
    heading = f"## [{lesson.title}]({lesson.link})" + f" ({points_in_words(points)})" * bool(points)
    return ["", heading, "", *(f"| {' | '.join(line if points else line[:2])} |" for line in lines)]


def _kind(question: Question) -> str:
    kind = "measurements" if question.kind == "records" else question.kind
    return kind if question.opened else f"{kind}, {'partly ' * bool(question.again)}taking part"


#: The page whose table is generated; the rest of it is written by hand.
MAP_PATH = NOTEBOOKS_DIR / "README.md"

_BEGIN, _END = "<!-- map, made from the lessons -->", "<!-- end of map -->"


def course_map() -> str:
    """Return the committed page with its table as the lessons are now, between the two marks that it has once each."""
    before, rest = MAP_PATH.read_text(encoding="utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    table = "\n".join(_table(sources()))
    sums = "\n".join(
        f"- `{path.name}`: {in_hours(assignment(path))}{_left_out(path)}" for path in SHIPPED
    )
    return f"{before}{_BEGIN}\n\n{table}\n\n## Both assignments\n\n{sums}\n\n{_machines()}\n\n{_END}{after}"


def _left_out(path: Path) -> str:
    """Return a sentence that names the core lessons which an assignment leaves out; empty if it asks for all."""
    asked = [lesson.id for lesson in assignment(path).lessons()]
    titles = [
        f"*{lesson.title}*"
        for lesson in sources()
        if lesson.kind == "core" and lesson.id not in asked
    ]
    return f" It leaves out {', '.join(titles)}." if titles else ""


def _machines() -> str:
    rows = []
    for spec in map(load_spec, PARTS):
        for option in spec.options:
            usd_per_hour = gpu_usd_per_hour(option.hardware)
            rented = "" if math.isnan(usd_per_hour) else f"{usd_per_hour * spec.hours:.0f} $"
            facts = (
                option.name,
                option.site,
                NUMBERS[spec.part],
                f"{spec.hours} h",
                rented,
                option.hardware,
            )
            rows.append(f"| {' | '.join(map(str, facts))} |")
    columns = "| machine | site | part | block | such a GPU, rented | as public pages have it, or a lease has shown it |"
    note = "*Rented*: a block's hours on one whole GPU of that kind, by the prices of `assets/reference/prices.json`."
    return "\n".join(["## Machines", "", columns, "|---|---|---:|---:|---:|---|", *rows, "", note])


def _table(course: list[Lesson]) -> list[str]:
    columns = [
        "lesson",
        "what happens",
        "minutes (estimated)",
        "on the lease",
        "set-up, apart",
        "where",
        "after",
    ]
    lines = [f"| {' | '.join(columns)} |", "|---|---|---:|---:|---:|---|---|"]
    part = None
    for lesson in course:
        if lesson.part != part:
            part = lesson.part
            lines.append(f"| **{PART_TITLES.get(part, f'Part {part}')}** | | | | | | |")
        lines.append(_row(lesson))
    return lines


def _row(one: Lesson) -> str:
    built = next(other for other in lessons() if other == one)  # of which minutes are known
    titles = {other.id: other.title for other in sources()}
    cells = [
        f"[{one.title}]({one.link}){' (deeper)' * (one.kind == 'deeper')}",
        one.summary,
        str(built.minutes),
        str(one.machine_minutes or ""),
        str(built.setup_minutes or ""),
        ", ".join(PLACES[place] for place in one.where),
        ", ".join(titles[id] for id in one.needs if id in titles),
    ]
    return "| " + " | ".join(cells) + " |"
