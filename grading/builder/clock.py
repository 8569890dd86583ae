"""A lesson's minutes, derived from its source by the one table in ``clock.toml``.

A machine's seconds were recorded when the solved lessons ran (``python -m grading rehearse
--record``). Front matter gives the minutes on a lease. Set-up is counted separately, because a
student works on something else while a machine boots. Pages call the minutes estimated; the medians
in a class's report serve to refit the table.
"""

import ast
import io
import json
import math
import re
import textwrap
import tokenize
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from nbformat import NotebookNode

from grading.builder.questions import Asked, written
from grading.builder.sources import SOLUTION, sources
from labs.course.lessons import Lesson
from labs.machine.fingerprint import fingerprint

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_READ, _ANSWER = _TABLE["reading"], _TABLE["answer"]

#: What a lesson's minutes go into by a question's kind; a cell without a question asks for calls,
#: as one for records.
_WRITTEN = {"function": "functions", "file": "files", "records": "calls"}

#: The rates count lines of this width, whatever width a formatter breaks them at.
_LINE_CHARACTERS = 120

#: The works at the end of a lesson: a student reads them in their own time.
_READING_LIST = re.compile(r"^## Read more$.*\Z", re.MULTILINE | re.DOTALL)

#: A cell that shows neither table nor picture ends with one of these, or with no value.
_SHOWS_NONE = {"begin", "check", "predict", "print"}


def set_minutes(notebook: NotebookNode, lesson: Lesson) -> None:
    """Write a lesson's minutes into the notebook's metadata, and those of set-up beside them."""
    minutes = minutes_of(notebook, lesson)
    setup = round(minutes.pop("setup"))
    notebook.metadata.lesson["minutes"] = round(sum(minutes.values()))
    if setup:
        notebook.metadata.lesson["setup_minutes"] = setup


def minutes_of(notebook: NotebookNode, lesson: Lesson) -> dict[str, float]:
    """Return the minutes of a notebook with its solutions, by kind of work; set-up is the last."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = _READING_LIST.sub("", text)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    minutes = dict.fromkeys(("reading", "code", *_WRITTEN.values(), "answers", "predictions"), 0.0)
    minutes["reading"] = _READ["opening"] + _reading(text)
    for cell in code:
        question = written(lesson).get(cell.metadata.get("question", ""))
        kind = question.values["kind"] if question else "records"
        given = SOLUTION.sub("", f"{cell.source}\n")
        lines_to_write = _lines_to_write(cell.source)
        if shows(given):
            minutes["reading"] += _READ["shown"]
        if cell.source.startswith("predict("):
            minutes["predictions"] += _READ["prediction"]
        elif kind == "answer" and question:
            is_recommendation = bool(question.values["hidden_points"])
            minutes["answers"] += _ANSWER["recommendation" if is_recommendation else "plain"]
        elif lines_to_write:
            cases = _case_count(question) if question else 0
            minutes[_WRITTEN[kind]] += _writing(_TABLE[kind], lines_to_write, cases)
        elif cell.metadata.get("jupyter", {}).get("source_hidden"):
            minutes["code"] += _READ["folded"]
        else:
            minutes["code"] += _READ["line"] * sum(map(_lines_of, _logical_lines(given)))
    record_of_lesson = recorded(lesson).get(lesson.id, {})
    minutes["machine"] = record_of_lesson.get("seconds", 0) / 60
    minutes["lease"] = lesson.machine_minutes
    minutes["setup"] = _setup_s(notebook, lesson) / 60
    return minutes


def _case_count(question: Asked) -> int:
    """Return how many cases a function's question has; 0 of any other one."""
    if question.cases is None:
        return 0
    return sum(1 for _ in question.cases(np.random.default_rng(0)))


def _writing(rates: Mapping[str, float], lines: int, cases: int) -> float:
    """Return the minutes for writing a number of lines, by a row of the table."""
    usual = rates["first"] + rates["line"] * lines + rates["case"] * cases
    return min(max(usual, rates["least"]), rates["most"])


