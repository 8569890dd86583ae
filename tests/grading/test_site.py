"""The site shows the students' lessons: stubs, outputs of a solved run, and folded outputs that
answer a prediction.
"""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_output

from grading.builder.notebook import build
from grading.builder.site import build_site
from grading.builder.solve import solve
from grading.builder.sources import sources
from labs.course.lessons import Lesson
from labs.workspace import STUB
from tests.browser.jupyterlab import browser, violations

#: A core lesson and a deep dive whose runs were kept; and one that has changed since then.
DIVE = next(source.id for source in sources() if source.kind == "deeper")
KEPT, CHANGED = ("measure", DIVE), "quantize"
LESSONS = {source.id: source for source in sources() if source.id in (*KEPT, CHANGED)}
#: A table in which a lesson compares the solved run's guess with the measurement.
TABLE = (
    "<table><tr><th></th><th>times</th><th>you predicted</th></tr>"
    "<tr><th>batch</th><td>1.00</td><td>1.00</td></tr></table>"
)
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "gone"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a site whose links Sphinx has followed; every kept output quotes its own
    cell.
    """
    folder = tmp_path_factory.mktemp("site")
    for lesson in LESSONS.values():
        notebook = solve(lesson)
        for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
            cell.outputs = [
                new_output("display_data", {"text/html": f"<p>ran {cell.id}</p>", **WIDGET})
            ]
            cell.outputs += [new_output("display_data", {"text/plain": "VBox()", **WIDGET})]
            cell.outputs += [new_output("stream", text=cell.source)]
            if "you predicted" in cell.source:
                cell.outputs.append(new_output("display_data", {"text/html": TABLE}))
        notebook.cells[1].source += "\nas it was last year" * (lesson.id == CHANGED)
        nbformat.write(notebook, folder / lesson.notebook.name)
    assert {*sources()} - {*build_site(folder, folder / "built")} == {LESSONS[id] for id in KEPT}
    return folder / "built" / "html"


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """Serve the site by HTTP on loopback, as a visitor gets it; yield its address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def page_of(site: Path, lesson: Lesson) -> BeautifulSoup:
    path = site / "notebooks" / lesson.link.replace(".ipynb", ".html")
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_nothing_on_the_site_tells_a_solution(site: Path):
    """Neither a page nor the index of the search, whatever the outputs were."""
    solved, given = (
        "\n".join(cell.source for source in sources() for cell in build(source, solved=way).cells)
        for way in (True, False)
    )
    lines, words = {" ".join(line.split()) for line in solved.splitlines()}, " ".join(given.split())
    telling = {line for line in lines if len(line) >= 10 and line not in words}
    assert len(telling) > 100
    for path in [*site.rglob("*.html"), *site.glob("*.js")]:
        text = path.read_text(encoding="utf-8")
        words = " ".join(
            (
                BeautifulSoup(text, "html.parser").get_text() if path.suffix == ".html" else text
            ).split()
        )
        assert [line for line in telling if line in words] == [], path


@pytest.mark.parametrize("id", LESSONS)
def test_a_lesson_is_shown_as_it_is_handed_out(site: Path, id: str):
    """Each cell's source is the student's, with its outputs; no output is of a widget alone, or of
    another version.
    """
    page = page_of(site, LESSONS[id])
    code = [cell for cell in build(LESSONS[id]).cells if cell.cell_type == "code"]
    assert [code.get_text().split() for code in page.select(".cell_input pre")] == [
        cell.source.split() for cell in code
    ]
    assert STUB in page.get_text()
    ran = {
        f"ran {cell.id}" for cell in code if id in KEPT and not cell.source.startswith("predict(")
    }
    assert {paragraph.string for paragraph in page.select(".cell_output > .output > p")} == ran
    assert "VBox" not in page.get_text()


@pytest.mark.parametrize("id", KEPT)
def test_what_answers_a_prediction_is_folded(site: Path, id: str):
    """Folded are the later measurements and each later table with the prediction's column, but
    nothing before it.
    """
    page, cells = page_of(site, LESSONS[id]), build(LESSONS[id]).cells
    (name,) = {name for cell in cells for name in re.findall(r"(\w+) = predicted\(", cell.source)}
    first = next(at for at, cell in enumerate(cells) if "= predicted(" in cell.source)
    answers = {
        cell.id
        for cell in cells[first:]
        if cell.cell_type == "code" and re.search(rf"\b{name}\b", cell.source)
    }
    folded = {
        paragraph.string.removeprefix("ran ")
        for paragraph in page.select("details.below-input .text_html p")
    }
    assert answers <= folded <= {cell.id for cell in cells[first:]}
    assert {label.string for label in page.select(".below-input .collapsed")} == {
        "Show what was measured"
    }


def test_a_visitor_predicts_and_sees_the_guess_beside_what_was_measured(served: str):
    """The measurement unfolds only then; the guess stays in the browser, also after a reload.

    By HTTP, because Chromium now and then gives a reloaded file an empty localStorage.
    """
    address = f"{served}notebooks/{LESSONS['measure'].link.replace('.ipynb', '.html')}"
    folded = ".tag_behind-measure-times details:not([open])"
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1280, "height": 1000})
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        form = page.locator("form.msl-predict")
        count = page.locator(folded).count()
        first, other = form.locator("input").all()
        first.fill("four")
        other.fill("0.5")
        other.press("Enter")
        assert "“four” is not a number" in form.locator("[role=status]").inner_text()
        assert page.locator(folded).count() == count > 0
        first.fill("4.5")
        first.press("Enter")
        for _ in range(2):
            assert page.locator(folded).count() == 0
            guess = page.locator("[data-guess]").first
            assert guess.inner_text() == "4.5"
            # The measurement is not a guess, though it has the same value.
            assert guess.locator("xpath=../preceding-sibling::td").inner_text() == "1.00"
            page.reload()
            assert first.input_value() == "4.5"
        assert [url for url in requests if not url.startswith(served)] == []


def test_every_address_leads_somewhere_and_nothing_is_fetched_from_elsewhere(site: Path):
    """Also in what Sphinx does not follow: menus, outputs, and files that are copied."""
    places = (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src"))
    for path in (
        path for path in site.rglob("*.html") if not {"_static", "_downloads"} & {*path.parts}
    ):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for tag, name in places:
            for address in (
                urlsplit(element[name]) for element in page.find_all(tag, attrs={name: True})
            ):
                assert tag == "a" or not address.netloc, f"{path} fetches {address.geturl()}"
                there = path.parent / unquote(address.path) if address.path else path
                assert address.scheme or there.exists(), f"{path}: {address.geturl()}"
                if not address.scheme and address.fragment:
                    assert f'id="{unquote(address.fragment)}"' in there.read_text(
                        encoding="utf-8"
                    ), address.geturl()


def test_the_site_is_for_everybody(site: Path):
    """axe finds nothing serious on its first page, the sheet, a lesson and a deep dive: light and
    dark, unfolded.
    """
    lessons = [f"notebooks/{LESSONS[id].link.replace('.ipynb', '.html')}" for id in KEPT]
    faults = []
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1280, "height": 1000})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for name in ("index.html", "adopters.html", *lessons):
                page.goto((site / name).as_uri())
                page.evaluate(
                    "document.querySelectorAll('main details').forEach(one => one.open = true)"
                )
                page.evaluate("document.getAnimations().forEach(one => one.finish())")
                faults += [f"{name}, {scheme}: {line}" for line in violations(page)]
    assert faults == []
