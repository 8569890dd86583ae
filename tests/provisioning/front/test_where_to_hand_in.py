"""Where students hand in: every place that says so shows the assignment's name and address, or one
plain sentence.
"""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from grading.assignment import shown
from grading.builder.notebook import build
from grading.builder.pages import questions_page
from grading.builder.sources import sources
from labs.course.assignment import SHIPPED, assignment
from provisioning.front.command import app
from provisioning.front.page import front_page
from provisioning.front.standing import standing

#: A name and an address each; the names hold what HTML, Markdown, MathJax and a terminal's markup
#: would read as theirs.
PLACES = [
    ("Gradescope", "https://www.gradescope.com/courses/123456"),
    ("Moodle (ECE-GY 7123)", "http://moodle.example.edu:8080/course/view.php?id=7&section=(a)#top"),
    (
        '<b>A & B</b> [x](y) *c* `d` $e$ [bold]f[/] \\\\ | {{ g }} ~h~ "i"',
        "https://example.edu/~ada/'k'?l=[m]",
    ),
]

NOWHERE = "where your instructor says."


class Links(HTMLParser):
    """The links of a page with their texts, and the names of all its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.elements: set[str] = set()
        self._href: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag == "a":
            self._href = dict(attrs)["href"]
            self.links.append((self._href or "", ""))

    def handle_data(self, data: str) -> None:
        if self._href is not None:
            href, text = self.links[-1]
            self.links[-1] = (href, text + data)

    def handle_endtag(self, tag: str) -> None:
        self._href = None if tag == "a" else self._href


def links_of(markdown: str) -> Links:
    """Return the links of a text in Markdown, with HTML in it read as HTML."""
    parser = MarkdownIt("commonmark", {"html": True})
    parser.normalizeLink = lambda url: url
    return Links(parser.render(markdown))


def asks(
    monkeypatch: pytest.MonkeyPatch, folder: Path, shipped: Path, place: tuple[str, str] | None
) -> None:
    """Let the course follow a shipped assignment with this place in it."""
    text = shipped.read_text(encoding="utf-8")
    if place:
        key = f"hand_in = {{ name = {json.dumps(place[0])}, url = {json.dumps(place[1])} }}"
        text = text.replace("[course]", f"[course]\n{key}", 1)
    path = folder / "assignment.toml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr("labs.course.assignment.PATH", path)


def ends() -> dict[int, list[str]]:
    """Return what the lessons of each part say about handing in."""
    texts: dict[int, list[str]] = {}
    for number in assignment().parts:
        wanted = {lesson.id for lesson in assignment().lessons(number)}
        texts[number] = []
        for lesson in sources():
            if lesson.id in wanted:
                cells = [cell.source for cell in build(lesson).cells]
                texts[number] += [text for text in cells if text.startswith("## Hand in")]
    return texts


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0][:8])
def test_every_place_shows_the_name_and_the_address(
    place: tuple[str, str],
    shipped: Path,
    done: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """The questions page, the last lesson of each part, the front page, `msl submit` and
    `msl status`.
    """
    asks(monkeypatch, tmp_path, shipped, place)
    name, url = place
    page = links_of(questions_page())
    assert (url, name) in page.links
    assert "b" not in page.elements
    for texts in ends().values():
        (text,) = texts
        assert links_of(text).links == [(url, name)]
        assert NOWHERE not in text
    assert f"Students upload their zips to {name}: {url}" in shown(assignment())
    front = Links(front_page(standing()))
    assert (url, name) in front.links
    for number in assignment().parts:
        out = str(tmp_path / f"{number}.zip")
        printed = CliRunner().invoke(app, ["submit", str(number), "--out", out]).output
        assert f"Upload the zip to {name}: {url}" in printed
    status = CliRunner().invoke(app, ["status"]).output
    assert f"Upload the zip to {name}: {url}" in status


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
def test_without_a_place_every_sentence_sends_students_to_their_instructor(
    shipped: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As the course ships, since its authors do not know the address."""
    asks(monkeypatch, tmp_path, shipped, None)
    texts = [questions_page(), CliRunner().invoke(app, ["status"]).output]
    texts += [" ".join(own) for own in ends().values()]
    for number in assignment().parts:
        out = str(tmp_path / f"{number}.zip")
        texts.append(CliRunner().invoke(app, ["submit", str(number), "--out", out]).output)
    for text in texts:
        assert f"Upload the zip {NOWHERE}" in text
        assert "None" not in text
    page = front_page(standing())
    assert page.count(f"Upload the zip {NOWHERE}") == len(assignment().parts)
    assert "target=" not in page
