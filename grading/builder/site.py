"""The course as pages (``make site``): each lesson as students get it, with the outputs of a solved
run.

Sphinx reads a folder that mirrors the repository's paths, so links hold between its pages as they
do between files. Outputs that answer a prediction are folded, a live widget becomes its still form,
and outputs that quote a solution are left out.
"""

import functools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path
from typing import Any

import nbformat
import vl_convert
from nbformat import NotebookNode

from grading.builder.notebook import build, text_of
from grading.builder.predictions import Guesses, form
from grading.builder.publish import repository_of
from grading.builder.questions import written
from grading.builder.solve import guesses, solve
from grading.builder.sources import SOLUTION, guides, sources
from labs.course.lessons import NOTEBOOKS_DIR, Lesson, LessonError
from labs.course.question import Question, question
from labs.workspace import PROJECT_DIR
from provisioning.heartbeat import heartbeat

_WIDGET = "application/vnd.jupyter.widget-view+json"
_VEGA = "application/vnd.vegalite.v5+json"
#: The repository's own texts; a file of the same path below ``notebooks/site/menus`` is put behind
#: one of them.
_PAGES = [
    "README.md",
    "CHANGELOG.md",
    "notebooks/README.md",
    "notebooks/QUESTIONS.md",
    "notebooks/GLOSSARY.md",
    "notebooks/2_edge/README.md",
    "grading/README.md",
    "notebooks/instructor/README.md",
    "notebooks/instructor/own-machines.md",
    "provisioning/rehearsal/README.md",
    "assets/README.md",
    "assets/food11-mini/README.md",
    "assets/sent-photos/README.md",
    "assets/models/README.md",
    "notebooks/instructor/sample/README.md",
]
#: Sphinx does not follow the addresses of a ``<picture>``.
_FILMS = ("assets/pictures/predict-light.webp", "assets/pictures/predict-dark.webp")
#: A solution's shorter lines appear in many outputs by chance.
_TELLING_LETTERS = 10
_NOTE = "> *This is what students get: what they write is left open. {}.*"
_RAN = "Outputs come from one run of the solved lesson; those that answer a prediction are folded"


def build_site(runs: Path, folder: Path) -> list[Lesson]:
    """Build the pages into ``folder/html``, and return the lessons that are shown without outputs.

    Args:
        runs: What ``rehearse --keep`` left; a lesson that has changed since then is shown without
            outputs.

    Raises:
        LessonError: Sphinx found a fault, often a link that leads nowhere, and has printed it; or a
            chart has no words.
    """
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    shutil.copytree(NOTEBOOKS_DIR / "site", source)
    staffs_alone = shutil.ignore_patterns("*-answers.html")
    for name in ("assets/pictures", "notebooks/instructor/sample"):
        shutil.copytree(PROJECT_DIR / name, source / name, ignore=staffs_alone)
    style = (PROJECT_DIR / "labs" / "display" / "theme.css").read_text(encoding="utf-8")
    style = style.replace('[data-jp-theme-light="false"]', 'html[data-theme="dark"]')
    _write(source / "static" / "theme.css", style)
    for name in _FILMS:
        (source / "extra" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_DIR / name, source / "extra" / name)
    for name in _PAGES:
        _write(source / name, _page(name, source))
    bare = []
    for lesson in [*sources(), *guides()]:
        notebook, has_outputs = shown(lesson, runs)
        if not has_outputs and lesson.kind != "guide":
            bare.append(lesson)
        path = lesson.notebook.relative_to(PROJECT_DIR)
        _write(source / path, text_of(notebook))
        _write(source / "extra" / path, text_of(build(lesson)))
    options = ["-q", "-W", "--keep-going", "-n", "-j", "auto", "-d", str(folder / "doctrees")]
    # For templates/lesson-links.html.
    options += ["-A", f"repository={repository_of(PROJECT_DIR)}"]
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(folder / "html")]
    with heartbeat(lambda: "Sphinx writes the pages"):
        done = subprocess.run(command, cwd=PROJECT_DIR, check=False)
    if done.returncode:
        raise LessonError("The site has the faults above.")
    return bare


