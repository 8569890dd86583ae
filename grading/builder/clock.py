"""A lesson's minutes, derived from its source by the one table in ``clock.toml``.

A machine's seconds were recorded when the solved lessons ran (``python -m grading rehearse --record``), and minutes on
a lease stand in front matter. Set-up is told apart: while a machine boots, a student does something else. Pages call
the minutes estimated: a class's report has the medians that the table is refitted by.
"""

import ast
import json
import re
import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from nbformat import NotebookNode

from grading.builder.questions import written
from grading.builder.sources import SOLUTION, sources
from labs.course.lessons import Lesson
from labs.machine.fingerprint import fingerprint

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_READ, _ANSWER = _TABLE["reading"], _TABLE["answer"]

#: What a lesson's minutes go into by a question's kind; a cell without a question asks for calls, as one for records.
_WRITTEN = {"function": "functions", "file": "files", "records": "calls"}

#: A cell that shows neither table nor picture ends with one of these, or with no value.
_SHOWS_NONE = {"begin", "check", "predict", "print"}


def set_minutes(notebook: NotebookNode, lesson: Lesson) -> None:
    """Write a lesson's minutes into the notebook's metadata, and those of set-up beside them."""
    found = minutes_of(notebook, lesson)
    setup = round(found.pop("setup"))
    notebook.metadata.lesson |= {"minutes": round(sum(found.values()))} | (
        {"setup_minutes": setup} if setup else {}
    )


def minutes_of(notebook: NotebookNode, lesson: Lesson) -> dict[str, float]:
    """Return the minutes of a notebook whose solutions still stand in it, by what they go into; set-up is the last."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = dict.fromkeys(("reading", "code", *_WRITTEN.values(), "answers", "predictions"), 0.0)
    found["reading"] = _READ["opening"] + _reading(text)
    for cell in code:
        question, given = (
            written(lesson).get(cell.metadata.get("question", "")),
            SOLUTION.sub("", f"{cell.source}\n"),
        )
        kind, lines = (
            question.values["kind"] if question else "records",
            _lines_to_write(cell.source),
        )
        found["reading"] += _READ["shown"] * shows(given)
        if cell.source.startswith("predict("):
            found["predictions"] += _READ["prediction"]
        elif kind == "answer" and question:
            found["answers"] += _ANSWER["recommendation" if question.values["again"] else "plain"]
        elif lines:
            cases = (
                sum(1 for _ in question.cases(np.random.default_rng(0)))
                if question and question.cases
                else 0
            )
            of = _TABLE[kind]
            usual = of["first"] + of["line"] * lines + of["case"] * cases
            found[_WRITTEN[kind]] += min(max(usual, of["least"]), of["most"])
        elif cell.metadata.get("jupyter", {}).get("source_hidden"):
            found["code"] += _READ["folded"]
        else:
            found["code"] += _READ["line"] * sum(bool(line.strip()) for line in given.splitlines())
    machine = recorded(lesson).get(lesson.id, {}).get("seconds", 0) / 60
    return found | {
        "machine": machine,
        "lease": lesson.machine_minutes,
        "setup": _setup_s(notebook, lesson) / 60,
    }


def _reading(text: str) -> float:
    """Return the minutes of a text in Markdown, with its tables, pictures and displayed formulas."""
    text, formulas = re.subn(r"\$\$.+?\$\$", "", text, flags=re.DOTALL)
    rows = re.findall(r"^\|.*$", text, re.MULTILINE)
    shown = text.count("![") + sum(bool(re.fullmatch(r"[ :|-]+", row)) for row in rows)
    table_words, words = (len(re.findall(r"\S*\w\S*", one)) for one in ("\n".join(rows), text))
    of_words = _READ["words"] * (words - table_words) + _READ["table_words"] * table_words
    return of_words + _READ["formula"] * formulas + _READ["shown"] * shown


def _lines_to_write(source: str) -> int:
    """Return how many lines of a cell's solutions do not stand in its stubs already."""
    lines: Counter[str] = Counter()
    for _, solution, stub in SOLUTION.findall(f"{source}\n"):
        lines += Counter(map(str.strip, solution.splitlines())) - Counter(
            map(str.strip, stub.splitlines())
        )
    return lines.total() - lines[""]


def shows(source: str) -> bool:
    """Return whether a cell shows a table or a picture: it draws, or ends with a value."""
    try:
        *_, last = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE)).body
    except (SyntaxError, ValueError):  # a file for another program, or nothing
        return False
    called = getattr(getattr(getattr(last, "value", None), "func", None), "id", "")
    return bool(re.search(r"\bplt\.|\baxes\b", source)) or (
        isinstance(last, ast.Expr) and called not in _SHOWS_NONE
    )


def _path(lesson: Lesson) -> Path:
    return next(one for one in lesson.folder.parents if one.name == "source") / "rehearsed.json"


def recorded(lesson: Lesson) -> dict[str, dict]:
    """Return what is recorded beside a lesson's source by lesson: seconds of the solved lesson, machine and date."""
    return json.loads(_path(lesson).read_text(encoding="utf-8")) if _path(lesson).is_file() else {}


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
    from provisioning.setup.plan import plan
    from provisioning.setup.steps import steps_for
    from provisioning.sites.spec import load_file

    prepares = re.compile(r'\bprepare\("(\w+)"')
    parts = {part for cell in notebook.cells for part in prepares.findall(cell.source)}
    for before in sources(_path(lesson).parents[1]) if parts else []:
        if before == lesson:
            break
        parts -= set(prepares.findall((before.folder / "lesson.py").read_text(encoding="utf-8")))
    specs = [load_file(part) for part in parts]
    return sum(plan(steps_for(one, one.options[0])).total_s for one in specs)
