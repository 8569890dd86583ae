"""Derived pages: the questions with points, and the course's map, so that neither can disagree with
the course.
"""

import math
from collections.abc import Iterable, Mapping

from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.assignment import SHIPPED, assignment, in_hours
from labs.course.lessons import NOTEBOOKS_DIR, PART_TITLES, PLACES, Lesson, lessons
from labs.course.points import TAKING_PART, promised_rows, sums
from labs.course.question import Question, ResultRow
from labs.course.tables import Assignment
from labs.display.format import points_in_words
from labs.records.prices import gpu_usd_per_hour
from labs.shell import msl
from labs.sites.spec import NUMBERS, PARTS, load_spec

#: The committed page.
QUESTIONS_PATH = NOTEBOOKS_DIR / "QUESTIONS.md"


def questions_page() -> str:
    """Return the page as Markdown: assigned lessons, then the others; one section per lesson, one
    row per question.
    """
    course = assignment()
    questions = {}
    for lesson in sources():
        for id, asked in written(lesson).items():
            questions[id] = Question(id, **asked.values)
    asked_ids = {lesson.id for lesson in course.lessons()}
    voided = {id for id, change in course.changes.items() if change.void is True}
    count = sum(
        question.lesson_id in asked_ids and id not in voided for id, question in questions.items()
    )
    submit = msl("submit 1", at_home=True)
    lines = [
        f"# {course.course.title}: questions and points",
        "",
        f"{count} questions are asked. You answer each in its lesson's notebook, and `check(…)` "
        "judges it there as",
        "often as you like. A prediction earns its points when you have measured the result.",
        "",
        "The grader judges your work again: it calls functions on hidden cases, reads or runs "
        "files, and measures",
        "models. An answer that fails there loses its points. Predictions, records and written "
        "answers are only in your",
        "ledger, so they count as *taking part*, and are marked so. Points are those of the "
        "gradebook, rounded to a",
        f"tenth. Taking part gives at most {TAKING_PART:.0%} of a part's points.",
        "",
        f"It takes {in_hours(course)}{_left_out(course)}",
        "",
        f"`{submit}`, in a terminal in the course's folder, writes one zip of part 1, and lists",
        "the files and answers in it.",
        f"Upload the zip {course.course.hand_in_where_markdown}",
        "",
        "The builder makes this page from the lessons and `assignment.toml`, so do not edit it.",
    ]
    for part in course.parts.values():
        due = ""
        if part.due:
            due = f", due {part.due:%a %d %b %Y %H:%M} ({course.course.time_zone.key})"
        lines += ["", f"# {PART_TITLES[part.number]}: {part.points:g} in the gradebook{due}"]
        terms = part.terms(course.course.late)
        if terms:
            lines += ["", " ".join(terms)]
        if part.choices:
            titles = ", ".join(each.title for each in part.asked() if each.id in part.choices)
            lines += [
                "",
                f"Of {titles}, the best {part.at_least} count; each has its points as if it is "
                "among these.",
            ]
        for lesson in part.asked():
            lines += _section(lesson, course, questions)
    lines += ["", "# Optional deep dives (no points)"]
    for lesson in sources():
        if lesson.id not in asked_ids:
            lines += _section(lesson, course, questions)
    return "\n".join(lines) + "\n"


def _section(lesson: Lesson, course: Assignment, questions: Mapping[str, Question]) -> list[str]:
    rows = []
    for question in questions.values():
        # Its own questions are right, so that a lesson to choose counts.
        is_right = question.lesson_id == lesson.id
        row = ResultRow(
            id=question.id,
            title=question.title,
            lesson=question.lesson_id,
            points=question.points if is_right else 0,
            possible=question.points,
            message="",
            opened=question.opened,
        )
        rows.append(row)
    promised = promised_rows(rows, course, questions.__getitem__)
    own = [row for row in promised if row.lesson == lesson.id]
    cells = [["question", "as", "points"], ["---", "---", "---:"]]
    for row in own:
        row_points = sums([row])["possible"]
        title = row.title
        if row.id in course.changes:
            title += f". *{course.changes[row.id].sentence}*"
        cells.append([title, _kind(questions[row.id]), f"{row_points:g}"])
    heading = f"## [{lesson.title}]({lesson.link})"
    points = sums(own)["possible"]
    if points:
        heading += f" ({points_in_words(points)})"
    else:
        cells = [line[:2] for line in cells]
    return ["", heading, "", *map(_table_line, cells)]


