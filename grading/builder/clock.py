"""A lesson's minutes, derived from its source by one table of coefficients: ``set_minutes``, a step of the builder.

Nobody states minutes by hand. Reading, writing and predicting are counted in the source, a machine's seconds were
recorded when the solved lessons ran (``python -m grading rehearse --record``), and minutes on a lease stand in front
matter. Set-up is told apart: while a machine boots, a student does something else. Pages call the minutes estimated
until a class has run: its report then shows the medians that the table is refitted by.
"""

import ast
import functools
import json
import re
from collections import Counter
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from nbformat import NotebookNode

from grading.builder.questions import Asked, written
from grading.builder.sources import SOLUTION, sources
from labs.course.lessons import Lesson
from labs.machine.fingerprint import fingerprint

#: Words of text and words in tables that are read in a minute, and lines of visible code.
WORDS, TABLE_WORDS, CODE_LINES = 200, 100, 15

#: Minutes for opening a lesson, a displayed formula, a folded cell, a table or picture, and a prediction.
OPENING, FORMULA, FOLDED, SHOWN, PREDICTION = 1.0, 0.5, 0.05, 0.5, 1.5

#: What writing takes, by kind: minutes, more for each line of the solution and for each public case, at least, at most.
WRITING = {
    "functions": (2.5, 0.7, 0.25, 4.0, 10.0),
    "files": (4.0, 0.5, 0.0, 4.0, 14.0),
    "calls": (3.0, 0.6, 0.0, 4.0, 8.0),
}

#: Minutes of an answer with its reasons, and of a recommendation, whose file the grader measures again.
ANSWER, RECOMMENDATION = 4.0, 8.0

#: Which kind of writing a question's own kind is; a call is what a student writes where only records are asked for.
_WRITING_OF = {"function": "functions", "file": "files", "records": "calls", "": "calls"}

#: A cell that shows no table and no picture ends with one of these, or with no expression.
_SHOWS_NONE = {"begin", "check", "predict", "print"}


@dataclass(frozen=True)
class Minutes:
    """What a lesson takes, by what it goes into."""

    reading: float
    code: float
    functions: float
    files: float
    calls: float
    answers: float
    predictions: float
    #: The solved lesson's own, as it was rehearsed.
    machine: float
    #: On the lease: it passes whether anybody acts or not.
    lease: float
    #: Until a leased machine is ready; no part of the total.
    setup: float

    @property
    def total(self) -> float:
        """Attention and lease, without set-up."""
        return sum(astuple(self)) - self.setup


def set_minutes(notebook: NotebookNode, lesson: Lesson) -> None:
    """Write a lesson's minutes into the notebook's metadata, and those of set-up beside them."""
    found = minutes_of(notebook, lesson)
    notebook.metadata.lesson.minutes = max(1, round(found.total))
    if found.setup:
        notebook.metadata.lesson.setup_minutes = round(found.setup)