def _page(name: str, source: Path) -> str:
    """Return one of the repository's texts, with its menu appended and without links to staff's
    pages.
    """
    paths = [PROJECT_DIR / name, source / "menus" / name]
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())
    # README is on the first page of the site.
    root = "../" * name.count("/")
    text = re.sub(rf"\]\({root}README\.md#based-on\)", f"]({root}index.md#based-on)", text)
    return re.sub(r"\[([^]]+)\]\(\S+-answers\.html\)", r"\1", text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def shown(lesson: Lesson, runs: Path) -> tuple[NotebookNode, bool]:
    """Return a lesson as it is handed out, with the outputs of its solved run, and whether that was
    kept.
    """
    notebook = build(lesson)
    path = runs / lesson.notebook.name
    ran = nbformat.read(path, as_version=4).cells if path.is_file() else []
    is_kept = [cell.source for cell in ran] == [cell.source for cell in solve(lesson).cells]
    predictions = _predictions(lesson)
    _fold_answers(notebook, predictions)
    lesson_guesses = [Guesses(asked, values) for asked, values in predictions.values()]
    for cell, solved in zip(notebook.cells, ran[1:] if is_kept else notebook.cells, strict=True):
        if cell.cell_type != "code":
            continue
        if cell.id in predictions:
            asked, _ = predictions[cell.id]
            data = {"text/html": form(asked)}
            cell.outputs = [nbformat.v4.new_output("display_data", data)] if is_kept else []
            continue
        stills = [still_form(output, runs) for output in solved.outputs]
        cell.outputs = [still for still in stills if still]
        if "hide-output" in cell.metadata.tags:
            for output in cell.outputs:
                _mark(output, lesson_guesses)
    if lesson.kind != "guide":
        origin = _RAN if is_kept else "No run of this version was kept, so there are no outputs"
        note = nbformat.v4.new_markdown_cell(_NOTE.format(origin), id="shown")
        notebook.cells.insert(1, note)
    return notebook, is_kept


def _predictions(lesson: Lesson) -> dict[str, tuple[Question, dict[str, float]]]:
    """Return a lesson's predictions by the id of their cell, each with the solved run's guesses."""
    by_cell = {}
    for id, asked in written(lesson).items():
        if asked.values["kind"] == "prediction":
            by_cell[id.replace(".", "-")] = (question(id), guesses(asked))
    return by_cell


def _mark(output: NotebookNode, lesson_guesses: list[Guesses]) -> None:
    """Mark the solved run's guesses in an output, so that a visitor's can take their place."""
    data = output.get("data", {})
    if "text/html" in data:
        for each in lesson_guesses:
            data["text/html"] = each.marked(data["text/html"])


def _fold_answers(notebook: NotebookNode, predictions: Iterable[str]) -> None:
    """Fold the outputs that answer a prediction, up to the next heading, and each later cell that
    names its result. The cells' tags name the predictions.
    """
    is_behind = False
    answers = r"predicted\("
    tags = [f"behind-{cell_id}" for cell_id in predictions]
    for cell in notebook.cells:
        # The name whose value a later table shows beside its own column.
        if name := re.search(r"(\w+) = predicted\(", cell.source):
            answers += rf"|\b{name[1]}\b"
        if re.search(r"^## ", cell.source, re.MULTILINE):
            is_behind = False
        if cell.cell_type != "code":
            continue
        if "predicted(" in cell.source:
            is_behind = True
        is_folded = is_behind or bool(re.search(answers, cell.source))
        is_hidden = bool(cell.metadata.get("jupyter", {}).get("source_hidden"))
        cell.metadata.tags = ["hide-input"] * is_hidden + ["hide-output", *tags] * is_folded
        cell.metadata.mystnb = {"code_prompt_show": "Show what was measured"} if is_folded else {}


def still_form(output: NotebookNode, runs: Path) -> NotebookNode | None:
    """Return an output in a form for any page; None if it works only in JupyterLab or quotes a
    solution.
    """
    text = json.dumps(output).replace(f"{runs.resolve()}/", "").replace(f"{PROJECT_DIR}/", "")
    output = nbformat.from_dict(json.loads(text))
    data: dict[str, Any] = output.get("data", {})
    if data.pop(_WIDGET, None) and "text/html" not in data:  # a bar of progress
        return None
    if chart := data.pop(_VEGA, None):
        data["text/html"] = _drawing(chart)
    if html := data.get("text/html"):
        # The site has it once.
        html = re.sub(r"<style>\.msl\{.*?</style>", "", html, flags=re.DOTALL)
        # pandas' corner heads nothing.
        data["text/html"] = re.sub(r"<th([^>]*)>(?:&nbsp;)?</th>", r"<td\1></td>", html)
    texts = "\n".join([output.get("text", ""), *map(str, data.values())])
    if "<iframe" in texts:
        return None
    words = " ".join(unescape(re.sub(r"<[^>]*>", "", texts)).split())
    return None if any(line in words for line in solutions()) else output


def _drawing(chart: dict[str, Any]) -> str:
    """Return a chart as a drawing with a text for readers who cannot see it.

    Raises:
        LessonError: It has no description.
    """
    if "description" not in chart:
        raise LessonError(
            "A chart has no words for readers who cannot see it: give alt.Chart a description."
        )
    label = escape(chart["description"])
    begin = f'<svg style="max-width:100%;height:auto" role="img" aria-label="{label}"'
    return vl_convert.vegalite_to_svg(chart).replace("<svg", begin, 1)


@functools.cache
def solutions() -> frozenset[str]:
    """Return the lines of all lessons' solutions that students are not given anywhere."""
    given = ""
    solved = ""
    for lesson in sources():
        cells = nbformat.read(lesson.notebook, as_version=4).cells
        given += "\n".join(cell.source for cell in cells)
        source = (lesson.folder / "lesson.py").read_text(encoding="utf-8")
        solved += "".join(solution for _, solution, _ in SOLUTION.findall(source))
    words = " ".join(given.split())
    lines = {" ".join(line.split()) for line in solved.splitlines()}
    return frozenset(line for line in lines if len(line) >= _TELLING_LETTERS and line not in words)
