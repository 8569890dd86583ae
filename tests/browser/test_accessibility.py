"""Everyone can use the course: axe finds nothing serious on its pages and widgets, in both themes.

The tests check the course's own parts: the front page, and the outputs of its cells. They leave out
other projects' parts: JupyterLab's frame (menus, toolbars, the editor), content in a frame
(Netron), and Vega's menu for saving a drawing, which has a title but no name.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import chameleon_rehearsal
from grading.builder.notebook import text_of
from grading.builder.solve import solve
from grading.builder.sources import sources
from grading.classroom.defence import sheet
from grading.classroom.handed_in import Handed
from grading.classroom.likeness import LikenessGroup
from grading.classroom.report import write_report
from grading.grade.result import SpotCheck, page
from labs.serve.models import fp32_model
from tests.browser.conftest import write_cells
from tests.browser.jupyterlab import SERIOUS, Course, Notebook, require_browser, violations
from tests.grading.classroom.test_defence import member
from tests.grading.recorded import recorded, written
from tests.grading.result.test_result import ASIDE, RESULT

#: Widgets and texts for students, a cell for each kind.
CELLS = {
    "questions": """
from labs.checkpoints import check, predict
predict("quantize.faster", dynamic=..., static=...)""",
    "stub": """
def scale_and_zero_point(xmin, xmax, qmin, qmax):
    raise NotImplementedError
check("quantize.affine", scale_and_zero_point)""",
    "mistake": """
def scale_and_zero_point(xmin, xmax, qmin, qmax):
    return (xmax - xmin) / 256, 0
check("quantize.affine", scale_and_zero_point)""",
    "tables": """
from labs.widgets import scoreboard
from labs.records.ledger import ledger
display(scoreboard(ledger()))""",
    "charts": """
import ipywidgets
from labs.charts import latency_distribution
from labs.widgets.controls import controls
uplink = ipywidgets.FloatSlider(description="Uplink")
who = ipywidgets.Dropdown(description="who", options=["a"])
display(controls([uplink, who]))
latency_distribution(ledger().measurements(kind="latency")[:2], 0.003)""",
    "explorer": """
from labs.widgets import explore
def draw(axis, bits):
    return f"{bits} bits give {2 ** bits} marks."
explore("A ruler", draw, bits=ipywidgets.IntSlider(value=4, min=2, max=8, description="bits"))""",
    "lease": """
from provisioning import lab
from provisioning.lab import rehearsal
from provisioning.widgets import faults, lease_countdown, planner, provisioning_progress
rehearsal.use(speed=10_000.0, user="kim")
plan = planner("edge")
run = lab.prepare("edge", plan.chosen.option)
run.record.update("lease", state="done", remember={"end": plan.reserve().end.isoformat()})
display(plan, lease_countdown(run), faults())""",
    "python-chi's own tables": """