def _table_line(cells: Iterable[str]) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def _kind(question: Question) -> str:
    kind = "measurements" if question.kind == "records" else question.kind
    if question.opened:
        return kind
    return f"{kind}, partly taking part" if question.hidden_points else f"{kind}, taking part"


#: The page whose table is generated; the rest of it is written by hand.
MAP_PATH = NOTEBOOKS_DIR / "README.md"

_BEGIN, _END = "<!-- map, made from the lessons -->", "<!-- end of map -->"


def course_map() -> str:
    """Return the committed page with its table as the lessons are now, between the two marks that
    it has once each.
    """
    before, rest = MAP_PATH.read_text(encoding="utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    table = "\n".join(_table(sources()))
    lines = []
    for path in SHIPPED:
        shipped = assignment(path)
        lines.append(f"- `{path.name}`: {in_hours(shipped)}{_left_out(shipped)}")
    sections = [_BEGIN, table, "## Both assignments", "\n".join(lines), _machines(), _END]
    return before + "\n\n".join(sections) + after


def _left_out(course: Assignment) -> str:
    """Return a sentence that names the core lessons which an assignment leaves out; empty if it has
    all.
    """
    asked = [lesson.id for lesson in course.lessons()]
    core = [lesson for lesson in sources() if lesson.kind == "core"]
    titles = [f"*{lesson.title}*" for lesson in core if lesson.id not in asked]
    return f" It leaves out {', '.join(titles)}." if titles else ""


def _machines() -> str:
    rows = []
    for spec in map(load_spec, PARTS):
        for option in spec.options:
            hour_usd = option.usd_per_hour
            if hour_usd is None:
                hour_usd = gpu_usd_per_hour(option.hardware)
            block_usd = hour_usd * spec.hours
            rented = "" if math.isnan(block_usd) else f"{block_usd:.0f} $"
            number = str(NUMBERS[spec.part])
            cells = [
                option.name,
                option.public_site,
                number,
                f"{spec.hours} h",
                rented,
                option.hardware,
            ]
            rows.append(_table_line(cells))
    columns = (
        "| machine | site | part | block | such a GPU, rented | as public pages have it, or a "
        "lease has shown it |"
    )
    note = (
        "*Rented*: a block's hours on one whole GPU of that kind, by the prices of "
        "`assets/reference/prices.json`."
    )
    return "\n".join(
        ["## Machines", "", columns, "|---|---|---:|---:|---:|---|", *dict.fromkeys(rows), "", note]
    )


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
    lines = [_table_line(columns), "|---|---|---:|---:|---:|---|---|"]
    group = None
    for lesson in course:
        if (lesson.part, lesson.kind) != group:
            group = (lesson.part, lesson.kind)
            lines.append(f"| **{_group_title(lesson)}** | | | | | | |")
        lines.append(_row(lesson))
    return lines


def _group_title(lesson: Lesson) -> str:
    """Return the heading of a part's core lessons, or of its deep dives."""
    part = PART_TITLES.get(lesson.part, f"Part {lesson.part}")
    return f"{part}, optional deep dives" if lesson.kind == "deeper" else part


def _row(lesson: Lesson) -> str:
    built = next(other for other in lessons() if other == lesson)  # of which minutes are known
    titles = {other.id: other.title for other in sources()}
    link = f"[{lesson.title}]({lesson.link})"
    places = [PLACES[place] for place in lesson.where]
    needed = [titles[id] for id in lesson.needs if id in titles]
    cells = [
        link,
        lesson.summary,
        str(built.minutes),
        str(lesson.machine_minutes or ""),
        str(built.setup_minutes or ""),
        ", ".join(places),
        ", ".join(needed),
    ]
    return _table_line(cells)
