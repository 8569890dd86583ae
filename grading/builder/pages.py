"""Derived pages: the questions with points, and the course's map, so that neither can disagree with the course."""

from grading.builder.questions import Asked, written
from grading.builder.sources import sources
from labs.course.assignment import SHIPPED, assignment, in_hours
from labs.course.lessons import NOTEBOOKS_DIR, PART_TITLES, PLACES, Lesson, lessons
from labs.course.points import TAKING_PART, points_of, worth_of
from labs.course.question import Question
from labs.course.tables import PartAsked
from labs.display.format import points_in_words
from labs.records.decision import hourly_prices
from provisioning.sites.spec import NUMBERS, PARTS, load_spec

#: The committed page.
QUESTIONS_PATH = NOTEBOOKS_DIR / "QUESTIONS.md"


def questions_page() -> str:
    """Return the page as Markdown: what is asked, then the rest; one section a lesson, one row a question."""
    course, questions = assignment(), {lesson.id: written(lesson) for lesson in sources()}
    asked = course.lessons()
    count = sum(len(questions[one.id]) for one in asked)
    lines = [
        f"# {course.course.title}: questions and points",
        "",
        f"{count} questions are asked. Each is answered in its lesson's notebook and judged by `check(…)` there, as",
        "often as you like. A prediction earns its point once what it is about is measured.",
        "",
        "The grader opens what you made: it calls functions on cases that nobody has seen, reads or runs files, and",
        "measures models again; what does not hold there loses its points. What only your ledger says (predictions,",
        "records, answers) is *taking part*, and is marked so. A part's points together are what it is worth in the",
        f"gradebook, and taking part is {TAKING_PART:.0%} of that at most.",
        "",
        f"It takes {in_hours(course)}",
        "",
        "Made from the lessons and `assignment.toml`: what is written here by hand is lost.",
    ]
    for part in course.parts.values():
        due = f", due {part.due:%a %d %b %Y %H:%M} ({course.course.time_zone.key})" if part.due else ""
        lines += ["", f"# {PART_TITLES[part.number]}: {part.points:g} in the gradebook{due}"]
        lines += ["", " ".join(part.terms(course.course.late))] if part.terms(course.course.late) else []
        if part.choices:
            titles = ", ".join(one.title for one in part.asked() if one.id in part.choices)
            lines += ["", f"Of {titles}, the best {part.at_least} count."]
        else:
            lines += ["", _shares(part, [questions[one.id] for one in part.asked()])]
        for lesson in part.asked():
            lines += _section(lesson, questions[lesson.id])
    lines += ["", "# Deep dives that nobody asks for"]
    for lesson in sources():
        lines += _section(lesson, questions[lesson.id]) if lesson not in asked else []
    return "\n".join(lines) + "\n"


def _shares(part: PartAsked, questions: list[dict[str, Asked]]) -> str:
    """Return what is worth how much in the gradebook: what the grader opens, and taking part."""
    asked = [Question(id, **one.values) for some in questions for id, one in some.items()]
    opened, taking_part = points_of(asked)
    worth = worth_of(part.worth, opened, taking_part)
    return (
        f"What the grader opens ({points_in_words(opened)}) is worth {round(opened * worth.opened, 1):g} of them, "
        f"taking part ({points_in_words(taking_part)}) {round(taking_part * worth.taking_part, 1):g}."
    )


def _section(lesson: Lesson, asked: dict[str, Asked]) -> list[str]:
    questions = [Question(id, **one.values) for id, one in asked.items()]
    points = sum(one.total for one in questions)
    kinds = {"records": "measurements"}
    rows = [f"| {one.title} | {kinds.get(one.kind, one.kind)}{_taking_part(one)} | {one.total} |" for one in questions]
    return [
        "",
        f"## [{lesson.title}]({lesson.link}) ({points_in_words(points)})",
        "",
        "| question | as | points |",
        "|---|---|---:|",
        *rows,
    ]


def _taking_part(one: Question) -> str:
    if one.opened:
        return ""
    return f", {one.points} of them taking part" if one.again else ", taking part"


#: The page whose table is generated; the rest of it is written by hand.
MAP_PATH = NOTEBOOKS_DIR / "README.md"

_BEGIN, _END = "<!-- map, made from the lessons -->", "<!-- end of map -->"


def course_map(page: str | None = None) -> str:
    """Return the page, the committed one unless given, with its table as the lessons are now.

    Raises:
        ValueError: The page lacks the two marks between which the table stands.
    """
    page = MAP_PATH.read_text(encoding="utf-8") if page is None else page
    if page.count(_BEGIN) != 1 or page.count(_END) != 1:
        raise ValueError(f"{MAP_PATH.name} wants the lines {_BEGIN} and {_END} once each, around its table")
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    table = "\n".join(_table(sources()))
    sums = "\n".join(f"- `{path.name}`: {in_hours(assignment(path))}" for path in SHIPPED)
    return f"{before}{_BEGIN}\n\n{table}\n\n## Both assignments\n\n{sums}\n\n{_machines()}\n\n{_END}{after}"


def _machines() -> str:
    prices, rows = hourly_prices()["usd_per_hour"].to_dict(), []
    for spec in map(load_spec, PARTS):
        for option in spec.options:
            usd = [usd for word, usd in prices.items() if word in option.hardware and "EPYC" not in word]
            rented = f"{usd[0] * spec.hours:.0f} $" if usd else ""
            facts = (option.name, option.site, NUMBERS[spec.part], f"{spec.hours} h", rented, option.hardware)
            rows.append(f"| {' | '.join(map(str, facts))} |")
    columns = (
        "| machine | site | part | block | such a GPU, rented | as public pages have it, or a lease has shown it |"
    )
    note = "*Rented*: a block's hours on one whole GPU of that kind, by the prices of `assets/reference/prices.json`."
    return "\n".join(["## Machines", "", columns, "|---|---|---:|---:|---:|---|", *rows, "", note])


def _table(course: list[Lesson]) -> list[str]:
    columns = ["lesson", "what happens", "minutes (estimated)", "on the lease", "set-up, apart", "where", "after"]
    lines = [f"| {' | '.join(columns)} |", "|---|---|---:|---:|---:|---|---|"]
    part = None
    for one in course:
        if one.part != part:
            part = one.part
            lines.append(f"| **{PART_TITLES.get(part, f'Part {part}')}** | | | | | | |")
        lines.append(_row(one))
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