from unittest.mock import MagicMock
from chi.container import Container
from chi.server import Server
Server._show_widget(MagicMock(), MagicMock())
Container._show_html_table(MagicMock(), MagicMock())""",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    """Yield a JupyterLab over the recorded work of part 1, and a page that shows the course as it
    opens.
    """
    require_browser()
    folder: Path = tmp_path_factory.mktemp("everybody")
    (folder / "workspace").mkdir()
    (folder / "workspace" / "ledger.jsonl").write_text(written(recorded(1)), encoding="utf-8")
    write_cells(folder / "shown.ipynb", CELLS.values())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"REHEARSAL_HOME": "rehearsal", "LABS_STATE": "state"}.items():
            patch.setenv(name, str(folder / value))
        patch.setenv("LABS_OWNER", "kim")
        try:
            # JupyterLab draws what is on screen, and axe sees what is drawn.
            with (
                Course(folder, workspace=folder / "workspace") as lab,
                lab.front_page(height=9000) as page,
            ):
                yield lab, page
        finally:
            chameleon_rehearsal.stop(folder / "rehearsal")


def test_the_front_page_is_for_everybody(course):
    """In both themes, with every part open; not even what axe calls minor."""
    _, page = course
    page.evaluate(
        "document.querySelectorAll('#msl-course details').forEach(one => one.open = true)"
    )
    for theme in ("Light", "Dark"):
        Notebook(page).use_theme(theme)
        assert violations(page, "#msl-course", impacts=(*SERIOUS, "moderate", "minor")) == []


def test_the_keyboard_reaches_everything_on_the_front_page_at_two_hundred_percent(course):
    """Tab comes to each link and each part once, in the order in which they are read; nothing
    sticks out sideways.
    """
    _, page = course
    try:
        for width in (640, 1024, 1920):
            page.set_viewport_size({"width": width, "height": 500})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert page.evaluate(
                "(at => at.scrollWidth <= at.clientWidth + "
                "1)(document.querySelector('#msl-course'))"
            )
        wanted = (
            page.locator("#msl-course")
            .locator("a:visible, summary:visible, button:visible")
            .all_inner_texts()
        )
        page.focus("#msl-course")
        visited = []
        for _ in wanted:
            page.keyboard.press("Tab")
            visited.append(page.evaluate("document.activeElement.innerText"))
        assert visited == wanted
    finally:
        page.set_viewport_size({"width": 1280, "height": 9000})


def test_what_a_lesson_shows_is_for_everybody(course):
    """Prediction boxes, cards, tables, charts, knobs, planner, countdown and faults; and
    python-chi's tables.
    """
    lab, page = course
    notebook, faults = lab.open(page, "shown.ipynb"), []
    notebook.run_all(wait_s=300)
    page.wait_for_selector(".noUi-handle[aria-label]")
    page.locator(".vega-embed [role=graphics-document]").first.wait_for()
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").all_inner_texts() == []
    for theme in ("Dark", "Light"):
        notebook.use_theme(theme)
        shown = violations(page, ".jp-OutputArea-output", without=[".vega-embed > details"])
        faults += [f"{theme}: {line}" for line in shown]
    assert faults == []


@pytest.mark.slow
def test_an_executed_lesson_is_for_everybody(course):
    """Its figures say in words what they show, each something else, and their letters take the
    theme's colour.
    """
    lab, page = course
    (models := lab.folder / "workspace" / "models").mkdir()
    fp32_model(models).rename(models / "food11.onnx")
    begin_with_the_model = {"compile": ["models/food11.onnx"]}
    *_, last = (lesson for lesson in sources() if lesson.takes == begin_with_the_model)
    solved = solve(last)
    (lab.folder / "executed.ipynb").write_text(text_of(solved), encoding="utf-8")
    notebook, faults, inks = lab.open(page, "executed.ipynb"), [], set()
    notebook.run_all(wait_s=500)
    figures = page.locator(".jp-OutputArea-output svg[role=img]")
    words = [figure.get_attribute("aria-label") for figure in figures.all()]
    assert (
        len({*words})
        == len(words)
        == sum(cell.source.count("plt.subplots(") for cell in solved.cells)
    )
    for theme in ("Dark", "Light"):
        notebook.use_theme(theme)
        faults += [f"{theme}: {line}" for line in violations(page, ".jp-OutputArea-output")]
        inks.update(
            figures.locator("text").evaluate_all(
                "texts => texts.map(one => getComputedStyle(one).fill)"
            )
        )
    assert faults == []
    assert len(inks) == 2
    # In a notebook that is not trusted, JupyterLab takes SVG away: a picture stands there, and no
    # heap of letters.
    clean = "rendermime.sanitizer.sanitize(svg.parentNode.parentNode.innerHTML)"
    untrusted = figures.first.evaluate(f"svg => jupyterapp.shell.currentWidget.content.{clean}")
    assert re.match(r'\s*<div hidden="hidden">[^<]*</div><img alt="[^"]+" src="data:', untrusted)


@pytest.mark.slow
def test_the_pages_of_a_class_are_for_everybody(course, tmp_path: Path):
    """Pages for students and graders, each complete, in both colour schemes."""
    ada = replace(
        member("ada"), rows=RESULT.rows, notes=RESULT.notes, findings=(ASIDE,), limits=("no walls",)
    )
    group, looked_at = (
        LikenessGroup(("ada", "bob"), {"ids": 3, "texts": 1}),
        SpotCheck("ada", ("drawn at random",)),
    )
    report = write_report([Handed("ada", tmp_path)], [ada], [group], [looked_at], tmp_path)
    texts = {
        "student": page(ada),
        "published": page(ada, hidden=True),
        "defence": sheet(ada, "a seed", answers=True),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
    window = course[1].context.browser.new_page()
    faults = []
    for address in [report.as_uri(), *((tmp_path / f"{name}.html").as_uri() for name in texts)]:
        window.goto(address)
        for scheme in ("light", "dark"):
            window.emulate_media(color_scheme=scheme)
            faults += [f"{window.title()}, {scheme}: {line}" for line in violations(window)]
    window.close()
    assert faults == []
