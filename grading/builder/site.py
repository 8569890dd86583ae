"""The course as pages (``make site``): each lesson as it is handed out, with the outputs of a solved run in it.

Sphinx reads a folder that mirrors the repository's paths, so links hold between its pages as they do between files.
What lies behind a prediction is folded, a live widget is its still form, and what quotes a solution is left out.
"""

import functools
import json
import re
import shutil
import subprocess
import sys
from html import escape, unescape
from pathlib import Path
from typing import Any

import nbformat
import vl_convert
from nbformat import NotebookNode

from grading.builder.notebook import build, text_of
from grading.builder.solve import solve
from grading.builder.sources import SOLUTION, guides, sources
from labs.course.lessons import NOTEBOOKS_DIR, Lesson, LessonError
from labs.workspace import PROJECT_DIR

_WIDGET, _VEGA = "application/vnd.jupyter.widget-view+json", "application/vnd.vegalite.v5+json"
#: The repository's own texts; a file of the same path below ``notebooks/site/menus`` is put behind one of them.
_PAGES = (
    "README.md CHANGELOG.md notebooks/README.md notebooks/QUESTIONS.md notebooks/2_edge/README.md grading/README.md "
    "notebooks/instructor/README.md provisioning/rehearsal/README.md assets/README.md assets/food11-mini/README.md "
    "assets/models/README.md notebooks/instructor/sample/README.md"
).split()
#: A solution's shorter lines stand in many an output by chance.
_TELLING_LETTERS = 10
_NOTE = "> *This is what students get: what they write is left open. {}.*"
_RAN = "Outputs come from one run of the solved lesson; those that answer a prediction are folded"


def build_site(kept: Path, folder: Path) -> list[Lesson]:
    """Build the pages into ``folder/html``, and return the lessons that are shown without outputs.

    Args:
        kept: What ``rehearse --keep`` left; a lesson that has changed since then is shown without outputs.

    Raises:
        LessonError: Sphinx found a fault, often a link that leads nowhere, and has printed it; or a chart has no words.
    """
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    shutil.copytree(NOTEBOOKS_DIR / "site", source)
    for name in ("assets/pictures", "notebooks/instructor/sample"):
        shutil.copytree(
            PROJECT_DIR / name, source / name, ignore=shutil.ignore_patterns("*-answers.html")
        )
    style = (PROJECT_DIR / "labs" / "display" / "theme.css").read_text(encoding="utf-8")
    _write(
        source / "static" / "theme.css",
        style.replace('[data-jp-theme-light="false"]', 'html[data-theme="dark"]'),
    )
    for name in _PAGES:
        parts = [path for path in (PROJECT_DIR / name, source / "menus" / name) if path.is_file()]
        text = "\n".join(path.read_text(encoding="utf-8") for path in parts)
        _write(
            source / name, re.sub(r"\[([^]]+)\]\(\S+-answers\.html\)", r"\1", text)
        )  # staff's alone
    bare = []
    for lesson in [*sources(), *guides()]:
        notebook, has_outputs = shown(lesson, kept)
        bare += [] if has_outputs or lesson.kind == "guide" else [lesson]
        _write(source / lesson.notebook.relative_to(PROJECT_DIR), text_of(notebook))
    line = (
        sys.executable,
        *"-m sphinx -q -W --keep-going -n -j auto -d".split(),
        folder / "doctrees",
        source,
    )
    if subprocess.run([*map(str, line), folder / "html"], cwd=PROJECT_DIR, check=False).returncode:
        raise LessonError("The site has the faults above.")
    return bare


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def shown(lesson: Lesson, kept: Path) -> tuple[NotebookNode, bool]:
    """Return a lesson as it is handed out, with the outputs of its solved run, and whether that was kept."""
    notebook, path = build(lesson), kept / lesson.notebook.name
    ran = nbformat.read(path, as_version=4).cells if path.is_file() else []
    is_kept = [cell.source for cell in ran] == [cell.source for cell in solve(lesson).cells]
    behind, answers = False, r"predicted\("
    for cell, solved in zip(notebook.cells, ran[1:] if is_kept else notebook.cells, strict=True):
        if name := re.search(
            r"(\w+) = predicted\(", cell.source
        ):  # what a later table shows beside its own column
            answers += rf"|\b{name[1]}\b"
        behind = behind and not re.search(r"^## ", cell.source, re.MULTILINE)
        if cell.cell_type == "code":
            behind = behind or "predicted(" in cell.source
            folded = behind or bool(re.search(answers, cell.source))
            hidden = bool(cell.metadata.get("jupyter", {}).get("source_hidden"))
            cell.metadata.tags = ["hide-input"] * hidden + ["hide-output"] * folded
            cell.metadata.mystnb = {"code_prompt_show": "Show what was measured"} if folded else {}
            # A box for a prediction would show the one that the solved run made.
            outputs = [] if cell.source.startswith("predict(") else solved.outputs
            cell.outputs = [still for output in outputs if (still := still_form(output, kept))]
    if lesson.kind != "guide":
        note = _NOTE.format(
            _RAN if is_kept else "No run of this version was kept, so there are no outputs"
        )
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(note, id="shown"))
    return notebook, is_kept


def still_form(output: NotebookNode, kept: Path) -> NotebookNode | None:
    """Return an output as any page can show it; None of what lives in JupyterLab alone, or quotes a solution."""
    text = json.dumps(output).replace(f"{kept.resolve()}/", "").replace(f"{PROJECT_DIR}/", "")
    output = nbformat.from_dict(json.loads(text))
    data: dict[str, Any] = output.get("data", {})
    if data.pop(_WIDGET, None) and "text/html" not in data:  # a bar of progress
        return None
    if chart := data.pop(_VEGA, None):
        if "description" not in chart:
            raise LessonError(
                "A chart has no words for readers who cannot see it: give alt.Chart a description."
            )
        named = f'<svg style="max-width:100%;height:auto" role="img" aria-label="{escape(chart["description"])}"'
        data["text/html"] = vl_convert.vegalite_to_svg(chart).replace("<svg", named, 1)
    if html := data.get("text/html"):
        html = re.sub(
            r"<style>\.msl\{.*?</style>", "", html, flags=re.DOTALL
        )  # the site has it once
        data["text/html"] = re.sub(
            r"<th([^>]*)>(?:&nbsp;)?</th>", r"<td\1></td>", html
        )  # pandas' corner heads nothing
    texts = "\n".join([output.get("text", ""), *map(str, data.values())])
    words = " ".join(unescape(re.sub(r"<[^>]*>", "", texts)).split())
    return None if "<iframe" in texts or any(line in words for line in solutions()) else output


@functools.cache
def solutions() -> frozenset[str]:
    """Return the lines of all lessons' solutions that students are not given anywhere."""
    given, solved = "", ""
    for lesson in sources():
        given += "\n".join(
            cell.source for cell in nbformat.read(lesson.notebook, as_version=4).cells
        )
        source = (lesson.folder / "lesson.py").read_text(encoding="utf-8")
        solved += "".join(solution for _, solution, _ in SOLUTION.findall(source))
    lines, words = {" ".join(line.split()) for line in solved.splitlines()}, " ".join(given.split())
    return frozenset(line for line in lines if len(line) >= _TELLING_LETTERS and line not in words)