def _reading(text: str) -> float:
    """Return the minutes of a text in Markdown, with its tables, pictures and displayed
    formulas.
    """
    text, formulas = re.subn(r"\$\$.+?\$\$", "", text, flags=re.DOTALL)
    rows = re.findall(r"^\|.*$", text, re.MULTILINE)
    tables = [row for row in rows if re.fullmatch(r"[ :|-]+", row)]
    shown = text.count("![") + len(tables)
    table_words = _count_words("\n".join(rows))
    words = _count_words(text)
    of_words = _READ["words"] * (words - table_words) + _READ["table_words"] * table_words
    return of_words + _READ["formula"] * formulas + _READ["shown"] * shown


def _count_words(text: str) -> int:
    return len(re.findall(r"\S*\w\S*", text))


def _lines_to_write(source: str) -> int:
    """Return the number of lines of a cell's solutions that its stubs do not contain."""
    to_write: Counter[str] = Counter()
    for _, solution, stub in SOLUTION.findall(f"{source}\n"):
        to_write += Counter(_logical_lines(solution)) - Counter(_logical_lines(stub))
    return sum(_lines_of(line) * count for line, count in to_write.items())


def _logical_lines(source: str) -> list[str]:
    """Return a cell's statements and blocks of comments, each as one line, whatever line breaks a
    formatter has made. Text that is not Python stays line by line.
    """
    code = textwrap.dedent(source)
    rows = [row.strip() for row in code.splitlines()]
    lines: list[str] = []
    comments: list[str] = []
    statement: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT and not statement:
                comments.append(token.string)
            elif token.type == tokenize.NEWLINE:
                lines += _rows_of(statement, rows)
                statement = []
            elif token.string.strip():
                if comments:
                    lines.append(" ".join(comments))
                    comments = []
                statement.append(token)
    except (tokenize.TokenError, SyntaxError):
        return [row for row in rows if row]
    return [*lines, " ".join(comments)] if comments else lines


def _rows_of(statement: Sequence[tokenize.TokenInfo], rows: Sequence[str]) -> list[str]:
    """Return a statement in one line; a text of several lines in it keeps its lines."""
    first, last = statement[0], statement[-1]
    own = rows[first.start[0] - 1 : last.end[0]]
    is_docstring = len(statement) == 1 and first.type == tokenize.STRING
    if is_docstring:
        return [" ".join(own)]
    if any(token.start[0] != token.end[0] for token in statement):
        return [row for row in own if row]
    return ["".join(own)]


def _lines_of(logical_line: str) -> int:
    """Return how many lines of the width at which the rates were set a logical line fills."""
    return math.ceil(len(logical_line) / _LINE_CHARACTERS)


def shows(source: str) -> bool:
    """Return whether a cell shows a table or a picture: it draws, or ends with a value."""
    try:
        *_, last = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE)).body
    except (SyntaxError, ValueError):  # a file for another program, or nothing
        return False
    if re.search(r"\bplt\.|\baxes\b", source):
        return True
    if not isinstance(last, ast.Expr):
        return False
    called = getattr(getattr(last.value, "func", None), "id", "")
    return called not in _SHOWS_NONE


def _path(lesson: Lesson) -> Path:
    root = next(folder for folder in lesson.folder.parents if folder.name == "source")
    return root / "rehearsed.json"


def recorded(lesson: Lesson) -> dict[str, dict]:
    """Return what is recorded beside a lesson's source by lesson: seconds of the solved lesson,
    machine and date.
    """
    path = _path(lesson)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def record(lesson: Lesson, seconds: float) -> None:
    """Write down how long the solved lesson ran, on which machine and when."""
    now = {
        "seconds": round(seconds),
        "machine": fingerprint().label,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    text = json.dumps(recorded(lesson) | {lesson.id: now}, indent=1, sort_keys=True)
    _path(lesson).write_text(text + "\n", encoding="utf-8")


def _setup_s(notebook: NotebookNode, lesson: Lesson) -> float:
    """Return the critical path of the set-ups that a lesson is the first of the course to run."""
    from labs.sites.spec import load_file
    from provisioning.setup.plan import plan
    from provisioning.setup.steps import steps_for

    prepares = re.compile(r'\bprepare\("(\w+)"')
    parts = {part for cell in notebook.cells for part in prepares.findall(cell.source)}
    if not parts:
        return 0
    for before in sources(_path(lesson).parents[1]):
        if before == lesson:
            break
        text = (before.folder / "lesson.py").read_text(encoding="utf-8")
        parts -= set(prepares.findall(text))
    specs = [load_file(part) for part in parts]
    return sum(plan(steps_for(spec, spec.options[0])).total_s for spec in specs)