def minutes_of(notebook: NotebookNode, lesson: Lesson) -> Minutes:
    """Return the minutes of a notebook whose solutions still stand in it."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    predicts = [cell for cell in code if cell.source.startswith("predict(")]
    # The given lines of a cell that is written in are read while it is written.
    read = [cell for cell in code if not (cell in predicts or _is_folded(cell) or _is_written(cell))]
    asked = written(lesson)
    writing = dict.fromkeys((*WRITING, "answers"), 0.0)
    for cell in code:
        lines = _to_write(cell.source)
        question = asked.get(cell.metadata.get("question", ""))
        if question is not None and question.values["kind"] == "answer":
            writing["answers"] += RECOMMENDATION if question.values["again"] else ANSWER
        elif lines:
            writing[_WRITING_OF[question.values["kind"] if question else ""]] += _writing(lines, question)
    return Minutes(
        reading=OPENING + _reading(text) + SHOWN * sum(_shows(SOLUTION.sub("", f"{cell.source}\n")) for cell in code),
        code=sum(bool(line.strip()) for cell in read for line in cell.source.splitlines()) / CODE_LINES
        + FOLDED * sum(map(_is_folded, code)),
        **writing,
        predictions=PREDICTION * len(predicts),
        machine=rehearsed(lesson).get("seconds", 0) / 60,
        lease=float(lesson.machine_minutes),
        setup=_setup_s(notebook, lesson) / 60,
    )


def _reading(text: str) -> float:
    """Return the minutes of a text in Markdown, with its tables, pictures and displayed formulas."""
    text, formulas = re.subn(r"\$\$.+?\$\$", "", text, flags=re.DOTALL)
    in_tables = "\n".join(re.findall(r"^\|.*$", text, re.MULTILINE))
    tables, pictures = len(re.findall(r"^\|[ :|-]+\|$", text, re.MULTILINE)), text.count("![")
    words, table_words = (
        len(re.findall(r"\S*\w\S*", one)) for one in (re.sub(r"^\|.*$", "", text, flags=re.MULTILINE), in_tables)
    )
    return words / WORDS + table_words / TABLE_WORDS + FORMULA * formulas + SHOWN * (tables + pictures)


def _is_folded(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def _is_written(cell: NotebookNode) -> bool:
    return "question" in cell.metadata or SOLUTION.search(f"{cell.source}\n") is not None


def _to_write(source: str) -> int:
    """Return how many lines of a cell's solutions do not stand in its stubs already."""
    lines = 0
    for found in SOLUTION.finditer(f"{source}\n"):
        solution, stub = (Counter(line.strip() for line in (found[at] or "").splitlines()) for at in (2, 3))
        lines += sum(count for line, count in (solution - stub).items() if line)
    return lines


def _writing(lines: int, question: Asked | None) -> float:
    kind = _WRITING_OF[question.values["kind"] if question else ""]
    first, each_line, each_case, least, most = WRITING[kind]
    cases = sum(1 for _ in question.cases(np.random.default_rng(0))) if question and question.cases else 0
    return min(max(first + each_line * lines + each_case * cases, least), most)


def _shows(source: str) -> bool:
    """Return whether a cell shows a table or a picture: it draws, or ends with a value."""
    if re.search(r"\bplt\.|\baxes\b", source):
        return True
    try:
        body = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE)).body
    except SyntaxError:  # a file for another program
        return False
    if not body or not isinstance(body[-1], ast.Expr):
        return False
    called = body[-1].value
    return not (isinstance(called, ast.Call) and getattr(called.func, "id", "") in _SHOWS_NONE)


def rehearsed(lesson: Lesson) -> dict:
    """Return what was recorded when the solved lesson ran: ``seconds``, machine and date; nothing if it never did."""
    path = record_path(lesson)
    return _records(path, path.stat().st_mtime_ns).get(lesson.id, {}) if path.is_file() else {}


def record_path(lesson: Lesson) -> Path:
    """Return the file of recorded rehearsals that lies with a lesson's source."""
    return next(one for one in lesson.folder.parents if one.name == "source") / "rehearsed.json"


def record(lesson: Lesson, seconds: float) -> None:
    """Write down how long the solved lesson ran, on which machine and when."""
    path = record_path(lesson)
    records = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    machine, date = fingerprint().label, f"{datetime.now(UTC):%Y-%m-%d}"
    records[lesson.id] = {"seconds": round(seconds), "machine": machine, "date": date}
    path.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@functools.lru_cache(maxsize=4)
def _records(path: Path, changed_ns: int) -> dict[str, dict]:
    return json.loads(path.read_text(encoding="utf-8"))


_PREPARES = re.compile(r'\bprepare\("(\w+)"')


def _setup_s(notebook: NotebookNode, lesson: Lesson) -> float:
    """Return the critical path of the set-ups that a lesson is the first of the course to run."""
    from provisioning.setup.plan import plan
    from provisioning.setup.steps import steps_for
    from provisioning.sites.spec import load_spec

    prepared = {part for cell in notebook.cells for part in _PREPARES.findall(cell.source)}
    for before in sources(record_path(lesson).parents[1]) if prepared else []:
        if before == lesson:
            break
        prepared -= set(_PREPARES.findall((before.folder / "lesson.py").read_text(encoding="utf-8")))
    specs = [load_spec(part) for part in prepared]  # type: ignore[arg-type]
    return sum(plan(steps_for(one, one.options[0])).total_s for one in specs)
